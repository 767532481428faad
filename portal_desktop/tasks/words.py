"""From text to tokens: what `dates` and `every` have in common, whatever the language.

A token's kind is one letter, so that a phrase becomes a short string and the grammar plain regular expressions over
it. The letters:

    n number · y year of four digits · a article that counts as one · o ordinal · H half · b German "halb" · q quarter
    Q quarter or three quarters of an hour · u unit · w weekday · v weekday, abbreviated · Z weekday of every week
    m month · Y feast (month, day) · d days from today · W weekend · K working days · p part of the day
    h time of day in digits · j noon, midnight · k "o'clock", "Uhr" · I ISO date or moment · D date in digits
    i in · O on, by · @ at · f of, the · x next · X the one after next · t this · l last · c and
    > past · < to · F from now · G from, after · E end · B beginning · M middle
    e every · r other · R daily, weekly … · U until · P for · T times · S starting · C after completion · ? unknown
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeAlias

Meaning: TypeAlias = tuple[tuple[str, Any], ...]
"""What a word or phrase stands for: one or more pairs of kind and value."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or number that means something, and where it stood."""

    kind: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DayPart:
    """The time a part of the day stands for; `late` parts turn 8 into 20 o'clock."""

    time: time
    late: bool


@dataclass(frozen=True, slots=True)
class Words:
    """The vocabulary of one language. Keys of `phrases` are lower-case words separated by single spaces."""

    code: str
    phrases: Mapping[str, Meaning]
    am_pm: bool
    dotted_dates: bool


LONGEST_PHRASE = 5

_PATTERN = re.compile(
    r"""
    (?P<iso>(?<![\w-])\d{4}-\d{2}-\d{2}
        (?:[Tt\ ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?(?![\w-]))
  | (?P<meridiem>(?<!\w)\d{1,2}(?:[:.]\d{2})?\s?[ap](?:m\b|\.m\.))
  | (?P<clock>(?<![\w:])\d{1,2}:\d{2}(?![\w:]))
  | (?P<dotted>(?<!\w)\d{1,2}\.\s?\d{1,2}\.(?:(?:\s?\d{4}|\d{2})(?![\w.:]))?)
  | (?P<point>(?<!\w)\d{1,2}\.\d{2}(?=\s*uhr\b))
  | (?P<slashed>(?<![\w/])\d{1,2}/\d{1,2}/\d{4}(?![\w/]))
  | (?P<ordinal>(?<!\w)\d{1,2}(?:st|nd|rd|th)\b)
  | (?P<ordinal_dot>(?<!\w)\d{1,2}\.(?!\d))
  | (?P<number>(?<![\w.,])\d{1,5}(?:[.,]\d)?(?!\d))
  | (?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)
  | (?P<other>[^\s,])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NOON = 12


def tokens_of(text: str, words: Words) -> list[Token]:
    """Return the tokens of a text; commas and the dots of abbreviations are not among them."""
    raw: list[Token] = []
    position = 0
    while (match := _PATTERN.search(text, position)) is not None:
        token = _token(match, words)
        raw.append(token)
        position = token.end
    return _without_abbreviation_dots(_merged(raw, words), text)


def kinds_of(tokens: Sequence[Token]) -> str:
    """Return the kinds as one string, one letter for each token."""
    return "".join(token.kind for token in tokens)


def _token(match: re.Match[str], words: Words) -> Token:
    """Return the token of a match; a form this language does not have is read as a bare number instead."""
    group, text = match.lastgroup or "other", match.group()
    start, end = match.span()
    if group == "word":
        return Token("word", text.lower().replace("’", "'"), start, end)
    if group == "number":
        return _number(text, start, end)
    foreign = (group == "meridiem" and not words.am_pm) or (
        group in {"dotted", "ordinal_dot", "point"} and not words.dotted_dates
    )
    if foreign:
        digits = re.match(r"\d+", text)
        assert digits is not None
        return _number(digits.group(), start, start + digits.end())
    kind, value = _READERS[group](text)
    return Token(kind, value, start, end)


def _number(text: str, start: int, end: int) -> Token:
    value = float(text.replace(",", "."))
    if not value.is_integer():
        return Token("n", value, start, end)
    year = len(text) == 4 and 1900 <= value <= 2999
    return Token("y" if year else "n", int(value), start, end)


def _iso(text: str) -> tuple[str, Any]:
    try:
        if len(text) == len("2026-11-21"):
            return "I", date.fromisoformat(text)
        return "I", datetime.fromisoformat(text.upper())
    except ValueError:
        return "?", None


def _clock(text: str) -> tuple[str, Any]:
    hour, minute = (int(part) for part in re.split("[:.]", text))
    return ("h", time(hour, minute)) if hour < 24 and minute < 60 else ("?", None)


def _meridiem(text: str) -> tuple[str, Any]:
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    hour, minute = numbers[0], (numbers[1:] or [0])[0]
    if not 1 <= hour <= _NOON or minute > 59:
        return "?", None
    return "h", time(hour % _NOON + (_NOON if "p" in text.lower() else 0), minute)


def _dotted(text: str) -> tuple[str, Any]:
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    year = numbers[2] if len(numbers) == 3 else None
    if year is not None and year < 100:
        year += 2000
    return "D", (numbers[0], numbers[1], year)


def _slashed(text: str) -> tuple[str, Any]:
    """Day and month are told apart only where one order alone is possible; 3/4/2027 is not guessed."""
    first, second, year = (int(part) for part in text.split("/"))
    if first > _NOON or first == second:
        return "D", (first, second, year)
    if second > _NOON:
        return "D", (second, first, year)
    return "?", None


def _ordinal(text: str) -> tuple[str, Any]:
    return "o", int(re.sub(r"\D", "", text))


_READERS: Mapping[str, Callable[[str], tuple[str, Any]]] = MappingProxyType(
    {
        "iso": _iso,
        "meridiem": _meridiem,
        "clock": _clock,
        "dotted": _dotted,
        "point": _clock,
        "slashed": _slashed,
        "ordinal": _ordinal,
        "ordinal_dot": _ordinal,
        "other": lambda text: ("@" if text == "@" else "?", text),
    }
)


def _merged(raw: Sequence[Token], words: Words) -> list[Token]:
    """Replace words by their meanings, the longest phrase first."""
    result: list[Token] = []
    index = 0
    while index < len(raw):
        if raw[index].kind != "word":
            result.append(raw[index])
            index += 1
            continue
        size, meaning = _phrase_at(raw, index, words)
        start, end = raw[index].start, raw[index + size - 1].end
        result.extend(Token(kind, value, start, end) for kind, value in meaning)
        index += size
    return result


def _phrase_at(raw: Sequence[Token], index: int, words: Words) -> tuple[int, Meaning]:
    run: list[str] = []
    for token in raw[index : index + LONGEST_PHRASE]:
        if token.kind != "word":
            break
        run.append(token.value)
    for size in range(len(run), 0, -1):
        meaning = words.phrases.get(" ".join(run[:size]))
        if meaning is not None:
            return size, meaning
    return 1, (("?", run[0]),)


def _without_abbreviation_dots(tokens: Sequence[Token], text: str) -> list[Token]:
    """Drop the dot right after a known word ("Fr.", "Dez.") and the one that ends the text."""
    dots = {
        later.start
        for earlier, later in pairwise(tokens)
        if later.value == "." and earlier.kind in "vmuwh" and earlier.end == later.start
    }
    end = len(text.rstrip())
    return [
        token
        for token in tokens
        if not (token.kind == "?" and token.value in {".", "!"} and (token.start in dots or token.end == end))
    ]
