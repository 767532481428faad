"""Recurrence rules against python-dateutil as the judge, and the ends, skips and clock changes of a series."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from random import Random
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from portal_desktop.tasks import calendar
from portal_desktop.tasks.recurrence import Frequency, Rule, following, parse_rule

BERLIN = ZoneInfo("Europe/Berlin")
SHOWN = 12


def random_rule(random: Random) -> Rule:
    frequency = random.choice(list(Frequency))
    interval = random.choice([1, 1, 1, 2, 3, 4, 6, 12])
    days: tuple[tuple[int, int], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    position = 0
    weekdays = tuple(sorted(random.sample(range(7), random.randint(1, 4))))
    form = random.randrange(4)
    match frequency:
        case Frequency.DAILY:
            days = tuple((0, day) for day in weekdays) if form == 1 and interval % 7 else ()
            months = tuple(sorted(random.sample(range(1, 13), 3))) if form == 2 else ()
        case Frequency.WEEKLY:
            days = tuple((0, day) for day in weekdays) if form else ()
        case Frequency.MONTHLY:
            interval = random.choice([1, 1, 2, 3, 5])
            month_days = random.choice([(1,), (15,), (31,), (30,), (-1,), (-3, 7), (29, 30)]) if form == 1 else ()
            days = tuple((random.choice([1, 2, 3, 4, 5, -1, -2]), day) for day in weekdays[:2]) if form == 2 else ()
            if form == 3:
                month_days, position = random.choice([(28, 29), (28, 29, 30), (28, 29, 30, 31)]), -1
        case Frequency.YEARLY:
            interval = random.choice([1, 1, 2, 4])
            months = tuple(sorted(random.sample([1, 3, 5, 7, 8, 10, 12], random.randint(1, 3)))) if form else ()
            month_days = random.choice([(1,), (31,), (-1,), (13, 14)]) if form == 1 else ()
            days = ((random.choice([1, 4, -1]), weekdays[0]),) if form == 2 else ()
            if form == 3:
                months, month_days, position = (2,), (28, 29), -1
    return Rule(frequency, interval, months, month_days, days, position)


def judged(rule: Rule, start: date) -> list[date]:
    reference = rrulestr(str(rule), dtstart=datetime.combine(start, time()))
    return [moment.date() for moment in islice(reference, SHOWN)]


@pytest.mark.spec("X-71")
def test_recurrence_of_a_thousand_rules_agrees_with_the_reference() -> None:
    random = Random(71)
    for _ in range(1_000):
        rule = random_rule(random)
        start = date(2024, 1, 1) + timedelta(days=random.randrange(1_500))
        ending = random.randrange(4)
        if ending == 1:
            rule = parse_rule(f"{rule};COUNT={random.randint(1, 20)}")
        elif ending == 2:
            rule = parse_rule(f"{rule};UNTIL={start + timedelta(days=random.randrange(1, 900)):%Y%m%d}")
        assert parse_rule(str(rule)) == rule
        assert list(islice(rule.occurrences(start), SHOWN)) == judged(rule, start), (str(rule), start)


@pytest.mark.spec("X-71")
def test_recurrence_series_followed_one_by_one_is_the_series() -> None:
    random = Random(17)
    for _ in range(300):
        start = date(2024, 1, 1) + timedelta(days=random.randrange(1_500))
        rule = random_rule(random).anchored(start)
        expected = judged(rule, start)
        if not expected:
            continue
        day, made = expected[0], [expected[0]]
        while len(made) < len(expected):
            step = following(rule, day, None, None)
            assert step is not None
            day, rule = step
            made.append(day)
        assert made == expected, str(rule)


@pytest.mark.spec("X-71")
def test_recurrence_of_every_month_on_the_31st_falls_on_the_last_day_of_short_months() -> None:
    rule = Rule(Frequency.MONTHLY).anchored(date(2027, 1, 31))
    assert [day.isoformat() for day in islice(rule.occurrences(date(2027, 1, 31)), 5)] == [
        "2027-01-31",
        "2027-02-28",
        "2027-03-31",
        "2027-04-30",
        "2027-05-31",
    ]


@pytest.mark.spec("X-71")
def test_recurrence_given_as_the_31st_passes_over_short_months() -> None:
    rule = parse_rule("FREQ=MONTHLY;BYMONTHDAY=31")
    days = [day.month for day in islice(rule.occurrences(date(2027, 1, 31)), 4)]
    assert days == [1, 3, 5, 7]


@pytest.mark.spec("X-71")
def test_recurrence_of_the_leap_day_falls_on_the_28th_in_common_years() -> None:
    rule = Rule(Frequency.YEARLY).anchored(date(2028, 2, 29))
    assert [day.isoformat() for day in islice(rule.occurrences(date(2028, 2, 29)), 5)] == [
        "2028-02-29",
        "2029-02-28",
        "2030-02-28",
        "2031-02-28",
        "2032-02-29",
    ]


@pytest.mark.spec("X-71")
def test_recurrence_over_clock_changes_keeps_the_wall_time() -> None:
    rule, day, clock = parse_rule("FREQ=DAILY"), date(2027, 3, 26), time(9)
    moments = []
    for _ in range(4):
        step = following(rule, day, clock, None)
        assert step is not None
        day = step[0]
        moments.append(calendar.local(day, clock, BERLIN))
    assert [moment.hour for moment in moments] == [9, 9, 9, 9]
    assert [moment.astimezone(UTC).hour for moment in moments] == [8, 7, 7, 7]


@pytest.mark.spec("X-71")
def test_recurrence_with_a_count_ends_after_its_last_occurrence() -> None:
    rule, day, days = parse_rule("FREQ=WEEKLY;COUNT=3"), date(2026, 11, 18), [date(2026, 11, 18)]
    while (step := following(rule, day, None, datetime.combine(day, time(8)))) is not None:
        day, rule = step
        days.append(day)
    assert len(days) == 3
    assert rule.count == 1


@pytest.mark.spec("X-71")
def test_recurrence_with_an_end_date_includes_that_day() -> None:
    rule = parse_rule("FREQ=DAILY;UNTIL=20261120")
    assert following(rule, date(2026, 11, 19), None, None) == (date(2026, 11, 20), rule)
    assert following(rule, date(2026, 11, 20), None, None) is None


@pytest.mark.spec("X-71")
def test_recurrence_completed_late_passes_over_what_was_missed() -> None:
    rule = parse_rule("FREQ=DAILY;COUNT=10")
    step = following(rule, date(2026, 11, 1), None, datetime(2026, 11, 5, 20, tzinfo=BERLIN))
    assert step is not None
    assert (step[0], step[1].count) == (date(2026, 11, 5), 6)


def test_recurrence_completed_late_with_a_time_is_ahead_of_now() -> None:
    rule = parse_rule("FREQ=DAILY")
    assert following(rule, date(2026, 11, 1), time(9), datetime(2026, 11, 5, 20, tzinfo=BERLIN)) == (
        date(2026, 11, 6),
        rule,
    )
    assert following(rule, date(2026, 11, 1), time(21), datetime(2026, 11, 5, 20, tzinfo=BERLIN)) == (
        date(2026, 11, 5),
        rule,
    )


def test_recurrence_completed_early_goes_on_after_the_due_date() -> None:
    rule = parse_rule("FREQ=WEEKLY;BYDAY=FR")
    assert following(rule, date(2026, 11, 27), None, datetime(2026, 11, 18, 9, tzinfo=BERLIN)) == (
        date(2026, 12, 4),
        rule,
    )


@pytest.mark.spec("X-71")
def test_recurrence_skipped_once_goes_to_the_very_next_day_of_the_rule() -> None:
    rule = parse_rule("FREQ=WEEKLY;BYDAY=MO,TH")
    assert following(rule, date(2020, 1, 2), time(9), None) == (date(2020, 1, 6), rule)


@pytest.mark.spec("X-71")
@pytest.mark.parametrize(
    ("text", "done", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=3;X-FROM=COMPLETION", "2026-11-18", "2026-11-21"),
        ("FREQ=WEEKLY;INTERVAL=2;X-FROM=COMPLETION", "2026-11-18", "2026-12-02"),
        ("FREQ=MONTHLY;X-FROM=COMPLETION", "2027-01-31", "2027-02-28"),
        ("FREQ=YEARLY;X-FROM=COMPLETION", "2028-02-29", "2029-02-28"),
    ],
)
def test_recurrence_after_completion_counts_from_the_day_of_completion(text: str, done: str, expected: str) -> None:
    rule = parse_rule(text)
    moment = datetime.fromisoformat(done).replace(hour=22)
    assert following(rule, date(2026, 1, 1), None, moment) == (date.fromisoformat(expected), rule)
    assert following(rule, None, None, moment) == (date.fromisoformat(expected), rule)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "daily",
        "FREQ=HOURLY",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=9999999999",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=x",
        "FREQ=DAILY;COUNT=3;UNTIL=20270101",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;UNTIL=20270231",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=WEEKLY;BYMONTHDAY=3",
        "FREQ=WEEKLY;WKST=SU",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYWEEKNO=3",
        "FREQ=YEARLY;BYDAY=1MO",
        "FREQ=DAILY;BYDAY=MO;X-FROM=COMPLETION",
        "FREQ=DAILY;" + "X=1;" * 200,
    ],
)
def test_recurrence_text_that_is_no_rule_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rule(text)


def test_recurrence_text_with_prefix_and_moment_is_understood() -> None:
    rule = parse_rule("RRULE:FREQ=WEEKLY;BYDAY=MO,+1TU;WKST=MO".replace("+1", "") + ";UNTIL=20270101T090000Z;")
    assert str(rule) == "FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20270101"


def test_recurrence_at_the_end_of_the_calendar_ends() -> None:
    assert following(parse_rule("FREQ=YEARLY"), date(9999, 5, 5), None, None) is None
