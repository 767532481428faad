"""Settings over the real database: two windows, a restart, and no secret in any file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from portal_desktop.assembly import Core
from portal_desktop.credentials import Secret
from portal_desktop.errors import SettingsError
from portal_desktop.events import SettingChanged, SettingsRefused
from portal_desktop.settings import Environment, Origin, declared

CANARY = "canary-c3d4-key"
ENTRY = {"id": "box", "kind": "openai", "name": "Box", "base_url": "http://127.0.0.1:9/v1", "credential": "box"}


async def opened(home: Path) -> Core:
    environment = Environment({"PORTAL_HOME": str(home), "PORTAL_MODELS_DISCOVERY": "off"})
    core = Core(environment.paths, environment, program="test", ports=())
    await core.start()
    return core


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = await opened(tmp_path)
    yield core
    await core.stop()


@pytest.mark.spec("S-25")
async def test_setting_changed_in_one_process_appears_in_the_other_within_a_second(core: Core, tmp_path: Path) -> None:
    other = await opened(tmp_path)
    other.watch()
    heard = asyncio.Event()
    other.bus.subscribe(SettingChanged, lambda _: heard.set())
    await core.settings.set(declared.ZOOM, 150)
    await asyncio.wait_for(heard.wait(), 1.0)
    value, origin = other.settings.get(declared.ZOOM), other.settings.origin(declared.ZOOM)
    await other.stop()
    assert (value, origin) == (150, Origin.USER)


@pytest.mark.spec("S-29")
async def test_settings_with_an_endpoint_and_its_key_leave_no_secret_in_any_file(core: Core, tmp_path: Path) -> None:
    await core.providers.add(ENTRY)
    await core.settings.set(declared.SYSTEM_PROMPT, "Be brief.")
    await core.credentials.use_passphrase(Secret("correct horse"))
    await core.credentials.set("box", Secret(CANARY))
    await core.credentials.set("long", Secret(CANARY * 1000))
    await core.stop()
    again = await opened(tmp_path)
    kept = again.settings.get(declared.ENDPOINTS), again.settings.get(declared.SYSTEM_PROMPT)
    await again.credentials.use_passphrase(Secret("correct horse"))
    key = await again.credentials.get("box")
    await again.stop()
    assert kept == ((ENTRY,), "Be brief.")
    assert key == Secret(CANARY)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 3
    assert [file for file in files if b"c3d4" in file.read_bytes()] == []


async def test_settings_row_that_is_damaged_is_a_problem_and_the_app_starts(core: Core, tmp_path: Path) -> None:
    await core.settings.set(declared.ZOOM, 150)
    await core.stop()
    connection = apsw.Connection(str(tmp_path / "data" / "portal.db"))
    connection.execute("UPDATE settings SET value = '{broken'")
    connection.close()
    again = await opened(tmp_path)
    problems = again.settings.problems
    await again.settings.reset(declared.ZOOM)
    await again.settings.reload()
    later = again.settings.problems
    await again.stop()
    assert [problem.values["field"] for problem in problems] == ["appearance.zoom"]
    assert isinstance(problems[0], SettingsError)
    assert later == ()


@pytest.mark.spec("P-29")
@pytest.mark.expects_log("settings file refused")
async def test_admin_file_changed_under_a_running_app_is_taken_or_refused(core: Core) -> None:
    changed, refused = asyncio.Event(), asyncio.Event()
    core.bus.subscribe(SettingChanged, lambda _: changed.set())
    core.bus.subscribe(SettingsRefused, lambda _: refused.set())
    core.watch()
    await asyncio.sleep(0.1)
    core.paths.admin_file.write_text("[chat]\nmax_rounds = 4\n")
    await asyncio.wait_for(changed.wait(), 5.0)
    assert core.settings.get(declared.MAX_ROUNDS) == 4
    core.paths.admin_file.write_text("[chat]\nmax_rounds = 99\n")
    await asyncio.wait_for(refused.wait(), 5.0)
    assert core.settings.get(declared.MAX_ROUNDS) == 4
