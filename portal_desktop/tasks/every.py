"""Phrases of repetition, in English and German, to rules: "every other friday at 9", "jeden 15. um 14 Uhr".

An ordinal before a weekday is a place in the month when a month is named or it is the first ("every first monday");
otherwise it is an interval, as "every second friday" and "jeden zweiten Freitag" are every other week. What repeats
more than once a day is not understood.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from portal_desktop.tasks.clock_times import TIMES, read_time
from portal_desktop.tasks.dates import LANGUAGES, LONGEST_TEXT, Reading, date_at
from portal_desktop.tasks.recurrence import Frequency, Rule
from portal_desktop.tasks.words import Token, kinds_of, tokens_of

_UNITS = {
    "day": Frequency.DAILY,
    "week": Frequency.WEEKLY,
    "month": Frequency.MONTHLY,
    "year": Frequency.YEARLY,
}
_SIGNS = frozenset("eRZKC")
"""Every repetition has a word of one of these kinds."""

_WORKING_DAYS = tuple((0, day) for day in range(5))
_WEEKEND = ((0, 5), (0, 6))


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule with what was said beside it: the time of day and the first day."""

    rule: Rule
    clock: time | None = None
    start: date | None = None


@dataclass(frozen=True, slots=True)
class FoundRepeat:
    """A repetition and the tokens it covers."""

    repeat: Repeat
    first: int
    last: int


def read_every(text: str, now: datetime, languages: Sequence[str] = ("en", "de")) -> Repeat | None:
    """Return what the whole text means as a repetition, or None."""
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(cleaned) <= LONGEST_TEXT:
        return None
    for code in languages:
        tokens = tokens_of(cleaned, LANGUAGES[code])
        found = _repeat_at(tokens, kinds_of(tokens), 0, now)
        if found is not None and found.last == len(tokens):
            return found.repeat
    return None


def repeats_in(tokens: Sequence[Token], now: datetime) -> Iterator[FoundRepeat]:
    """Yield the repetitions inside a longer text, left to right; a word such as "daily" alone does not count."""
    kinds = kinds_of(tokens)
    position = 0 if _SIGNS & set(kinds) else len(tokens)
    while position < len(tokens):
        found = _repeat_at(tokens, kinds, position, now)
        if found is None or kinds[found.first : found.last] in {"R", "K"}:
            position += 1
            continue
        yield found
        position = found.last


def _repeat_at(tokens: Sequence[Token], kinds: str, position: int, now: datetime) -> FoundRepeat | None:
    best: FoundRepeat | None = None
    for pattern, read in _RULES:
        match = pattern.match(kinds, position)
        if match is None or (best is not None and match.end() <= best.last):
            continue
        rule = read(tokens[position : match.end()])
        if rule is not None:
            best = FoundRepeat(Repeat(rule), position, match.end())
    if best is None:
        return None
    while (longer := _extended(tokens, kinds, best, now)) is not None:
        best = longer
    return best


def _extended(tokens: Sequence[Token], kinds: str, found: FoundRepeat, now: datetime) -> FoundRepeat | None:
    """Return the repetition with one more thing said behind it: a time, an end, a start."""
    end, repeat = found.last, found.repeat
    if repeat.rule.count is None and repeat.rule.until is None:
        times = re.compile(r"P?nT").match(kinds, end)
        number = next((token.value for token in tokens[end : times.end()] if token.kind == "n"), 0) if times else 0
        if times is not None and isinstance(number, int) and number >= 1:
            return _with(found, replace(repeat, rule=replace(repeat.rule, count=number)), times.end())
        until = _date_behind(tokens, kinds, end, now) if _opens_end(tokens[end : end + 1]) else None
        if until is not None and until[0].clock is None:
            return _with(found, replace(repeat, rule=replace(repeat.rule, until=until[0].day)), until[1])
    if repeat.start is None:
        start = _date_behind(tokens, kinds, end, now) if kinds[end : end + 1] in {"S", "G"} else None
        if start is not None:
            return _with(found, replace(repeat, start=start[0].day, clock=repeat.clock or start[0].clock), start[1])
    if repeat.clock is None:
        matches = [match for match in (pattern.match(kinds, end) for pattern in TIMES) if match is not None]
        best = max(matches, key=lambda match: match.end(), default=None)
        clock = read_time(tokens[end : best.end()]) if best is not None else None
        if best is not None and clock is not None:
            return _with(found, replace(repeat, clock=clock), best.end())
    return None


def _with(found: FoundRepeat, repeat: Repeat, last: int) -> FoundRepeat:
    return replace(found, repeat=repeat, last=last)


def _opens_end(tokens: Sequence[Token]) -> bool:
    """Whether a token begins "until …"; the German word for it also means "by"."""
    return any(token.kind == "U" or (token.kind == "O" and str(token.value).startswith("bis")) for token in tokens)


def _date_behind(tokens: Sequence[Token], kinds: str, opener: int, now: datetime) -> tuple[Reading, int] | None:
    """Return the date behind an opening word and where it ends; the word may also begin the date ("bis Ende …")."""
    for position in (opener + 1, opener):
        found = date_at(tokens, kinds, position, now)
        if found is not None and found.reading is not None:
            return found.reading, found.last
    return None


def _interval(tokens: Sequence[Token]) -> int | None:
    for token in tokens:
        if token.kind in "no":
            return token.value if isinstance(token.value, int) and token.value >= 1 else None
        if token.kind == "r":
            return 2
    return 1


def _unit(tokens: Sequence[Token]) -> Rule | None:
    unit, interval = tokens[-1].value, _interval(tokens)
    if unit == "fortnight" and interval is not None:
        return Rule(Frequency.WEEKLY, interval * 2)
    return Rule(_UNITS[unit], interval) if unit in _UNITS and interval is not None and interval <= 1000 else None


def _named(tokens: Sequence[Token]) -> Rule | None:
    unit, interval = tokens[0].value
    return Rule(_UNITS[unit], interval)


def _weekdays(tokens: Sequence[Token]) -> Rule | None:
    days = tuple(sorted({(0, token.value) for token in tokens if token.kind in "wvZ"}))
    interval = _interval(tokens)
    if interval is None:
        return None
    if any(token.kind == "o" and token.value == 1 for token in tokens):
        return Rule(Frequency.MONTHLY, days=tuple((1, day) for _, day in days))
    return Rule(Frequency.WEEKLY, interval, days=days)


def _day_of_month(tokens: Sequence[Token]) -> Rule | None:
    days = [token.value for token in tokens if token.kind == "o"]
    named = next((token.value for token in tokens if token.kind == "R"), None)
    unit = next((token.value for token in tokens if token.kind == "u"), "month")
    interval = next((token.value for token in tokens if token.kind == "n"), named[1] if named else 1)
    if (named[0] if named else unit) != "month" or not all(1 <= day <= 31 for day in days):
        return None
    return Rule(Frequency.MONTHLY, interval).anchored(date(2024, 1, days[0]))


def _place_in_month(tokens: Sequence[Token]) -> Rule | None:
    number = next(-1 if token.kind == "l" else token.value for token in tokens if token.kind in "ol")
    day = next(token.value for token in tokens if token.kind in "wv")
    if (tokens[-1].kind == "u" and tokens[-1].value != "month") or number > 5:
        return None
    return Rule(Frequency.MONTHLY, days=((number, day),))


def _last_day(tokens: Sequence[Token]) -> Rule | None:
    units = [token.value for token in tokens if token.kind == "u"]
    return Rule(Frequency.MONTHLY, month_days=(-1,)) if units in (["day", "month"], ["month"]) else None


def _yearly(tokens: Sequence[Token]) -> Rule | None:
    unit = next((token.value for token in tokens if token.kind in "uR"), "year")
    month = next(token.value for token in tokens if token.kind in "mY")
    day = next((token.value for token in tokens if token.kind in "no"), 0)
    if isinstance(month, tuple):
        month, day = month
    if unit not in ("year", ("year", 1)):
        return None
    try:
        return Rule(Frequency.YEARLY).anchored(date(2024, month, day))
    except (TypeError, ValueError):
        return None


def _after_completion(tokens: Sequence[Token]) -> Rule | None:
    rule = _unit([token for token in tokens if token.kind in "nru"])
    return replace(rule, from_completion=True) if rule is not None else None


def _same(rule: Rule) -> Callable[[Sequence[Token]], Rule | None]:
    return lambda _tokens: rule


def _weekly_on(tokens: Sequence[Token]) -> Rule | None:
    """Return "every two weeks on monday and friday"."""
    named = tokens[0].value if tokens[0].kind == "R" else None
    unit = named[0] if named else next(token.value for token in tokens if token.kind == "u")
    interval = named[1] if named else _interval(tokens)
    days = tuple(sorted({(0, token.value) for token in tokens if token.kind in "wvZ"}))
    return Rule(Frequency.WEEKLY, interval, days=days) if unit == "week" and interval is not None else None


def _monthly_on(tokens: Sequence[Token]) -> Rule | None:
    """Return "every month on the first monday"."""
    unit = tokens[0].value[0] if tokens[0].kind == "R" else tokens[1].value
    number = next(-1 if token.kind == "l" else token.value for token in tokens if token.kind in "ol")
    return Rule(Frequency.MONTHLY, days=((number, tokens[-1].value),)) if unit == "month" and number <= 5 else None


_RULES: tuple[tuple[re.Pattern[str], Callable[[Sequence[Token]], Rule | None]], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"e[nro]?u", _unit),
        (r"R", _named),
        (r"e?K|eu?K", _same(Rule(Frequency.WEEKLY, days=_WORKING_DAYS))),
        (r"eW", _same(Rule(Frequency.WEEKLY, days=_WEEKEND))),
        (r"e[nro]?[wvZ](?:c?[wvZ])*", _weekdays),
        (r"O?Z(?:c?Z)*", _weekdays),
        (r"(?:e[n]?u|R)O?f*[wvZ](?:c?[wvZ])*", _weekly_on),
        (r"(?:en?u|R)O?f*o", _day_of_month),
        (r"eo(?:f+u)?", _day_of_month),
        (r"O?f*of*eu", _day_of_month),
        (r"ef*[ol][wv]f*e?u|O?f*[ol][wv]f*eu|el[wv]", _place_in_month),
        (r"(?:eu|R)O?f*[ol][wv]", _monthly_on),
        (r"ef*luf*e?u|O?f*luf*eu", _last_day),
        (r"O?f*Ef*eu", _last_day),
        (r"(?:eu|R)O?f*(?:f*[on]f*m|mf*[on]|Y)", _yearly),
        (r"e(?:[on]f*m|mf*[on]|Y)", _yearly),
        (r"(?:e[nr]?|[na])uC", _after_completion),
    )
)


def first_due(repeat: Repeat, now: datetime) -> date:
    """Return the day a repetition begins when no due date was said: the first of its days that is still ahead."""
    today = repeat.start or now.date()
    if repeat.start is None and repeat.clock is not None and repeat.clock <= now.time():
        today += timedelta(days=1)
    if repeat.rule.from_completion:
        return today
    return next(replace(repeat.rule, interval=1).anchored(today).occurrences(today), today)
