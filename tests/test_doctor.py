"""Each check of the doctor, good and bad, and the bundle for a bug report."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from portal_desktop.assembly import Core
from portal_desktop.credentials import Secret
from portal_desktop.doctor import Bundle, Check, State, shared_settings
from portal_desktop.errors import StorageError
from portal_desktop.log import redact
from portal_desktop.messages import Role, Status, user
from portal_desktop.settings import Environment, declared
from portal_desktop.storage.conversations import Conversations
from tests.support.clock import FakeClock

CANARY = "canary-e1f0-key"
CHAT = "what I told nobody"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {"PORTAL_HOME": str(tmp_path / "home"), "PORTAL_MODELS_DISCOVERY": "off"}


@pytest.fixture
async def core(variables: dict[str, str], fake_clock: FakeClock) -> AsyncIterator[Core]:
    environment = Environment(variables)
    core = Core(environment.paths, environment, clock=fake_clock, program="test", ports=())
    await core.start()
    yield core
    await core.stop()


async def examine(core: Core, start_error: StorageError | None = None) -> dict[str, Check]:
    return {check.part: check for check in await core.doctor(start_error).examine()}


@pytest.mark.spec("P-31")
async def test_doctor_on_a_fresh_home_has_a_line_per_part_with_state_and_seconds(core: Core) -> None:
    checks = await examine(core)
    assert list(checks) == [
        "Folders",
        "Disk",
        "Settings",
        "Database",
        "Backups",
        "Keyring",
        "Model servers",
        "Built-in engine",
        "Window system",
    ]
    assert {part for part, check in checks.items() if check.state is State.FAILED} <= {"Window system"}
    assert all(check.fact and check.seconds >= 0 for check in checks.values())
    assert checks["Model servers"].state is State.DEGRADED
    assert "Ollama" in checks["Model servers"].remedy


async def test_doctor_after_a_failed_start_names_its_error_and_remedy(core: Core) -> None:
    checks = await examine(core, StorageError("database_newer", known=1, found=9))
    assert checks["Database"].state is State.FAILED
    assert "newer version" in checks["Database"].fact
    assert checks["Database"].remedy


async def test_doctor_with_an_old_backup_says_so(core: Core, fake_clock: FakeClock) -> None:
    await core.backups.now()
    assert (await examine(core))["Backups"].state is State.OK
    await fake_clock.advance(49 * 3600)
    late = (await examine(core))["Backups"]
    assert (late.state, late.remedy) == (State.DEGRADED, "Run portal backup now.")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORTAL_CHAT_MAX_ROUNDS", "99", "99 is not between"),
        ("PORTAL_CHAT_ROUNDS", "4", "Nothing reads PORTAL_CHAT_ROUNDS"),
    ],
)
async def test_doctor_with_a_setting_that_cannot_be_used_says_which(
    name: str, value: str, words: str, variables: dict[str, str], fake_clock: FakeClock
) -> None:
    environment = Environment({**variables, name: value})
    core = Core(environment.paths, environment, clock=fake_clock, program="test", ports=())
    await core.start()
    found = (await examine(core))["Settings"]
    await core.stop()
    assert found.state is State.DEGRADED
    assert words in found.fact


async def test_doctor_with_a_server_that_does_not_answer_says_what_to_do(core: Core) -> None:
    await core.providers.add({"id": "box", "kind": "openai", "name": "Box", "base_url": "http://127.0.0.1:9/v1"})
    found = (await examine(core))["Model servers"]
    assert found.state is State.DEGRADED
    assert "box: Box is not running" in found.fact
    assert "Start it" in found.remedy


async def test_doctor_with_an_open_home_advises_to_close_it(core: Core) -> None:
    core.paths.data.chmod(0o755)
    found = (await examine(core))["Folders"]
    assert (found.state, "chmod 700" in found.remedy) == (State.DEGRADED, True)


@pytest.mark.spec("P-31")
@pytest.mark.expects_log("a watcher failed")
async def test_watcher_that_fails_is_started_again_and_given_up_after_five_times(
    core: Core, fake_clock: FakeClock
) -> None:
    starts: list[float] = []

    async def look() -> None:
        starts.append(fake_clock.monotonic())
        raise StorageError("database_locked")

    kept = asyncio.create_task(core._kept(look))
    await fake_clock.advance(400)
    with pytest.raises(StorageError):
        await kept
    assert [later - earlier for earlier, later in pairwise(starts)] == [10.0, 20.0, 40.0, 80.0, 160.0]


@pytest.mark.spec("X-89")
async def test_bundle_written_holds_what_was_shown_and_no_canary_and_no_chat(core: Core, tmp_path: Path) -> None:
    core.credentials.use_session()
    await core.credentials.set("box", Secret(CANARY))
    await core.settings.set(declared.SYSTEM_PROMPT, CHAT)
    await core.providers.add({"id": "box", "kind": "openai", "name": "Box", "base_url": "http://127.0.0.1:9/v1"})
    conversations = Conversations(core.database, core.clock)
    chat = await conversations.create(title=CHAT)
    await conversations.add_message(chat.id, None, user(CHAT), status=Status.COMPLETE, source=None)
    assert user(CHAT).role is Role.USER
    assert core.log is not None
    bundle = Bundle.of(
        checks=await core.doctor().examine(),
        settings=core.settings,
        reports=[f"Traceback: key {CANARY}"],
        log_tail=core.log.tail(),
        redact=core.log.redactor.text,
        to_text=partial(json.dumps, indent=1, default=str),
    )
    bundle.write(tmp_path / "report.zip")
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    assert found == bundle.files
    assert set(found) == {"doctor.txt", "versions.json", "settings.json", "log.jsonl", "crash-1.txt"}
    everything = "\n".join(found.values())
    assert "e1f0" not in everything
    assert CHAT not in everything
    assert "127.0.0.1" not in found["settings.json"]
    assert "ok        Database" in found["doctor.txt"]
    assert list(tmp_path.glob("*.partial")) == []


async def test_settings_shared_say_where_they_come_from(core: Core) -> None:
    shown = shared_settings(core.settings)
    assert shown["models.discovery"] is False
    assert shown["models.discovery (from)"] == "environment"
    assert shown["chat.max_rounds (from)"] == "default"
    assert redact(json.dumps(shown)) == json.dumps(shown)
