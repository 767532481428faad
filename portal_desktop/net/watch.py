"""The clocks of a request: they ask before they give up, and time in which nobody reads does not count."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, TypeVar

from portal_desktop.clock import Clock
from portal_desktop.errors import ProviderError

RECHECK = 0.25
"""Seconds until the clocks look again while nobody is reading."""

T = TypeVar("T")
Patience: TypeAlias = Callable[[float], Awaitable[bool]]


class Clocks(Protocol):
    """Seconds until the connection stands, until the first sign of an answer, and between two signs."""

    @property
    def connect(self) -> float:
        """Seconds for name, connection and TLS."""
        ...

    @property
    def first_token(self) -> float:
        """Seconds until the answer begins."""
        ...

    @property
    def idle(self) -> float:
        """Seconds between two complete events."""
        ...


class Watch:
    """Interrupts its reader when a clock runs out, after asking whether to go on waiting.

    Time in which nobody reads does not count. `alive` starts the running clock anew and withdraws the question.
    """

    def __init__(self, clock: Clock, patience: Patience | None, overdue: Callable[[float], ProviderError]) -> None:
        self._clock = clock
        self._patience = patience
        self._make_error = overdue
        self._limit = math.inf
        self._since = clock.monotonic()
        self._fresh = False
        self._reader: asyncio.Task[Any] | None = None
        self._question: asyncio.Future[bool] | None = None
        self._nap: asyncio.Future[None] | None = None
        self._overdue: ProviderError | None = None

    def limit(self, seconds: float) -> None:
        """Start a clock of so many seconds."""
        if seconds < self._limit and self._nap is not None:
            self._nap.cancel()
        self._limit = seconds
        self._since = self._clock.monotonic()
        if self._reader is None:
            self.alive()

    def alive(self) -> None:
        """The server has said something that counts: the clock starts anew when its reader waits again."""
        self._fresh = True
        if self._question is not None:
            self._question.cancel()

    def wait(self) -> None:
        """The running task begins to wait for the server."""
        if self._fresh:
            self._fresh = False
            self._since = self._clock.monotonic()
        self._reader = asyncio.current_task()

    def rest(self) -> None:
        """The running task has what it waited for."""
        self._reader = None

    def verdict(self) -> ProviderError | None:
        """Return why this watch cancelled the running task, None when somebody else did."""
        task = asyncio.current_task()
        return self._overdue if self._overdue is not None and task is not None and task.uncancel() == 0 else None

    async def guard(self, work: Awaitable[T]) -> T:
        """Wait for something of the server's under the running clock."""
        self.wait()
        try:
            return await work
        except asyncio.CancelledError:
            if (overdue := self.verdict()) is not None:
                raise overdue from None
            raise
        finally:
            self.rest()

    async def run(self) -> None:
        """Look after the clocks until cancelled."""
        try:
            while True:
                waited = self._clock.monotonic() - self._since
                if waited < self._limit:
                    await self._doze(min(self._limit - waited, 3600.0))
                elif self._reader is None:
                    await self._doze(RECHECK)
                elif not await self._go_on(waited):
                    break
        finally:
            self._question = None
        if (reader := self._reader) is not None:
            self._overdue = self._make_error(waited)
            reader.cancel()

    async def _doze(self, seconds: float) -> None:
        self._nap = nap = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({nap})
        finally:
            self._nap = None
            nap.cancel()

    async def _go_on(self, waited: float) -> bool:
        if self._patience is None:
            return False
        self._question = question = asyncio.ensure_future(self._patience(waited))
        try:
            await asyncio.wait({question})
        finally:
            self._question = None
            question.cancel()
        if question.cancelled():
            return True
        if question.exception() is not None or not question.result():
            return False
        self._since = self._clock.monotonic()
        return True
