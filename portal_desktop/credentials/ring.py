"""The keyring of the system. Each call runs in a daemon thread with a deadline.

An unlock dialog blocks the call until somebody answers, and an unanswered one must not hold the exit of the app.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from portal_desktop.errors import SecretError

SERVICE = "portal-desktop"
DEADLINE_SECONDS = 3.0

_NAMES = ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
_ALLOWED = frozenset(f"keyring.backends.{name}" for name in _NAMES)
_REFUSED_BY_USER = frozenset({"keyring.backends.null"})

T = TypeVar("T")


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


class Line:
    """Carries calls to a keyring, one at a time, and turns what it raises into errors that can be shown."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._waiting: threading.Thread | None = None
        self._turn = asyncio.Lock()

    async def ask(self, call: Callable[[], T]) -> T:
        """Run a call of the keyring in a thread of its own; while one hangs, others fail at once and ask nobody."""
        async with self._turn:
            if self._waiting is not None and self._waiting.is_alive():
                raise SecretError("keyring_silent")
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[T] = loop.create_future()
            self._waiting = threading.Thread(target=_run, args=(call, answer, loop), name="portal_keyring", daemon=True)
            self._waiting.start()
            done, _ = await asyncio.wait({answer}, timeout=self._deadline)
            if not done:
                answer.cancel()
                raise SecretError("keyring_silent")
            self._waiting = None
            error = answer.exception()
            if error is not None:
                raise _translate(error) from error
            return answer.result()


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
