"""The German vocabulary of dates and recurrences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

from portal_desktop.tasks.words import DayPart, Meaning, Words

_WEEKDAYS = (
    ("montag", "mo"),
    ("dienstag", "di"),
    ("mittwoch", "mi"),
    ("donnerstag", "do"),
    ("freitag", "fr"),
    ("samstag", "sa"),
    ("sonntag", "so"),
    ("sonnabend", "sbd"),
)
_MONTHS = (
    ("januar", "jänner", "jan"),
    ("februar", "feber", "feb"),
    ("märz", "maerz", "mär", "mrz"),
    ("april", "apr"),
    ("mai",),
    ("juni", "jun"),
    ("juli", "jul"),
    ("august", "aug"),
    ("september", "sep", "sept"),
    ("oktober", "okt"),
    ("november", "nov"),
    ("dezember", "dez"),
)
_NUMBERS = (
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
    "zwanzig",
)
_ORDINALS = ("erst", "zweit", "dritt", "viert", "fünft")
_UNITS = {
    "minute": ("minute", "minuten", "min"),
    "hour": ("stunde", "stunden", "std"),
    "day": ("tag", "tage", "tagen", "tages"),
    "week": ("woche", "wochen"),
    "month": ("monat", "monate", "monaten", "monats"),
    "year": ("jahr", "jahre", "jahren", "jahres"),
}
_PARTS = {
    "früh": DayPart(time(8), late=False),
    "morgen": DayPart(time(9), late=False),
    "vormittag": DayPart(time(10), late=False),
    "mittag": DayPart(time(12), late=True),
    "nachmittag": DayPart(time(15), late=True),
    "abend": DayPart(time(19), late=True),
    "nacht": DayPart(time(21), late=True),
}
_SINGLE = {
    "i": ("in",),
    "O": ("am", "bis", "bis zum", "bis am", "zum", "spätestens", "spätestens am", "fällig", "fällig am"),
    "@": ("um",),
    "f": ("des", "der", "den", "dem", "die", "das", "im", "vom"),
    "x": ("nächste", "nächsten", "nächster", "nächstes", "nächstem", "kommende", "kommenden", "kommender", "kommendes"),
    "X": ("übernächste", "übernächsten", "übernächster", "übernächstes"),
    "t": ("diese", "diesen", "dieser", "dieses", "diesem"),
    "l": ("letzte", "letzten", "letzter", "letztes"),
    "c": ("und",),
    "H": ("halbe", "halben", "halber", "halbes"),
    "b": ("halb",),
    "q": ("viertel",),
    ">": ("nach",),
    "<": ("vor",),
    "G": ("ab", "nach dem"),
    "E": ("ende",),
    "B": ("anfang", "beginn"),
    "M": ("mitte",),
    "e": ("jede", "jeden", "jeder", "jedes", "jedem", "alle"),
    "P": ("für",),
    "T": ("mal", "male"),
    "S": ("beginnend", "beginnend am"),
    "C": ("nach erledigung", "nach abschluss", "nach dem erledigen", "nach dem abschluss", "nach fertigstellung"),
    "k": ("uhr",),
    "a": ("ein", "eine", "einen", "einem", "einer", "eines"),
    "W": ("wochenende", "wochenenden"),
    "K": ("werktag", "werktags", "wochentags", "arbeitstag", "arbeitstags"),
}
_FIXED: dict[str, Meaning] = {
    "heute": (("d", 0),),
    "morgen": (("d", 1),),
    "übermorgen": (("d", 2),),
    "uebermorgen": (("d", 2),),
    "gestern": (("d", -1),),
    "vorgestern": (("d", -2),),
    "heute morgen": (("d", 0), ("p", _PARTS["morgen"])),
    "am morgen": (("p", _PARTS["morgen"]),),
    "jeden morgen": (("e", None), ("u", "day"), ("p", _PARTS["morgen"])),
    "jeden abend": (("e", None), ("u", "day"), ("p", _PARTS["abend"])),
    "mitternacht": (("j", time(0)),),
    "von heute an": (("F", None),),
    "ab heute": (("F", None),),
    "bis ende": (("O", "bis"), ("E", None)),
    "am ende": (("E", None),),
    "zum ende": (("E", None),),
    "am anfang": (("B", None),),
    "anderthalb": (("n", 1.5),),
    "eineinhalb": (("n", 1.5),),
    "zweieinhalb": (("n", 2.5),),
    "dreißig": (("n", 30),),
    "vierzig": (("n", 40),),
    "fünfundvierzig": (("n", 45),),
    "sechzig": (("n", 60),),
    "neunzig": (("n", 90),),
    "viertelstunde": (("Q", 15),),
    "dreiviertelstunde": (("Q", 45),),
    "monatsende": (("E", None), ("u", "month")),
    "monatsanfang": (("B", None), ("u", "month")),
    "monatsmitte": (("M", None), ("u", "month")),
    "jahresende": (("E", None), ("u", "year")),
    "heiligabend": (("Y", (12, 24)),),
    "weihnachten": (("Y", (12, 25)),),
    "silvester": (("Y", (12, 31)),),
    "neujahr": (("Y", (1, 1)),),
    "nikolaus": (("Y", (12, 6)),),
    "täglich": (("R", ("day", 1)),),
    "wöchentlich": (("R", ("week", 1)),),
    "monatlich": (("R", ("month", 1)),),
    "vierteljährlich": (("R", ("month", 3)),),
    "halbjährlich": (("R", ("month", 6)),),
    "jährlich": (("R", ("year", 1)),),
    "einmal am tag": (("R", ("day", 1)),),
    "einmal pro woche": (("R", ("week", 1)),),
    "einmal im monat": (("R", ("month", 1)),),
    "einmal im jahr": (("R", ("year", 1)),),
}


def _entries() -> Iterator[tuple[str, Meaning]]:
    for kind, names in _SINGLE.items():
        for name in names:
            yield name, ((kind, name),)
    for number, names in enumerate(_WEEKDAYS):
        yield from _weekday(number if number < 7 else 5, *names)
    for number, names in enumerate(_MONTHS, 1):
        for name in names:
            yield name, (("m", number),)
    for number, name in enumerate(_NUMBERS, 1):
        yield name, (("n", number),)
    for number, stem in enumerate(_ORDINALS, 1):
        for ending in ("e", "en", "er", "es", "em"):
            yield stem + ending, (("o", number),)
    for unit, names in _UNITS.items():
        for name in names:
            yield name, (("u", unit),)
    for name, part in _PARTS.items():
        yield name, (("p", part),)
        yield f"{name}s", (("p", part),)
    yield from _FIXED.items()


def _weekday(number: int, name: str, short: str) -> Iterator[tuple[str, Meaning]]:
    """Yield a weekday with its forms; after a weekday, "morgen" is the morning."""
    yield name, (("w", number),)
    yield short, (("v", number),)
    yield f"{name}s", (("Z", number),)
    for word, part in _PARTS.items():
        yield f"{name}{word}", (("w", number), ("p", part))
        yield f"{name} {word}", (("w", number), ("p", part))


GERMAN = Words(code="de", phrases=dict(_entries()), am_pm=False, dotted_dates=True)
