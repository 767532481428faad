"""Keys: in the keyring of the system, else in a file under a passphrase, else for this run only. Never in plain text.

The only module that knows `keyring`. Each call to it runs in a daemon thread with a deadline, because an unlock dialog
blocks the call until somebody answers, and an unanswered one must not hold the exit of the app.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hmac import compare_digest
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

from portal_desktop.errors import InvalidInput, SecretError

MASK = "[masked]"
SERVICE = "portal-desktop"
LARGEST_ENTRY = 1280
LONGEST_KEY = 4096
DEADLINE_SECONDS = 3.0
SHORTEST_PASSPHRASE = 8

_ALLOWED = frozenset(
    f"keyring.backends.{name}" for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
)
_REFUSED_BY_USER = frozenset({"keyring.backends.null"})
_WHOLE, _KEY_ONLY = "v1:", "k1:"
_ROW = "credential."

T = TypeVar("T")


class Secret:
    """A value that no repr, str, format, pickle or JSON shows. `reveal` is called only where a header is built."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(Secret)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memory: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (MASK,)


def check_key(text: str) -> Secret:
    """Return what somebody typed or pasted as a key.

    Raises:
        InvalidInput: no server can be sent this; the problem is said without the key.
    """
    stripped = text.strip()
    if not stripped:
        _refuse("it is empty")
    if len(stripped) > LONGEST_KEY:
        _refuse(f"it has {len(stripped)} characters, {LONGEST_KEY} is the limit")
    if not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        _refuse("it contains a space, a line break or a character that is not in any key")
    return Secret(stripped)


def _refuse(problem: str) -> NoReturn:
    raise InvalidInput("invalid_field", field="key", problem=problem)


class KeyringBackend(Protocol):
    """What is used of a keyring; every call may block or raise whatever it likes."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return a value, None when there is none of that name."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a value."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Forget a value."""
        ...


class LargeValues(Protocol):
    """Where encrypted values go that a keyring has no room for; the settings table does."""

    async def load(self) -> dict[str, object]:
        """Return all rows."""
        ...

    async def save(self, setting_id: str, value: object | None) -> None:
        """Keep a row; None removes it."""
        ...


class Step(StrEnum):
    """The steps of the ladder, and the two states in which the user is asked."""

    KEYRING = "keyring"
    FILE = "file"
    FILE_LOCKED = "file_locked"
    SESSION = "session"
    UNDECIDED = "undecided"


_WORDS: Mapping[Step, str] = {
    Step.KEYRING: "Keys are kept in the keyring of this system ({backend}).",
    Step.FILE: "Keys are kept in a file under your passphrase.",
    Step.FILE_LOCKED: "The file with your keys is locked. Enter its passphrase, or go on without keys.",
    Step.SESSION: "Keys are kept for this run only and are gone when the app quits.",
    Step.UNDECIDED: "This system has no keyring. Choose a passphrase for your keys, or keep them for this run only.",
}


@dataclass(frozen=True, slots=True)
class KeyringState:
    """Where keys are kept now. `choices` are the steps the user may choose; `problem` is the last trouble."""

    step: Step
    words: str
    choices: tuple[Step, ...] = ()
    problem: SecretError | None = None


class Credentials:
    """The keys of this user, by name. What was read once is not asked for again in this run.

    `find_backend` runs in a thread and returns the keyring to use, or None.
    """

    def __init__(
        self,
        file: Path,
        large: LargeValues,
        find_backend: Callable[[], KeyringBackend | None] | None = None,
        *,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._file = PassphraseFile(file)
        self._large = large
        self._find_backend = find_backend or system_backend
        self._deadline = deadline
        self._step = Step.UNDECIDED
        self._backend: KeyringBackend | None = None
        self._problem: SecretError | None = None
        self._known: dict[str, Secret] = {}
        self._waiting: threading.Thread | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> KeyringState:
        """Find out which step this system allows. Reads no key, so nothing is unlocked and nobody is asked."""
        try:
            self._backend = await self._ask(self._find_backend)
        except SecretError as error:
            self._problem = error
        if self._backend is not None:
            self._step = Step.KEYRING
        elif await asyncio.to_thread(self._file.exists):
            self._step = Step.FILE_LOCKED
        return self.state()

    async def retry(self) -> KeyringState:
        """Ask the keyring again, because the user unlocked it or wants to."""
        self._problem = None
        return self.state() if self._step is Step.KEYRING else await self.start()

    def state(self) -> KeyringState:
        """Return the present step in words that can be shown."""
        backend = type(self._backend).__module__.rpartition(".")[2] if self._backend is not None else ""
        choices: tuple[Step, ...] = ()
        if self._step in {Step.UNDECIDED, Step.FILE_LOCKED} or self._problem is not None:
            choices = tuple(step for step in (Step.FILE, Step.SESSION) if step is not self._step)
        return KeyringState(self._step, _WORDS[self._step].format(backend=backend), choices, self._problem)

    async def get(self, name: str) -> Secret | None:
        """Return a key, None when there is none of that name.

        A keyring that stayed locked is not asked again before `retry` or `set`, so no dialog comes up every minute.

        Raises:
            SecretError: the keyring is locked, silent or gone, or the key file is locked. The app works without.
        """
        if name in self._known:
            return self._known[name]
        found: str | None = None
        if self._problem is not None and self._problem.name == "keyring_locked":
            raise SecretError("keyring_locked", technical="not asked again")
        if self._step is Step.KEYRING:
            found = await self._from_keyring(name)
        elif self._step is Step.FILE_LOCKED:
            raise SecretError("keyring_locked", technical="key file")
        if found is None:
            return None
        self._known[name] = Secret(found)
        return self._known[name]

    async def set(self, name: str, secret: Secret) -> None:
        """Keep a key on the present step.

        Raises:
            SecretError: it was not kept; `state` says what the user can choose.
        """
        if self._step is Step.KEYRING:
            await self._to_keyring(name, secret.reveal())
        elif self._step is Step.FILE:
            await asyncio.to_thread(self._file.change, name, secret.reveal())
        elif self._step is Step.FILE_LOCKED:
            raise SecretError("keyring_locked", technical="key file")
        elif self._step is Step.UNDECIDED:
            raise SecretError("no_keyring")
        self._known[name] = secret

    async def delete(self, name: str) -> None:
        """Forget a key everywhere; one that is not there is fine.

        Raises:
            SecretError: the keyring could not be reached, so the key may still be in it.
        """
        if self._step is Step.KEYRING and self._backend is not None:
            backend = self._backend
            if await self._ask(lambda: backend.get_password(SERVICE, name)) is not None:
                await self._ask(lambda: backend.delete_password(SERVICE, name))
            await self._large.save(_ROW + name, None)
        elif self._step is Step.FILE:
            await asyncio.to_thread(self._file.change, name, None)
        self._known.pop(name, None)

    async def use_passphrase(self, passphrase: Secret) -> KeyringState:
        """Open the key file, or make it; keys of this run move into it.

        Raises:
            SecretError: wrong_passphrase; it can be tried again.
            InvalidInput: the passphrase for a new file is too short.
        """
        exists = await asyncio.to_thread(self._file.exists)
        if not exists and len(passphrase.reveal()) < SHORTEST_PASSPHRASE:
            raise InvalidInput(
                "invalid_field", field="passphrase", problem=f"use at least {SHORTEST_PASSPHRASE} characters"
            )
        stored = await asyncio.to_thread(self._file.open, passphrase)
        for name, secret in self._known.items():
            if name not in stored:
                await asyncio.to_thread(self._file.change, name, secret.reveal())
        self._known |= {name: Secret(value) for name, value in stored.items() if name not in self._known}
        self._step, self._problem = Step.FILE, None
        return self.state()

    def use_session(self) -> KeyringState:
        """Keep keys in memory only from now on."""
        self._step, self._problem = Step.SESSION, None
        return self.state()

    def known_values(self) -> Iterable[str]:
        """Return every key seen in this run, for the log to mask."""
        return [secret.reveal() for secret in tuple(self._known.values())]

    async def _from_keyring(self, name: str) -> str | None:
        backend = self._backend
        assert backend is not None
        entry = await self._ask(lambda: backend.get_password(SERVICE, name))
        if entry is None:
            return None
        if not entry.startswith(_KEY_ONLY):
            return entry.removeprefix(_WHOLE)
        row = (await self._large.load()).get(_ROW + name)
        if not isinstance(row, str):
            return None
        try:
            return _open_row(entry.removeprefix(_KEY_ONLY), row, name)
        except ValueError as error:
            raise self._trouble(SecretError("keyring_failed", technical="large value")) from error

    async def _to_keyring(self, name: str, value: str) -> None:
        backend = self._backend
        assert backend is not None
        row, entry = None, _WHOLE + value
        if len(value) > LARGEST_ENTRY:
            key = secrets.token_bytes(32)
            row = base64.b64encode(_encrypt(key, value.encode(), name.encode())).decode()
            entry = _KEY_ONLY + base64.b64encode(key).decode()
        await self._ask(lambda: backend.set_password(SERVICE, name, entry))
        await self._large.save(_ROW + name, row)

    async def _ask(self, call: Callable[[], T]) -> T:
        """Run a call of the keyring in a thread of its own; while one hangs, others fail at once and ask nobody."""
        async with self._turn:
            if self._waiting is not None and self._waiting.is_alive():
                raise self._trouble(SecretError("keyring_silent"))
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[T] = loop.create_future()
            self._waiting = threading.Thread(target=_run, args=(call, answer, loop), name="portal_keyring", daemon=True)
            self._waiting.start()
            done, _ = await asyncio.wait({answer}, timeout=self._deadline)
            if not done:
                answer.cancel()
                raise self._trouble(SecretError("keyring_silent"))
            self._waiting = None
            error = answer.exception()
            if error is not None:
                raise self._trouble(_translate(error)) from error
            self._problem = None
            return answer.result()

    def _trouble(self, error: SecretError) -> SecretError:
        self._problem = error
        return error


def _run(call: Callable[[], T], answer: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
    try:
        value = call()
    except Exception as error:  # noqa: BLE001 - a keyring backend may raise anything; the caller translates it
        _post(loop, answer, partial(answer.set_exception, error))
    else:
        _post(loop, answer, partial(answer.set_result, value))


def _post(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], settle: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop may be closed by now
        loop.call_soon_threadsafe(lambda: None if answer.done() else settle())


def _translate(error: BaseException) -> SecretError:
    """Return the error to show; the technical part is a type name, as texts of backends may hold anything."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    name = (
        "keyring_locked"
        if kinds & {"KeyringLocked", "LockedException"}
        else "no_keyring"
        if kinds & {"NoKeyringError", "SecretServiceNotAvailableException"}
        else "keyring_failed"
    )
    return SecretError(name, technical=type(error).__name__)


def system_backend() -> KeyringBackend | None:
    """Return the keyring of this system when it is one of those that really protect, else None.

    A plain-text backend can win by installation or by a configuration file; it is passed over. Whoever switched the
    keyring off on purpose is believed.
    """
    import keyring  # noqa: PLC0415 - its backends are searched at import; not needed before the first window
    import keyring.backend  # noqa: PLC0415 - the same

    chosen = keyring.get_keyring()
    if type(chosen).__module__ in _REFUSED_BY_USER:
        return None
    inner = getattr(chosen, "backends", ())
    candidates = [chosen, *inner]
    others = sorted(keyring.backend.get_all_keyring(), key=lambda each: each.priority, reverse=True)
    for backend in (*candidates, *others):
        if type(backend).__module__ in _ALLOWED:
            allowed: KeyringBackend = backend
            return allowed
    return None


class PassphraseFile:
    """All keys in one file: Argon2id makes the key of a passphrase, ChaCha20-Poly1305 seals. Blocking; use a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = b""
        self._salt = b""

    def exists(self) -> bool:
        """Tell whether there is a file to open."""
        return self.path.is_file()

    def open(self, passphrase: Secret) -> dict[str, str]:
        """Return the keys of the file; a missing one is made.

        Raises:
            SecretError: the passphrase does not fit, or the file is damaged.
        """
        for leftover in self.path.parent.glob(f"{self.path.name}.*.new"):
            leftover.unlink(missing_ok=True)
        header = self._read()
        salt = base64.b64decode(header["salt"]) if header else secrets.token_bytes(16)
        self._key, self._salt = _derive(passphrase, salt), salt
        if header is None:
            self._write({})
            return {}
        return self._unseal(header)

    def change(self, name: str, value: str | None) -> None:
        """Keep or forget one key; what another process wrote meanwhile stays.

        Raises:
            SecretError: the file was replaced by one with another passphrase, or cannot be written.
        """
        header = self._read()
        values = self._unseal(header) if header else {}
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
        self._write(values)

    def _unseal(self, header: Mapping[str, str]) -> dict[str, str]:
        if base64.b64decode(header["salt"]) != self._salt:
            raise SecretError("wrong_passphrase", technical="another file")
        try:
            content = _decrypt(self._key, base64.b64decode(header["sealed"]), self._salt)
        except ValueError as error:
            raise SecretError("wrong_passphrase") from error
        return dict(json.loads(content))

    def _read(self) -> dict[str, str] | None:
        try:
            header = json.loads(self.path.read_bytes())
            fields = {name: str(header[name]) for name in ("salt", "sealed")}
            if header["version"] != 1 or len(base64.b64decode(fields["salt"], validate=True)) != 16:
                raise ValueError("unknown format")
            base64.b64decode(fields["sealed"], validate=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SecretError("keyring_failed", technical=f"key file: {type(error).__name__}") from error
        return fields

    def _write(self, values: Mapping[str, str]) -> None:
        sealed = _encrypt(self._key, json.dumps(dict(values)).encode(), self._salt)
        content = {
            "version": 1,
            "salt": base64.b64encode(self._salt).decode(),
            "sealed": base64.b64encode(sealed).decode(),
        }
        fresh = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(json.dumps(content).encode())
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(self.path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise SecretError("keyring_failed", technical=f"key file: {type(error).__name__}") from error


def _derive(passphrase: Secret, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415 - needed only without a keyring

    kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return kdf.derive(passphrase.reveal().encode())


def _encrypt(key: bytes, value: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415 - rarely needed

    nonce = secrets.token_bytes(12)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, value, purpose)


def _decrypt(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Open what `_encrypt` sealed; a ValueError when the key does not fit or a byte was changed."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - rarely needed
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415 - rarely needed

    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:12], sealed[12:], purpose)
    except InvalidTag as error:
        raise ValueError("the seal is broken") from error


def _open_row(key: str, row: str, name: str) -> str:
    return _decrypt(base64.b64decode(key), base64.b64decode(row), name.encode()).decode()
