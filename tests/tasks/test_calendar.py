"""Calendar arithmetic where calendars are odd."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.tasks import calendar

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "name"), [(BERLIN, "Europe/Berlin"), (UTC, "UTC"), (timezone(timedelta(hours=1), "CET"), "")]
)
def test_calendar_zone_name_of_a_zone_is_one_that_can_be_found_again(zone: timezone, name: str) -> None:
    assert calendar.zone_name(zone) == name


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2027, 1, 15), -1, date(2026, 12, 15)),
    ],
)
def test_calendar_add_months_to_a_long_month_ends_in_the_short_one(day: date, months: int, expected: date) -> None:
    assert calendar.add_months(day, months) == expected


def test_calendar_local_time_that_a_clock_change_skips_becomes_the_one_shown() -> None:
    moment = calendar.local(date(2027, 3, 28), time(2, 30), BERLIN)
    assert (moment.hour, moment.minute) == (3, 30)


def test_calendar_local_time_that_comes_twice_is_the_first() -> None:
    moment = calendar.local(date(2026, 10, 25), time(2, 30), BERLIN)
    assert moment.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(2026, 11, 16), date(2026, 11, 18), date(2026, 11, 22)])
def test_calendar_monday_of_a_week_is_on_or_before_the_day(day: date) -> None:
    assert calendar.monday_of(day) == date(2026, 11, 16)
