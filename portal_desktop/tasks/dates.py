"""Dates as people say them, in English and German, read by rule: nothing is guessed, what is not understood is None.

Readings that people disagree on:

- "friday" and "next friday" are the first Friday after today, "this friday" may be today: the nearer reading, because
  a deadline read too late is missed. The Friday of next week is "friday next week". "Übernächsten Freitag" is the
  one after.
- "next weekend" is that of next week, as "this weekend" is the nearer one.
- The night of a day ends on the next: "heute Nacht um 1" is 1:00 tomorrow.
- "next week" is its Monday, "next month" and "next year" are their first day; "in a week" is seven days from today.
- "end of the week" is Sunday, "weekend" the Saturday, "mid" a month the 15th.
- A day and month without a year is the next such day; 29 February waits for the next leap year.
- "the 31st" is the next 31st there is.
- A time alone is today, or tomorrow once it has passed. Hours without am or pm are those of the 24-hour clock.
- Morning 9:00, früh 8:00, Vormittag 10:00, noon 12:00, afternoon 15:00, evening 19:00, night 21:00.
- "in 24 hours" is so much time later, over clock changes too; "in a day" is tomorrow.
- A date that does not exist, a weekday that contradicts its date, and 3/4/2027 are refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import TypeAlias

from portal_desktop.tasks import calendar
from portal_desktop.tasks.clock_times import MORNING_HOUR, NIGHT, TIMES, read_time
from portal_desktop.tasks.words import Token, Words, kinds_of, tokens_of
from portal_desktop.tasks.words_de import GERMAN
from portal_desktop.tasks.words_en import ENGLISH

LANGUAGES: Mapping[str, Words] = MappingProxyType({"en": ENGLISH, "de": GERMAN})
LONGEST_TEXT = 120
_MAX_AMOUNT = 10_000
_SPAN_PIECE = r"(?:aucaH|ncaHu|Ha?u|aHu|a?qfa?u|a?Q|[nay]u)"
SPAN = rf"(?:{_SPAN_PIECE}(?:c?{_SPAN_PIECE})?)"
_UNSAFE_IN_TITLES = re.compile(r"v|W|Y|j|p|Op|@n|f*o|@?bn|[nq]u?[<>]n|@?nf*p|@?q[<>]n|H>n|nk?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A day and, where one was said, a local wall time."""

    day: date
    clock: time | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A reading and the tokens it covers; `reading` is None for a form that names no possible date."""

    reading: Reading | None
    first: int
    last: int


def read_date(text: str, now: datetime, languages: Sequence[str] = ("en", "de")) -> Reading | None:
    """Return what the whole text means as a date at an aware local `now`, or None.

    The languages are tried in their order; a text none of them understands wholly is None.
    """
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(cleaned) <= LONGEST_TEXT:
        return None
    for code in languages:
        tokens = tokens_of(cleaned, LANGUAGES[code])
        found = date_at(tokens, kinds_of(tokens), 0, now)
        if found is not None and found.last == len(tokens) and found.reading is not None:
            return found.reading
    return None


def dates_in(tokens: Sequence[Token], now: datetime) -> Iterator[Found]:
    """Yield the dates inside a longer text, left to right; words a title may well contain alone do not count."""
    kinds = kinds_of(tokens)
    position = 0
    while position < len(tokens):
        found = date_at(tokens, kinds, position, now)
        if found is None:
            position += 1
            continue
        ends_text = found.last == len(tokens) or kinds[found.last] not in "?"
        said = kinds[found.first : found.last]
        unsafe = _UNSAFE_IN_TITLES.fullmatch(said) or (re.fullmatch("Of*o", said) and not ends_text)
        if found.reading is not None and not unsafe:
            yield found
        position = found.last


def date_at(tokens: Sequence[Token], kinds: str, position: int, now: datetime) -> Found | None:
    """Return the longest date that begins at a token, with its time before or behind it."""
    best = _relative_at(tokens, kinds, position, now)
    for end, day in _days_at(tokens, kinds, position, now.date()):
        best = _longer(best, _with_time_behind(tokens, kinds, (position, end), day, now))
    for end, clock in _times_at(tokens, kinds, position):
        best = _longer(best, Found(_next_time(clock, now), position, end))
        for last, day in _days_at(tokens, kinds, end, now.date()):
            best = _longer(best, Found(_joined(day, clock, now, tokens[position:end]), position, last))
    return best


def _longer(one: Found | None, other: Found) -> Found:
    if one is None or other.last > one.last or (other.last == one.last and one.reading is None):
        return other
    return one


def _with_time_behind(
    tokens: Sequence[Token], kinds: str, span: tuple[int, int], day: date | datetime | None, now: datetime
) -> Found:
    position, end = span
    if isinstance(day, datetime):
        return Found(_of_moment(day, now), position, end)
    best = Found(Reading(day) if day is not None else None, position, end)
    for last, clock in _times_at(tokens, kinds, end):
        best = _longer(best, Found(_joined(day, clock, now, tokens[end:last]), position, last))
    return best


def _joined(day: date | None, clock: time | None, now: datetime, said: Sequence[Token] = ()) -> Reading | None:
    """Return day and time as one; the small hours of "tonight" belong to the day after."""
    if day is None or clock is None or isinstance(day, datetime) or now.tzinfo is None:
        return None
    at_night = any(token.kind == "p" and token.value.time == NIGHT for token in said)
    if at_night and clock.hour < MORNING_HOUR:
        day += timedelta(days=1)
    moment = calendar.local(day, clock, now.tzinfo)
    return Reading(moment.date(), moment.time())


def _of_moment(moment: datetime, now: datetime) -> Reading | None:
    if moment.tzinfo is None:
        return _joined(moment.date(), moment.time(), now)
    here = moment.astimezone(now.tzinfo)
    return Reading(here.date(), here.time().replace(microsecond=0))


def _next_time(clock: time | None, now: datetime) -> Reading | None:
    if clock is None:
        return None
    day = now.date() if clock > now.time() else now.date() + timedelta(days=1)
    return _joined(day, clock, now)


def _times_at(tokens: Sequence[Token], kinds: str, position: int) -> Iterator[tuple[int, time | None]]:
    for pattern in TIMES:
        match = pattern.match(kinds, position)
        if match is not None:
            yield match.end(), read_time(tokens[position : match.end()])


def _days_at(
    tokens: Sequence[Token], kinds: str, position: int, today: date
) -> Iterator[tuple[int, date | datetime | None]]:
    for pattern, read in _DAYS:
        match = pattern.match(kinds, position)
        if match is None:
            continue
        try:
            day = read(tokens[position : match.end()], today)
        except (OverflowError, ValueError):
            day = None
        yield match.end(), day


def _relative_at(tokens: Sequence[Token], kinds: str, position: int, now: datetime) -> Found | None:
    """Return a span of hours or minutes from now; spans of days and more are days."""
    for pattern in _FROM_NOW:
        match = pattern.match(kinds, position)
        if match is None:
            continue
        amounts = amounts_of([token for token in tokens[position : match.end()] if token.kind not in "iF"])
        if not any(unit in {"hour", "minute"} for _, unit in amounts):
            continue
        try:
            return Found(_later(amounts, now), position, match.end())
        except (OverflowError, ValueError):
            return Found(None, position, match.end())
    return None


def _later(amounts: Sequence[tuple[float, str]], now: datetime) -> Reading:
    minutes = sum(amount * (60 if unit == "hour" else 1) for amount, unit in amounts if unit in {"hour", "minute"})
    day = add_span(now.date(), [(amount, unit) for amount, unit in amounts if unit not in {"hour", "minute"}])
    start = now if day == now.date() else datetime.combine(day, now.time(), now.tzinfo)
    moment = calendar.after_exactly(start, timedelta(minutes=minutes))
    return Reading(moment.date(), moment.time().replace(second=0, microsecond=0))


def amounts_of(tokens: Sequence[Token]) -> list[tuple[float, str]]:
    """Return the amounts and units of a span, such as "an hour and a half" or "2 hours 30 minutes"."""
    result: list[tuple[float, str]] = []
    kinds = kinds_of(tokens)
    for match in re.finditer(_SPAN_PIECE, kinds):
        piece = tokens[match.start() : match.end()]
        unit = next((token.value for token in piece if token.kind == "u"), "minute")
        result.append((_amount(match.group(), piece), unit))
    return result


def _amount(kinds: str, piece: Sequence[Token]) -> float:
    if "Q" in kinds:
        return float(piece[-1].value)
    if "q" in kinds:
        return 0.25
    whole = 0.0 if kinds in {"Hu", "Hau", "aHu"} else 1.0 if kinds[0] == "a" else float(piece[0].value)
    return whole + (0.5 if "H" in kinds else 0.0)


def add_span(day: date, amounts: Sequence[tuple[float, str]]) -> date:
    """Return the day so much later.

    Raises:
        ValueError: half a week or month is no number of days, or the amount is out of reason.
        OverflowError: the calendar ends before.
    """
    for amount, unit in amounts:
        months = amount * {"month": 1, "year": 12}.get(unit, 0)
        days = amount * {"day": 1, "week": 7, "fortnight": 14}.get(unit, 0)
        if not months.is_integer() or not days.is_integer() or amount > _MAX_AMOUNT:
            raise ValueError(f"{amount} {unit} is not a whole number of days")
        day = calendar.add_months(day, int(months)) + timedelta(days=int(days))
    return day


Day: TypeAlias = date | datetime | None


def _first(tokens: Sequence[Token], kinds: str) -> Token | None:
    return next((token for token in tokens if token.kind in kinds), None)


def _offset(tokens: Sequence[Token], today: date) -> Day:
    return today + timedelta(days=tokens[-1].value)


def _weekday(tokens: Sequence[Token], today: date) -> Day:
    weekday = tokens[-1].value
    if _first(tokens, "t"):
        return calendar.on_or_after(today, weekday)
    coming = calendar.on_or_after(today + timedelta(days=1), weekday)
    return coming + timedelta(weeks=1) if _first(tokens, "X") else coming


def _weekday_of_week(tokens: Sequence[Token], today: date) -> Day:
    weekday, unit = _first(tokens, "wv"), _first(tokens, "u")
    if weekday is None or unit is None or unit.value != "week":
        return None
    weeks = 2 if _first(tokens, "X") else 0 if _first(tokens, "t") else 1
    return calendar.monday_of(today) + timedelta(weeks=weeks, days=weekday.value)


def _next_unit(tokens: Sequence[Token], today: date) -> Day:
    steps = 2 if _first(tokens, "X") else 1
    match tokens[-1].value:
        case "day":
            return today + timedelta(days=steps)
        case "week":
            return calendar.monday_of(today) + timedelta(weeks=steps)
        case "month":
            return calendar.add_months(today.replace(day=1), steps)
        case "year":
            return date(today.year + steps, 1, 1)
    return None


def _weekend(tokens: Sequence[Token], today: date) -> Day:
    saturday = calendar.monday_of(today) + timedelta(days=5)
    if _first(tokens, "x"):
        return saturday + timedelta(weeks=1)
    if _first(tokens, "X"):
        return saturday + timedelta(weeks=2)
    return saturday if today <= saturday else today


def _edge(tokens: Sequence[Token], today: date) -> Day:
    """Return the beginning, middle or end of a week, month or year, or of a named month."""
    edge, steps = _first(tokens, "EBMl"), 1 if _first(tokens, "x") else 2 if _first(tokens, "X") else 0
    month, unit, year = _first(tokens, "m"), tokens[-1], _first(tokens, "y")
    if edge is None or (edge.kind == "l" and tokens[_index(tokens, edge) + 1].value != "day"):
        return None
    kind = "E" if edge.kind == "l" else edge.kind
    if month is not None:
        return _edge_of_month(kind, date(year.value if year else today.year, month.value, 1), today, fixed=bool(year))
    if unit.value == "month":
        start = calendar.add_months(today.replace(day=1), steps)
        return _edge_of_month(kind, start, today, fixed=steps > 0)
    if unit.value == "week" and kind != "M":
        start = calendar.monday_of(today) + timedelta(weeks=steps)
        return start + timedelta(days=6) if kind == "E" else start if start >= today else start + timedelta(weeks=1)
    if unit.value == "year" and kind != "M":
        start = date(today.year + steps + (kind == "B" and steps == 0 and today > date(today.year, 1, 1)), 1, 1)
        return date(start.year, 12, 31) if kind == "E" else start
    return today if unit.value == "day" and kind == "E" and not steps else None


def _edge_of_month(kind: str, start: date, today: date, *, fixed: bool) -> date:
    """Return the edge of a month; of one not fixed by year or "next", the next that is not past."""
    day = {"B": 1, "M": 15, "E": calendar.last_day(start.year, start.month)}[kind]
    found = start.replace(day=day)
    if fixed or found >= today:
        return found
    later = date(start.year + 1, start.month, 1) if start.month != today.month else calendar.add_months(start, 1)
    return _edge_of_month(kind, later, today, fixed=True)


def _index(tokens: Sequence[Token], token: Token) -> int:
    return next(index for index, other in enumerate(tokens) if other is token)


def _checked(tokens: Sequence[Token], day: date | None) -> Day:
    """Return the day unless a weekday said with it contradicts it."""
    weekday = _first(tokens, "wv")
    return day if weekday is None or day is None or day.weekday() == weekday.value else None


def _month_day(tokens: Sequence[Token], today: date) -> Day:
    month, year = _first(tokens, "mY"), _first(tokens, "y")
    if month is None:
        return None
    if month.kind == "Y":
        number, day = month.value
    else:
        number, day = month.value, next(token.value for token in tokens if token.kind in "no")
    if not isinstance(day, int):
        return None
    if year is not None:
        return _checked(tokens, calendar.exact(year.value, number, day))
    return _checked(tokens, calendar.next_yearly(today, number, day))


def _day_of_month(tokens: Sequence[Token], today: date) -> Day:
    """Return the next "15th", or that of this or the next month."""
    day, unit = _first(tokens, "o"), _first(tokens, "u")
    if day is None or (unit is not None and unit.value != "month"):
        return None
    steps = 1 if _first(tokens, "x") else 2 if _first(tokens, "X") else 0
    start = today.replace(day=1)
    if steps or _first(tokens, "t"):
        start = calendar.add_months(start, steps)
        return calendar.exact(start.year, start.month, day.value)
    months = (calendar.add_months(start, count) for count in range(13))
    found = (calendar.exact(month.year, month.month, day.value) for month in months)
    return next((date_ for date_ in found if date_ is not None and date_ >= today), None)


def _place_in_month(tokens: Sequence[Token], today: date) -> Day:
    """Return "the first monday of next month"; without "next" the coming one."""
    place, weekday = _first(tokens, "ol"), _first(tokens, "wv")
    if place is None or weekday is None or tokens[-1].value != "month":
        return None
    steps = 1 if _first(tokens, "x") else 2 if _first(tokens, "X") else 0
    fixed = bool(steps) or _first(tokens, "t") is not None
    start = calendar.add_months(today.replace(day=1), steps)
    for first in (start, calendar.add_months(start, 1), calendar.add_months(start, 2)):
        number = -1 if place.kind == "l" else place.value
        day = calendar.place_in_month(first, number, weekday.value)
        if fixed or (day is not None and day >= today):
            return day
    return None


def _written(tokens: Sequence[Token], today: date) -> Day:
    """Return an ISO date or moment, or a date in digits."""
    value = tokens[-1].value
    if tokens[-1].kind == "I":
        return value if isinstance(value, datetime) else _checked(tokens, value)
    day, month, year = value
    if year is None:
        return _checked(tokens, calendar.next_yearly(today, month, day))
    return _checked(tokens, calendar.exact(year, month, day))


def _span(tokens: Sequence[Token], today: date) -> Day:
    """Return a span of whole days from today, from a day said before it, or from one said behind it."""
    anchor = _first(tokens, "dwv")
    start = today
    if anchor is not None:
        read = _offset if anchor.kind == "d" else _weekday
        day = read([anchor], today)
        assert isinstance(day, date)
        start = day
    amounts = amounts_of([token for token in tokens if token.kind not in "iFGOdwv"])
    if any(unit in {"hour", "minute"} for _, unit in amounts):
        return None
    return add_span(start, amounts)


def _rule(pattern: str, read: Callable[[Sequence[Token], date], Day]) -> tuple[re.Pattern[str], Callable[..., Day]]:
    return re.compile(pattern), read


_FROM_NOW = (re.compile(rf"i{SPAN}"), re.compile(rf"{SPAN}F"))
_DAYS = (
    _rule(r"O?d", _offset),
    _rule(r"t(?=p)", lambda _, today: today),
    _rule(r"O?f?[xtX]?[wv]", _weekday),
    _rule(r"O?f?[wv]O?f*[xtX]u", _weekday_of_week),
    _rule(r"O?[xtX]uO?[wv]", _weekday_of_week),
    _rule(r"O?f?[xX]u", _next_unit),
    _rule(r"O?f?[xtX]?W", _weekend),
    _rule(r"O?f*[EBM]f*[xtX]?u", _edge),
    _rule(r"O?f*[EBM]f*my?", _edge),
    _rule(r"O?f*luf*[xtX]?(?:u|my?)", _edge),
    _rule(r"O?[wv]?O?f*[on]f*my?", _month_day),
    _rule(r"O?[wv]?O?mf*[on]y?", _month_day),
    _rule(r"O?Yy?", _month_day),
    _rule(r"(?:Of*|f+)o(?:f*[xtX]?u)?", _day_of_month),
    _rule(r"of+[xtX]?u", _day_of_month),
    _rule(r"O?f*[ol][wv]f*[xtX]?u", _place_in_month),
    _rule(r"O?[wv]?O?f?[ID]", _written),
    _rule(rf"i{SPAN}", _span),
    _rule(rf"{SPAN}F", _span),
    _rule(rf"O?[dwv]i{SPAN}", _span),
    _rule(rf"{SPAN}G[dwv]", _span),
)
