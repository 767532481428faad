"""Recurrence rules: the part of RFC 5545 a to-do list needs, read, written and counted out.

A rule is stored as an RRULE without its prefix, such as ``FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE``. It speaks of days
only: the wall time of the task's due date is kept, so a clock change never moves it. Weeks begin on Monday. `UNTIL`
is a date that still counts. `COUNT` includes the occurrence at hand and shrinks with each one that passes.

A day a month does not have:

- A rule made here from "every month" on the 29th, 30th or 31st falls on the last day of a month too short for it
  (``BYMONTHDAY=28,29,30,31;BYSETPOS=-1``), and 29 February falls on 28 February in common years.
- A rule given as ``BYMONTHDAY=31`` follows the standard: months without that day are passed over.

"3 days after completion" is the same rule with ``X-FROM=COMPLETION`` behind it, which no other program reads: the
next due date is so much later than the day of completion, whatever the due date was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, islice
from typing import TypeAlias

from portal_desktop.tasks import calendar

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EMPTY_PERIODS = 1_500
_MAX_INTERVAL = 1_000
_LONGEST_TEXT = 300
_COMPLETION = "COMPLETION"

Place: TypeAlias = tuple[int, int]
"""A weekday with its ordinal in the month: (0, 4) every Friday, (-1, 4) the last one."""


class Frequency(StrEnum):
    """How often, before the interval."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True, slots=True)
class Rule:
    """One recurrence; `str` gives the text that is stored."""

    frequency: Frequency
    interval: int = 1
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    days: tuple[Place, ...] = ()
    position: int = 0
    count: int | None = None
    until: date | None = None
    from_completion: bool = False

    def __str__(self) -> str:
        parts = [f"FREQ={self.frequency}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.months:
            parts.append(f"BYMONTH={_list(self.months)}")
        if self.month_days:
            parts.append(f"BYMONTHDAY={_list(self.month_days)}")
        if self.days:
            parts.append("BYDAY=" + _list(f"{number or ''}{WEEKDAYS[day]}" for number, day in self.days))
        if self.position:
            parts.append(f"BYSETPOS={self.position}")
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%d}")
        if self.from_completion:
            parts.append(f"X-FROM={_COMPLETION}")
        return ";".join(parts)

    def anchored(self, day: date) -> Rule:
        """Return the rule with the day it falls on written out, so that moving one occurrence does not move all."""
        if self.from_completion:
            return self
        if self.frequency is Frequency.WEEKLY and not self.days:
            return replace(self, days=((0, day.weekday()),))
        if self.frequency is Frequency.MONTHLY and not self.days and not self.month_days:
            return _on_day(self, day.day)
        if self.frequency is Frequency.YEARLY and not self.days and not self.month_days:
            return _on_day(replace(self, months=self.months or (day.month,)), day.day)
        return self

    def occurrences(self, start: date) -> Iterator[date]:
        """Yield the days of the rule from `start` on, which counts only if the rule names it."""
        for day in islice(self._days(start), self.count):
            if self.until is not None and day > self.until:
                return
            yield day

    def _days(self, start: date) -> Iterator[date]:
        empty = 0
        for period in count(0, self.interval):
            try:
                days = self._chosen(sorted(self._candidates(start, period)))
            except (OverflowError, ValueError):
                return
            days = [day for day in days if day >= start]
            empty = 0 if days else empty + 1
            if empty > _EMPTY_PERIODS:
                return
            yield from days

    def _chosen(self, days: Sequence[date]) -> list[date]:
        if not self.position:
            return list(days)
        index = self.position - 1 if self.position > 0 else self.position
        return [days[index]] if -len(days) <= index < len(days) else []

    def _candidates(self, start: date, period: int) -> set[date]:
        match self.frequency:
            case Frequency.DAILY:
                day = start + timedelta(days=period)
                return {day} if self._allows(day) else set()
            case Frequency.WEEKLY:
                monday = calendar.monday_of(start) + timedelta(weeks=period)
                weekdays = {day for _, day in self.days} or {start.weekday()}
                days = {monday + timedelta(days=weekday) for weekday in weekdays}
                return {day for day in days if not self.months or day.month in self.months}
            case Frequency.MONTHLY:
                first = calendar.add_months(start.replace(day=1), period)
                return self._in_month(first, start.day) if not self.months or first.month in self.months else set()
            case Frequency.YEARLY:
                months = self.months or (range(1, 13) if self.month_days else (start.month,))
                firsts = [date(start.year + period, month, 1) for month in months]
                return {day for first in firsts for day in self._in_month(first, start.day)}

    def _allows(self, day: date) -> bool:
        last = calendar.last_day(day.year, day.month)
        return (
            (not self.months or day.month in self.months)
            and (not self.month_days or day.day in self.month_days or day.day - last - 1 in self.month_days)
            and (not self.days or any(weekday == day.weekday() for _, weekday in self.days))
        )

    def _in_month(self, first: date, start_day: int) -> set[date]:
        last = calendar.last_day(first.year, first.month)
        numbers = set(range(1, last + 1))
        if self.month_days:
            numbers &= {day if day > 0 else last + 1 + day for day in self.month_days}
        if self.days:
            numbers &= {day for place in self.days for day in _places(first, last, place)}
        if not self.month_days and not self.days:
            numbers &= {start_day}
        return {first.replace(day=number) for number in numbers}


def _list(values: Sequence[object] | Iterator[object]) -> str:
    return ",".join(str(value) for value in values)


def _on_day(rule: Rule, day: int) -> Rule:
    """Return the rule on a day of the month, or on the last day of a month too short for it."""
    if day <= 28:
        return replace(rule, month_days=(day,))
    return replace(rule, month_days=tuple(range(28, day + 1)), position=-1)


def _places(first: date, last: int, place: Place) -> Sequence[int]:
    number, weekday = place
    if not number:
        return range(calendar.on_or_after(first, weekday).day, last + 1, 7)
    day = calendar.place_in_month(first, number, weekday)
    return [day.day] if day is not None else []


def parse_rule(text: str) -> Rule:
    """Return the rule of an RRULE text, with or without its prefix.

    Raises:
        ValueError: the text is no rule, or one of a kind tasks do not have (by the hour, by week number …).
    """
    if len(text) > _LONGEST_TEXT:
        raise ValueError("the rule is too long")
    fields: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, separator, value = part.partition("=")
        if not separator or not value or name in fields:
            raise ValueError(f"{part!r} is not a part of a rule")
        fields[name] = value
    return _checked(_from_fields(fields))


def _from_fields(fields: dict[str, str]) -> Rule:
    if fields.pop("WKST", "MO") != "MO":
        raise ValueError("weeks begin on Monday")
    until = fields.pop("UNTIL", "")
    rule = Rule(
        frequency=Frequency(fields.pop("FREQ", "")),
        interval=int(fields.pop("INTERVAL", "1")),
        months=_numbers(fields.pop("BYMONTH", ""), 1, 12),
        month_days=_numbers(fields.pop("BYMONTHDAY", ""), -31, 31),
        days=tuple(_place(part) for part in filter(None, fields.pop("BYDAY", "").split(","))),
        position=int(fields.pop("BYSETPOS", "0")),
        count=int(fields.pop("COUNT")) if "COUNT" in fields else None,
        until=datetime.strptime(until[:8], "%Y%m%d").date() if until else None,  # noqa: DTZ007 - a day has no zone
        from_completion=fields.pop("X-FROM", "") == _COMPLETION,
    )
    if fields:
        raise ValueError(f"{next(iter(fields))} is not supported")
    return rule


def _numbers(text: str, lowest: int, highest: int) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(",")) if text else ()
    if any(number == 0 or not lowest <= number <= highest for number in numbers):
        raise ValueError(f"{text} is out of range")
    return numbers


def _place(text: str) -> Place:
    match = re.fullmatch(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", text)
    if match is None:
        raise ValueError(f"{text} is not a weekday")
    return int(match[1] or 0), WEEKDAYS.index(match[2])


def _checked(rule: Rule) -> Rule:
    """Return the rule if it is one of the kinds tasks have and names at least one day."""
    ordinal = any(number for number, _ in rule.days)
    wrong = (
        (not 1 <= rule.interval <= _MAX_INTERVAL, "the interval is out of range"),
        (rule.count is not None and not 1 <= rule.count <= 10_000, "the count is out of range"),
        (rule.count is not None and rule.until is not None, "a rule ends by date or by count, not both"),
        (rule.position not in range(-31, 32), "BYSETPOS is out of range"),
        (bool(rule.position) and not rule.days and not rule.month_days, "BYSETPOS chooses among days"),
        (bool(rule.position) and rule.frequency is Frequency.DAILY, "BYSETPOS has no meaning by the day"),
        (ordinal and rule.frequency not in {Frequency.MONTHLY, Frequency.YEARLY}, "a numbered weekday needs a month"),
        (rule.frequency is Frequency.WEEKLY and bool(rule.month_days), "weeks have no days of the month"),
        (
            rule.frequency is Frequency.YEARLY and bool(rule.days) and not rule.months,
            "weekdays of a year need their month",
        ),
        (
            rule.from_completion and bool(rule.days or rule.month_days or rule.months),
            "after completion only a span can be given",
        ),
    )
    problem = next((words for failed, words in wrong if failed), None)
    every_period = replace(rule, interval=1, until=None)
    if problem is None and not rule.from_completion and not any(islice(every_period.occurrences(date(2024, 1, 1)), 1)):
        problem = "the rule names no day"
    if problem is not None:
        raise ValueError(problem)
    return rule


def following(rule: Rule, due: date | None, clock: time | None, done: datetime | None) -> tuple[date, Rule] | None:
    """Return the next due date and the rule it goes on with, or None when the series has ended.

    `done` is the local moment of completion; occurrences that lie before it count but are passed over. None skips
    one occurrence, however late or early.
    """
    base = due or (done.date() if done is not None else None)
    if base is None or (rule.count is not None and rule.count <= 1):
        return None
    if rule.from_completion:
        day = _after(rule, done.date() if done is not None else base)
        later = None if rule.until is not None and day > rule.until else day
        return None if later is None else (later, _counted(rule, 1))
    series = replace(rule.anchored(base), count=None)
    passed = 0
    for day in series.occurrences(base):
        if day <= base:
            continue
        passed += 1
        if rule.count is not None and passed >= rule.count:
            return None
        if done is None or _is_ahead(day, clock, done):
            return day, _counted(rule.anchored(base), passed)
    return None


def _is_ahead(day: date, clock: time | None, done: datetime) -> bool:
    if clock is None:
        return day >= done.date()
    return (day, clock) > (done.date(), done.time())


def _counted(rule: Rule, passed: int) -> Rule:
    return rule if rule.count is None else replace(rule, count=rule.count - passed)


def _after(rule: Rule, day: date) -> date:
    match rule.frequency:
        case Frequency.DAILY:
            return day + timedelta(days=rule.interval)
        case Frequency.WEEKLY:
            return day + timedelta(weeks=rule.interval)
        case Frequency.MONTHLY:
            return calendar.add_months(day, rule.interval)
        case Frequency.YEARLY:
            return calendar.add_months(day, 12 * rule.interval)
