"""Where keys are kept: the steps of the ladder and what may be chosen."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from portal_desktop.credentials.ring import DEADLINE_SECONDS, SERVICE, KeyringBackend, Line, system_backend
from portal_desktop.credentials.sealed import PassphraseFile, decrypt, encrypt
from portal_desktop.credentials.secret import Secret
from portal_desktop.errors import InvalidInput, SecretError

LARGEST_ENTRY = 1280
SHORTEST_PASSPHRASE = 8

_WHOLE, _KEY_ONLY = "v1:", "k1:"
_ROW = "credential."

T = TypeVar("T")


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
        self._line = Line(deadline)
        self._step = Step.UNDECIDED
        self._backend: KeyringBackend | None = None
        self._problem: SecretError | None = None
        self._known: dict[str, Secret] = {}
        self._looked = False
        self._looking = asyncio.Lock()

    async def start(self) -> KeyringState:
        """Find out, once, which step this system allows; the first use of a key does the same.

        Reads no key, so nothing is unlocked and nobody is asked. Takes a moment: the system's keyrings are searched.
        """
        async with self._looking:
            if not self._looked:
                await self._look()
        return self.state()

    async def retry(self) -> KeyringState:
        """Ask the keyring again, because the user unlocked it or wants to."""
        self._problem = None
        if self._step is not Step.KEYRING:
            self._looked = False
        return await self.start()

    async def _look(self) -> None:
        try:
            self._backend = await self._ask(self._find_backend)
        except SecretError as error:
            self._problem = error
        self._looked = True
        if self._backend is not None:
            self._step = Step.KEYRING
        elif await asyncio.to_thread(self._file.exists):
            self._step = Step.FILE_LOCKED

    def state(self) -> KeyringState:
        """Return the present step in words that can be shown; call `start` before."""
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
        await self.start()
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
        await self.start()
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
        await self.start()
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
        self._step, self._problem, self._looked = Step.FILE, None, True
        return self.state()

    def use_session(self) -> KeyringState:
        """Keep keys in memory only from now on."""
        self._step, self._problem, self._looked = Step.SESSION, None, True
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
            row = base64.b64encode(encrypt(key, value.encode(), name.encode())).decode()
            entry = _KEY_ONLY + base64.b64encode(key).decode()
        await self._ask(lambda: backend.set_password(SERVICE, name, entry))
        await self._large.save(_ROW + name, row)

    async def _ask(self, call: Callable[[], T]) -> T:
        try:
            answer = await self._line.ask(call)
        except SecretError as error:
            self._problem = error
            raise
        self._problem = None
        return answer

    def _trouble(self, error: SecretError) -> SecretError:
        self._problem = error
        return error


def _open_row(key: str, row: str, name: str) -> str:
    return decrypt(base64.b64decode(key), base64.b64decode(row), name.encode()).decode()
