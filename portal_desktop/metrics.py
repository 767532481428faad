"""Counters and histograms of this run, and the watches over the event loop and the parts. Nothing is stored or sent."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from portal_desktop.clock import Clock
from portal_desktop.errors import PortalError

FIRST_TOKEN_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SPEED_BOUNDS = (1.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
MOST_SERIES = 500
MOST_RESTARTS = 5
FIRST_DELAY = 10.0
QUIET_SECONDS = 600.0
HEALTH_SECONDS = 30.0
DEGRADED_AFTER = 3


class Histogram:
    """Counts of values per bucket; `bounds` are the upper edges, the last bucket has none."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    @property
    def count(self) -> int:
        """How many values were seen."""
        return sum(self.counts)

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def quantile(self, share: float) -> float | None:
        """Return the upper edge of the bucket the share falls into; None without values, infinity beyond the last."""
        wanted = share * self.count
        seen = 0
        for edge, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            if count and seen >= wanted:
                return edge
        return None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment; `requests_per_minute` is over the last 60 seconds."""

    counters: Mapping[str, int]
    histograms: Mapping[str, tuple[int, float]]
    requests_per_minute: int


class Metrics:
    """The figures of this run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[str, int] = {}
        self._requests: deque[float] = deque(maxlen=10_000)
        self.first_token = Histogram(FIRST_TOKEN_BOUNDS)
        self.tokens_per_second = Histogram(SPEED_BOUNDS)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter; beyond 500 names new ones are counted together as ``other``."""
        known = name in self._counters or len(self._counters) < MOST_SERIES
        key = name if known else "other"
        self._counters[key] = self._counters.get(key, 0) + by

    def request(
        self, first_token_seconds: float | None, seconds: float, completion_tokens: int | None, *, failed: bool = False
    ) -> None:
        """Count one request to a model; what was not reported is left out, never 0."""
        self._requests.append(self._clock.monotonic())
        self.count("requests.failed" if failed else "requests.answered")
        if first_token_seconds is not None:
            self.first_token.add(first_token_seconds)
            writing = seconds - first_token_seconds
            if completion_tokens and writing > 0:
                self.tokens_per_second.add(completion_tokens / writing)

    def tool(self, name: str, *, ok: bool) -> None:
        """Count one tool call."""
        self.count(f"tools.{name}.{'ok' if ok else 'failed'}")

    def snapshot(self) -> Snapshot:
        """Return all figures."""
        since = self._clock.monotonic() - 60.0
        return Snapshot(
            counters=dict(self._counters),
            histograms={
                "first_token_seconds": (self.first_token.count, self.first_token.total),
                "tokens_per_second": (self.tokens_per_second.count, self.tokens_per_second.total),
            },
            requests_per_minute=sum(1 for moment in self._requests if moment > since),
        )


class Restarts:
    """How often something that should never end is started again: five times, each pause twice as long.

    A run of ten minutes without a failure makes the past forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._last = clock.monotonic()

    def after_failure(self) -> float | None:
        """Return the seconds to wait before the next start; None when it is given up."""
        now = self._clock.monotonic()
        if now - self._last >= QUIET_SECONDS:
            self._failures = 0
        self._last = now
        self._failures += 1
        if self._failures > MOST_RESTARTS:
            return None
        return FIRST_DELAY * float(2 ** (self._failures - 1))


class LoopWatch:
    """Notices when something held the event loop: a sleep that ends late by more than the limit."""

    def __init__(
        self, clock: Clock, lagged: Callable[[float], None], *, every: float = 0.25, limit: float = 0.1
    ) -> None:
        self._clock = clock
        self._lagged = lagged
        self._every = every
        self._limit = limit

    async def run(self) -> None:
        """Watch until cancelled. A computer that slept is no lag: its monotonic clock stood still or jumped far."""
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(self._every)
            late = self._clock.monotonic() - before - self._every
            if self._limit < late < 60.0:
                self._lagged(late)


class HealthWatch:
    """Looks at parts every 30 s. Three failures in a row make a part degraded; one success makes it well again.

    `parts` is asked for the questions of the moment; a part that is asked about no longer is forgotten.
    """

    def __init__(
        self,
        clock: Clock,
        parts: Callable[[], Mapping[str, Callable[[], Awaitable[bool]]]],
        changed: Callable[[str, bool], None],
    ) -> None:
        self._clock = clock
        self._parts = parts
        self._changed = changed
        self._failures: dict[str, int] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(HEALTH_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once and tell what changed: the part, and whether it is well."""
        before = self._failures
        self._failures = {
            part: 0 if await _well(ask) else before.get(part, 0) + 1 for part, ask in self._parts().items()
        }
        for part, failures in self._failures.items():
            recovered = not failures and before.get(part, 0) >= DEGRADED_AFTER
            if recovered or failures == DEGRADED_AFTER:
                self._changed(part, recovered)


async def _well(ask: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await ask()
    except PortalError:
        return False
