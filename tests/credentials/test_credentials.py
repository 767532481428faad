"""Keys on every step of the ladder, with keyrings that lock, hang and vanish; and nowhere in plain text."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.errors import InitError, KeyringLocked, NoKeyringError

from portal_desktop.credentials import Credentials, PassphraseFile, Secret, Step, check_key
from portal_desktop.errors import InvalidInput, SecretError
from portal_desktop.log import redact

CANARY = "canary-5d1f-key"
ROOT = Path(__file__).resolve().parents[2]


class Rows:
    """Stands for the settings table; writes a file, so that a byte search sees what the database would hold."""

    def __init__(self, file: Path) -> None:
        self.file = file

    async def load(self) -> dict[str, object]:
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    async def save(self, setting_id: str, value: object | None) -> None:
        rows = await self.load()
        rows.pop(setting_id, None)
        self.file.write_text(json.dumps(rows if value is None else {**rows, setting_id: value}))


class Ring:
    """A keyring that works, until it is told to raise or to hang."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.calls = 0
        self.raises: Exception | None = None
        self.answer = threading.Event()
        self.answer.set()

    def _called(self) -> None:
        self.calls += 1
        self.answer.wait()
        if self.raises is not None:
            raise self.raises

    def get_password(self, service: str, username: str) -> str | None:
        self._called()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._called()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._called()
        del self.entries[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    ring = Ring()
    yield ring
    ring.answer.set()


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(tmp_path / "rows.json")


def keys(tmp_path: Path, rows: Rows, ring: Ring | None) -> Credentials:
    return Credentials(tmp_path / "keys.sealed", rows, lambda: ring, deadline=0.3)


def bytes_below(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@dataclasses.dataclass
class Holder:
    name: str
    secret: Secret


@pytest.mark.spec("R-29")
def test_secret_in_every_kind_of_text_shows_a_mask() -> None:
    secret = Secret(CANARY)
    holder = Holder("x", secret)
    texts = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>30}",
        f"{secret!r}",
        "%s %r" % (secret, secret),  # noqa: UP031 - one of the ways
        "{}".format(secret),  # noqa: UP032 - one of the ways
        repr(holder),
        repr(dataclasses.asdict(holder)),
        json.dumps({"key": secret}, default=str),
        repr(ValueError("bad", secret)),
        repr(vars(holder)),
        repr(pickle.dumps(secret)),
        repr(pickle.loads(pickle.dumps(holder))),
    ]
    assert [text for text in texts if "5d1f" in text] == []
    assert pickle.loads(pickle.dumps(secret)).reveal() == "[masked]"
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(AttributeError):
        secret.__dict__  # noqa: B018 - the access is what is tested


@pytest.mark.spec("R-29")
def test_secret_compared_is_equal_by_value_and_to_secrets_only() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    assert len({Secret(CANARY), Secret(CANARY), Secret("ü")}) == 2
    assert copy.deepcopy(Secret(CANARY)).reveal() == CANARY
    assert not Secret("")


@pytest.mark.parametrize(
    "typed", ["", "  ", "two words", "line\nbreak", "größe", "🔑", "x" * 5000, "tab\there", "nul\0"]
)
def test_key_typed_that_no_server_takes_is_refused_without_showing_it(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_key(typed)
    assert caught.value.name == "invalid_field"
    assert not typed.strip() or typed not in str(caught.value)
    assert check_key(" sk-abc\n").reveal() == "sk-abc"


async def test_keyring_that_works_keeps_reads_and_forgets(tmp_path: Path, rows: Rows, ring: Ring) -> None:
    first = keys(tmp_path, rows, ring)
    assert (await first.start()).step is Step.KEYRING
    assert ring.calls == 0
    await first.set("box", Secret(CANARY))
    second = keys(tmp_path, rows, ring)
    await second.start()
    found = await second.get("box")
    assert found == Secret(CANARY)
    assert list(second.known_values()) == [CANARY]
    assert await second.get("other") is None
    calls = ring.calls
    assert await second.get("box") == found
    assert ring.calls == calls
    await second.delete("box")
    await second.delete("box")
    assert ring.entries == {}
    assert await second.get("box") is None


@pytest.mark.spec("X-17")
@pytest.mark.parametrize("length", [1280, 1281, 100_000])
async def test_value_beyond_the_limit_of_windows_is_sealed_in_the_database(
    length: int, tmp_path: Path, rows: Rows, ring: Ring
) -> None:
    value = (CANARY * (length // len(CANARY) + 1))[:length]
    first = keys(tmp_path, rows, ring)
    await first.start()
    await first.set("token", Secret(value))
    (entry,) = ring.entries.values()
    assert len(entry) <= 1283
    assert (await rows.load() == {}) == (length <= 1280)
    assert b"5d1f" not in bytes_below(tmp_path)
    second = keys(tmp_path, rows, ring)
    await second.start()
    assert await second.get("token") == Secret(value)
    await second.set("token", Secret("short"))
    assert await rows.load() == {}


async def test_sealed_value_that_was_changed_is_refused(tmp_path: Path, rows: Rows, ring: Ring) -> None:
    first = keys(tmp_path, rows, ring)
    await first.start()
    await first.set("token", Secret(CANARY * 200))
    row = str((await rows.load())["credential.token"])
    await rows.save("credential.token", ("A" if row[20] != "A" else "B").join((row[:20], row[21:])))
    second = keys(tmp_path, rows, ring)
    await second.start()
    with pytest.raises(SecretError) as caught:
        await second.get("token")
    assert caught.value.name == "keyring_failed"


@pytest.mark.spec("X-17")
async def test_no_keyring_offers_passphrase_and_session_and_each_works(tmp_path: Path, rows: Rows) -> None:
    first = keys(tmp_path, rows, None)
    state = await first.start()
    assert (state.step, state.choices) == (Step.UNDECIDED, (Step.FILE, Step.SESSION))
    assert "no keyring" in state.words
    with pytest.raises(SecretError) as caught:
        await first.set("box", Secret(CANARY))
    assert caught.value.name == "no_keyring"
    assert first.use_session().step is Step.SESSION
    await first.set("box", Secret(CANARY))
    assert await first.get("box") == Secret(CANARY)
    assert not (tmp_path / "keys.sealed").exists()
    assert (await first.use_passphrase(Secret("correct horse"))).step is Step.FILE
    await first.set("other", Secret(f"{CANARY}-2"))
    assert b"5d1f" not in bytes_below(tmp_path)
    assert (tmp_path / "keys.sealed").stat().st_mode & 0o777 == 0o600


@pytest.mark.spec("X-17")
async def test_passphrase_that_is_wrong_can_be_tried_again(tmp_path: Path, rows: Rows) -> None:
    first = keys(tmp_path, rows, None)
    await first.start()
    with pytest.raises(InvalidInput):
        await first.use_passphrase(Secret("short"))
    await first.use_passphrase(Secret("correct horse"))
    await first.set("box", Secret(CANARY))
    second = keys(tmp_path, rows, None)
    assert (await second.start()).step is Step.FILE_LOCKED
    with pytest.raises(SecretError) as caught:
        await second.get("box")
    assert caught.value.name == "keyring_locked"
    with pytest.raises(SecretError) as caught:
        await second.use_passphrase(Secret("wrong horse"))
    assert caught.value.name == "wrong_passphrase"
    assert second.state().step is Step.FILE_LOCKED
    assert (await second.use_passphrase(Secret("correct horse"))).step is Step.FILE
    assert await second.get("box") == Secret(CANARY)
    await second.delete("box")
    assert PassphraseFile(tmp_path / "keys.sealed").open(Secret("correct horse")) == {}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 2}', b"\xff\xfe", b'{"version":1,"salt":"x","sealed":"y"}']
)
async def test_key_file_that_is_damaged_is_refused_and_left_alone(content: bytes, tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "keys.sealed").write_bytes(content)
    credentials = keys(tmp_path, rows, None)
    assert (await credentials.start()).step is Step.FILE_LOCKED
    with pytest.raises(SecretError) as caught:
        await credentials.use_passphrase(Secret("correct horse"))
    assert caught.value.name == "keyring_failed"
    assert (tmp_path / "keys.sealed").read_bytes() == content


def test_key_file_written_by_two_keeps_what_both_wrote(tmp_path: Path) -> None:
    one, other = PassphraseFile(tmp_path / "k"), PassphraseFile(tmp_path / "k")
    one.open(Secret("correct horse"))
    other.open(Secret("correct horse"))
    one.change("a", "1")
    other.change("b", "2")
    (tmp_path / "k.abcd.new").write_bytes(b"left over by a crash")
    assert PassphraseFile(tmp_path / "k").open(Secret("correct horse")) == {"a": "1", "b": "2"}
    assert [file.name for file in tmp_path.iterdir()] == ["k"]


@pytest.mark.spec("X-17")
async def test_keyring_that_is_locked_says_so_once_and_is_not_asked_in_a_storm(
    tmp_path: Path, rows: Rows, ring: Ring
) -> None:
    credentials = keys(tmp_path, rows, ring)
    await credentials.start()
    ring.raises = KeyringLocked(f"text of a backend with {CANARY}")
    for _ in range(5):
        with pytest.raises(SecretError) as caught:
            await credentials.get("box")
        assert caught.value.name == "keyring_locked"
        assert "5d1f" not in str(caught.value)
    assert ring.calls == 1
    state = credentials.state()
    assert state.problem is not None
    assert state.choices == (Step.FILE, Step.SESSION)
    ring.raises = None
    assert (await credentials.retry()).problem is None
    assert await credentials.get("box") is None


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        (KeyringLocked(), "keyring_locked"),
        (InitError(), "keyring_failed"),
        (NoKeyringError(), "no_keyring"),
        (OSError(), "keyring_failed"),
    ],
)
async def test_keyring_that_raises_becomes_an_error_of_its_own(
    raised: Exception, name: str, tmp_path: Path, rows: Rows, ring: Ring
) -> None:
    credentials = keys(tmp_path, rows, ring)
    await credentials.start()
    ring.raises = raised
    with pytest.raises(SecretError) as caught:
        await credentials.set("box", Secret(CANARY))
    assert caught.value.name == name
    assert caught.value.technical == type(raised).__name__


@pytest.mark.spec("X-17")
async def test_keyring_that_is_silent_ends_after_its_deadline_and_works_when_it_answers(
    tmp_path: Path, rows: Rows, ring: Ring
) -> None:
    credentials = keys(tmp_path, rows, ring)
    await credentials.start()
    ring.answer.clear()
    begin = time.monotonic()
    with pytest.raises(SecretError) as caught:
        await credentials.get("box")
    assert caught.value.name == "keyring_silent"
    assert time.monotonic() - begin < 2
    with pytest.raises(SecretError):
        await credentials.get("other")
    assert ring.calls == 1
    ring.answer.set()
    while any(thread.name == "portal_keyring" for thread in threading.enumerate()):
        await asyncio.sleep(0.01)
    assert await credentials.get("box") is None
    assert credentials.state().problem is None


@pytest.mark.spec("X-17")
async def test_keyring_that_disappears_leaves_known_keys_and_the_other_steps(
    tmp_path: Path, rows: Rows, ring: Ring
) -> None:
    credentials = keys(tmp_path, rows, ring)
    await credentials.start()
    await credentials.set("box", Secret(CANARY))
    ring.raises = ConnectionResetError("the bus is gone")
    assert await credentials.get("box") == Secret(CANARY)
    with pytest.raises(SecretError):
        await credentials.get("other")
    assert credentials.state().choices == (Step.FILE, Step.SESSION)
    await credentials.use_passphrase(Secret("correct horse"))
    await credentials.set("other", Secret("new"))
    assert PassphraseFile(tmp_path / "keys.sealed").open(Secret("correct horse")) == {"box": CANARY, "other": "new"}
    assert b"5d1f" not in bytes_below(tmp_path)


async def test_keyring_never_started_is_searched_once_at_the_first_use(tmp_path: Path, rows: Rows, ring: Ring) -> None:
    searches: list[int] = []

    def find() -> Ring:
        searches.append(1)
        return ring

    credentials = Credentials(tmp_path / "keys", rows, find)
    assert searches == []
    assert await asyncio.gather(credentials.get("a"), credentials.get("b")) == [None, None]
    await credentials.set("a", Secret(CANARY))
    assert (credentials.state().step, searches) == (Step.KEYRING, [1])


async def test_search_for_a_keyring_that_hangs_leaves_the_app_usable(tmp_path: Path, rows: Rows) -> None:
    answer = threading.Event()
    credentials = Credentials(tmp_path / "keys", rows, lambda: answer.wait() and None, deadline=0.1)
    state = await credentials.start()
    assert state.step is Step.UNDECIDED
    assert state.problem is not None
    assert state.problem.name == "keyring_silent"
    assert credentials.use_session().problem is None
    answer.set()


def test_exit_with_a_hanging_keyring_is_not_held_up() -> None:
    code = """
        import asyncio, pathlib, threading
        from portal_desktop.credentials import Credentials
        from portal_desktop.errors import SecretError
        class Hangs:
            def get_password(self, service, username): threading.Event().wait()
        async def main():
            keys = Credentials(pathlib.Path("none"), None, Hangs, deadline=0.1)
            await keys.start()
            try: await keys.get("box")
            except SecretError as error: return error.name
        assert asyncio.run(main()) == "keyring_silent"
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, timeout=20, check=False)
    assert done.returncode == 0


def test_values_known_are_masked_by_the_log() -> None:
    assert "5d1f" not in redact(f"sent {CANARY}", [CANARY])


BACKENDS_TEST = """
import keyring, keyring.backend
from portal_desktop.credentials import system_backend

class Plain(keyring.backend.KeyringBackend):
    priority = 9
    def get_password(self, service, username): return None
    def set_password(self, service, username, password): raise SystemExit("wrote plain text")

class Wallet(Plain):
    priority = 1

class Chainer(Plain):
    backends = [Plain(), Wallet()]

keyring.set_keyring(Plain())
assert system_backend() is None, system_backend()
Wallet.__module__ = "keyring.backends.kwallet"
assert type(system_backend()) is Wallet
keyring.set_keyring(Chainer())
assert system_backend() is Chainer.backends[1]
from keyring.backends import null
keyring.set_keyring(null.Keyring())
assert system_backend() is None
"""


@pytest.mark.spec("X-17")
def test_backend_that_keeps_plain_text_is_passed_over_even_when_it_was_chosen() -> None:
    variables = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", BACKENDS_TEST], env=variables, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


SERVICE_TEST = """
import asyncio, json, pathlib, sys, subprocess
from portal_desktop.credentials import Credentials, Secret, Step
from portal_desktop.errors import SecretError

class Rows:
    def __init__(self): self.rows = {}
    async def load(self): return self.rows
    async def save(self, name, value): self.rows[name] = value

async def main():
    home, rows = pathlib.Path(sys.argv[1]), Rows()
    keys = Credentials(home / "keys", rows)
    state = await keys.start()
    await keys.set("box", Secret("canary-5d1f-key"))
    await keys.set("größe", Secret("canary-5d1f-" * 9000))
    again = Credentials(home / "keys", rows)
    await again.start()
    result = {
        "step": state.step, "words": state.words,
        "same": await again.get("box") == Secret("canary-5d1f-key"),
        "large": await again.get("größe") == Secret("canary-5d1f-" * 9000),
        "missing": await again.get("nothing") is None,
    }
    await again.delete("größe")
    await again.delete("größe")
    subprocess.run(["gdbus", "call", "--session", "-d", "org.freedesktop.secrets", "-o", "/org/freedesktop/secrets",
        "-m", "org.freedesktop.Secret.Service.Lock", "['/org/freedesktop/secrets/collection/login']"], check=True, stdout=sys.stderr)
    locked = Credentials(home / "keys", rows)
    await locked.start()
    try:
        await locked.get("box")
    except SecretError as error:
        result["locked"] = error.name
    result["choices"] = locked.state().choices
    (home / "rows").write_text(json.dumps(rows.rows))
    print(json.dumps(result))

asyncio.run(main())
"""


@pytest.mark.integration
@pytest.mark.spec("X-17")
def test_secret_service_of_the_desktop_keeps_locks_and_shows_no_plain_text(tmp_path: Path) -> None:
    script, runtime = tmp_path / "script.py", tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    script.write_text(SERVICE_TEST)
    shell = (
        "printf test-pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; "
        f"exec {sys.executable} {script} {tmp_path / 'home'}"
    )
    (tmp_path / "home").mkdir()
    variables = {
        "HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": str(runtime),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", shell],
        env=variables,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    script.unlink()
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result == {
        "step": "keyring",
        "words": "Keys are kept in the keyring of this system (SecretService).",
        "same": True,
        "large": True,
        "missing": True,
        "locked": "keyring_locked",
        "choices": ["file", "session"],
    }
    assert list((tmp_path / "home").rglob("*.keyring"))
    assert b"5d1f" not in bytes_below(tmp_path)
