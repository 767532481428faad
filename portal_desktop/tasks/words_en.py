"""The English vocabulary of dates and recurrences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

from portal_desktop.tasks.words import DayPart, Meaning, Words

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_WEEKDAYS = (("mon",), ("tue", "tues"), ("wed",), ("thu", "thur", "thurs"), ("fri",), ("sat",), ("sun",))
_MONTHS = (
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may",),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep", "sept"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
_NUMBERS = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_UNITS = {
    "minute": ("minute", "minutes", "min", "mins"),
    "hour": ("hour", "hours", "hr", "hrs", "h"),
    "day": ("day", "days", "d"),
    "week": ("week", "weeks", "wk", "wks", "w"),
    "fortnight": ("fortnight", "fortnights"),
    "month": ("month", "months", "month's"),
    "year": ("year", "years", "yr", "yrs"),
}
_PARTS = {
    "morning": DayPart(time(9), late=False),
    "afternoon": DayPart(time(15), late=True),
    "evening": DayPart(time(19), late=True),
    "night": DayPart(time(21), late=True),
}
_SINGLE = {
    "i": ("in",),
    "O": ("on", "by", "due", "due on", "due by", "by the end of the day on"),
    "@": ("at",),
    "f": ("of", "the"),
    "x": ("next", "coming", "the coming", "upcoming"),
    "t": ("this",),
    "l": ("last",),
    "c": ("and",),
    "H": ("half",),
    "q": ("quarter",),
    ">": ("past",),
    "<": ("to",),
    "F": ("from now", "from today", "hence"),
    "G": ("from", "after"),
    "E": ("end", "the end"),
    "B": ("beginning", "start", "the beginning", "the start"),
    "M": ("mid", "middle", "the middle"),
    "e": ("every", "each"),
    "r": ("other",),
    "U": ("until", "till"),
    "P": ("for",),
    "T": ("times", "occurrences"),
    "S": ("starting", "starting on", "starting from", "beginning on"),
    "C": ("after completion", "after completing", "after it is done", "after done", "after i finish"),
    "k": ("o'clock", "oclock"),
    "a": ("a", "an"),
    "W": ("weekend", "weekends"),
    "K": ("weekday", "weekdays", "workday", "workdays", "working day"),
}
_FIXED: dict[str, Meaning] = {
    "today": (("d", 0),),
    "tomorrow": (("d", 1),),
    "tmrw": (("d", 1),),
    "day after tomorrow": (("d", 2),),
    "the day after tomorrow": (("d", 2),),
    "yesterday": (("d", -1),),
    "day before yesterday": (("d", -2),),
    "the day before yesterday": (("d", -2),),
    "tonight": (("d", 0), ("p", _PARTS["evening"])),
    "noon": (("j", time(12)),),
    "midday": (("j", time(12)),),
    "midnight": (("j", time(0)),),
    "week after next": (("X", None), ("u", "week")),
    "the week after next": (("X", None), ("u", "week")),
    "month after next": (("X", None), ("u", "month")),
    "the month after next": (("X", None), ("u", "month")),
    "a couple of": (("n", 2),),
    "christmas eve": (("Y", (12, 24)),),
    "christmas": (("Y", (12, 25)),),
    "christmas day": (("Y", (12, 25)),),
    "boxing day": (("Y", (12, 26)),),
    "new year's eve": (("Y", (12, 31)),),
    "new year's day": (("Y", (1, 1)),),
    "halloween": (("Y", (10, 31)),),
    "valentine's day": (("Y", (2, 14)),),
    "daily": (("R", ("day", 1)),),
    "weekly": (("R", ("week", 1)),),
    "biweekly": (("R", ("week", 2)),),
    "fortnightly": (("R", ("week", 2)),),
    "monthly": (("R", ("month", 1)),),
    "quarterly": (("R", ("month", 3)),),
    "yearly": (("R", ("year", 1)),),
    "annually": (("R", ("year", 1)),),
    "once a day": (("R", ("day", 1)),),
    "once a week": (("R", ("week", 1)),),
    "once a month": (("R", ("month", 1)),),
    "once a year": (("R", ("year", 1)),),
    "eom": (("E", None), ("u", "month")),
    "quarter of a year": (("n", 3), ("u", "month")),
    "twenty-four": (("n", 24),),
    "thirty": (("n", 30),),
    "forty": (("n", 40),),
    "forty-five": (("n", 45),),
    "fifty": (("n", 50),),
    "sixty": (("n", 60),),
    "ninety": (("n", 90),),
}


def _entries() -> Iterator[tuple[str, Meaning]]:
    for number, name in enumerate(_WEEKDAYS):
        yield name, (("w", number),)
        yield f"{name}s", (("Z", number),)
        for short in _SHORT_WEEKDAYS[number]:
            yield short, (("v", number),)
    for number, names in enumerate(_MONTHS, 1):
        for name in names:
            yield name, (("m", number),)
    for number, name in enumerate(_NUMBERS, 1):
        yield name, (("n", number),)
    for number, name in enumerate(_ORDINALS, 1):
        yield name, (("o", number),)
    for unit, names in _UNITS.items():
        for name in names:
            yield name, (("u", unit),)
    for name, part in _PARTS.items():
        yield name, (("p", part),)
    for kind, names in _SINGLE.items():
        for name in names:
            yield name, ((kind, name),)
    yield from _FIXED.items()


ENGLISH = Words(code="en", phrases=dict(_entries()), am_pm=True, dotted_dates=False)
