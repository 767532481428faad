"""Plain calendar arithmetic on dates and on local wall time."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

LEAP_CYCLE = 9


def last_day(year: int, month: int) -> int:
    """Return the number of the month's last day."""
    return monthrange(year, month)[1]


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or the last day of a month that is too short for it."""
    year, index = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, index + 1, min(day.day, last_day(year, index + 1)))


def monday_of(day: date) -> date:
    """Return the first day of the week, which begins on Monday."""
    return day - timedelta(days=day.weekday())


def on_or_after(day: date, weekday: int) -> date:
    """Return the first such weekday from a day on."""
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def next_yearly(today: date, month: int, day: int) -> date | None:
    """Return the next date with this month and day, today included; None for one no year has."""
    for year in range(today.year, today.year + LEAP_CYCLE):
        found = exact(year, month, day)
        if found is not None and found >= today:
            return found
    return None


def exact(year: int, month: int, day: int) -> date | None:
    """Return a date, or None when the calendar does not have it."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def place_in_month(first: date, number: int, weekday: int) -> date | None:
    """Return the nth such weekday of the month that begins on `first`, counted from its end when negative."""
    days = range(on_or_after(first, weekday).day, last_day(first.year, first.month) + 1, 7)
    index = number - 1 if number > 0 else number
    return first.replace(day=days[index]) if -len(days) <= index < len(days) else None


def local(day: date, clock: time, zone: tzinfo) -> datetime:
    """Return a wall time as an aware moment that exists.

    Clocks that jump forward pass over some wall times; such a time becomes what the clock shows at that moment.
    Of a wall time that comes twice the first is meant.
    """
    return datetime.combine(day, clock, zone).astimezone(UTC).astimezone(zone)


def after_exactly(now: datetime, span: timedelta) -> datetime:
    """Return the local time when so much time has really passed, over clock changes too.

    A result in the second pass of an hour that comes twice cannot be told from the first pass by its wall time; it
    becomes the first moment after that hour, never one before the span is over.
    """
    assert now.tzinfo is not None
    moment = (now.astimezone(UTC) + span).astimezone(now.tzinfo)
    while moment.fold:
        moment = (moment.astimezone(UTC) + timedelta(minutes=1)).astimezone(now.tzinfo)
    return moment


def zone_name(zone: tzinfo) -> str:
    """Return the name under which a zone is stored; empty, which means the user's own, for one without a name."""
    if isinstance(zone, ZoneInfo):
        return zone.key or ""
    return "UTC" if zone is UTC else ""
