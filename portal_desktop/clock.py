"""Time: aware UTC for records, a monotonic count for timeouts, local time only in views."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

T = TypeVar("T")


class Clock(Protocol):
    """What the rest of the product knows of time; tests hand in one they can move."""

    def now(self) -> datetime:
        """Return the current moment as aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        ...


class SystemClock:
    """The clock of this computer."""

    def now(self) -> datetime:
        """Return the current moment as aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of the system's monotonic counter."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(seconds)


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T | None:
    """Return what the work gives, or None when the time of this clock is over first; the work is cancelled then."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        timer.cancel()
        await asyncio.wait({task, timer})


def to_iso(moment: datetime) -> str:
    """Return ``2026-11-21T09:30:00.123456Z``; sorts as text in the order of time.

    Raises:
        ValueError: the moment carries no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone cannot be stored")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_iso(text: str) -> datetime:
    """Return the aware UTC moment that `to_iso` wrote; any ISO-8601 offset is understood."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


LOCALTIME = Path("/etc/localtime")


def local_zone(name: str = "", link: Path = LOCALTIME) -> tzinfo:
    """Return the zone this computer is in, by its name where the system tells one.

    `name` is the user's own choice (the variable TZ); one that no database knows is passed over. Without a name
    the system's rules hold, daylight-saving changes included.
    """
    for candidate in (name.removeprefix(":"), _linked(link)):
        if candidate:
            try:
                return ZoneInfo(candidate)
            except (ZoneInfoNotFoundError, ValueError):
                continue
    from dateutil.tz import tzlocal  # noqa: PLC0415 - 50 ms that most systems never need

    zone: tzinfo = tzlocal()
    return zone


def _linked(link: Path) -> str:
    """Return the name a link to the zone database ends in; empty where there is no such link."""
    try:
        target = str(link.readlink())
    except OSError:
        return ""
    return target.partition("zoneinfo/")[2]
