"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Implements `portal_desktop.clock.Clock`; `advance` wakes the sleepers whose time has come, in order."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._monotonic + seconds, self._count, future))
        await future

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as a user or a time server does."""
        self._now += timedelta(seconds=seconds)

    async def advance(self, seconds: float) -> None:
        """Move both clocks, letting everything that becomes due run in its order."""
        end = self._monotonic + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            self._now += timedelta(seconds=due - self._monotonic)
            self._monotonic = due
            if not future.done():
                future.set_result(None)
            await _settle()
        self._now += timedelta(seconds=end - self._monotonic)
        self._monotonic = end
        await _settle()


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
