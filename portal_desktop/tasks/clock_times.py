"""Times of day as people say them: "9am", "half past nine", "14 Uhr 30", "abends um 8"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import time
from types import MappingProxyType

from portal_desktop.tasks.words import DayPart, Token, kinds_of

_CLOCK = r"(?:@?hk?|@?j|@?nkn|@?nu?[<>]nk?|@?nk|@?H>n|@?bnk?|@?q[<>]nk?|@n)"
_PART = r"(?:if*p|[O@]?f?p)"
NIGHT = time(21)
MORNING_HOUR = 6
_HALF_DAY = 12
_AFTERNOON = 15
_EVENING_FROM = 4

TIMES = (
    re.compile(_CLOCK),
    re.compile(_PART),
    re.compile(rf"(?:{_CLOCK}|n){_PART}"),
    re.compile(rf"{_PART}{_CLOCK}"),
)


def read_time(tokens: Sequence[Token]) -> time | None:
    """Return the time that tokens matching one of `TIMES` mean; None for one no clock shows."""
    part = next((token.value for token in tokens if token.kind == "p"), None)
    rest = [token for token in tokens if token.kind not in "pif@Ok"]
    if not rest:
        return part.time if isinstance(part, DayPart) else None
    clock = _clock(kinds_of(rest), [token.value for token in rest])
    return clock if clock is None or part is None else _in_part(clock, part)


_READINGS: Mapping[str, Callable[[Sequence[int]], tuple[int, int]]] = MappingProxyType(
    {
        "n": lambda numbers: (numbers[0], 0),
        "nn": lambda numbers: (numbers[0], numbers[1]),
        "H>n": lambda numbers: (numbers[0], 30),
        "bn": lambda numbers: (numbers[0] - 1, 30),
        "q>n": lambda numbers: (numbers[0], 15),
        "q<n": lambda numbers: (numbers[0] - 1, 45),
        "n>n": lambda numbers: (numbers[1], numbers[0]),
        "n<n": lambda numbers: (numbers[1] - 1, 60 - numbers[0]),
    }
)


def _clock(kinds: str, values: Sequence[object]) -> time | None:
    if isinstance(values[0], time):
        return values[0]
    if any(isinstance(value, float) for value in values) or ("u" in kinds and "minute" not in values):
        return None
    read = _READINGS.get(kinds.replace("u", ""))
    return _time(*read([value for value in values if isinstance(value, int)])) if read is not None else None


def _time(hour: int, minute: int) -> time | None:
    hour = 23 if hour == -1 else hour
    return time(hour, minute) if 0 <= hour < 24 and 0 <= minute < 60 else None


def _in_part(clock: time, part: DayPart) -> time | None:
    """Return the time moved into its part of the day; None where both contradict each other."""
    if not part.late:
        return clock if clock.hour < _HALF_DAY else None
    if part.time == NIGHT:
        return _at_night(clock)
    if clock.hour >= _HALF_DAY:
        return clock if clock.hour > _HALF_DAY or part.time.hour <= _AFTERNOON else None
    first = _EVENING_FROM if part.time.hour > _AFTERNOON else 1
    return clock.replace(hour=clock.hour + _HALF_DAY) if clock.hour >= first else None


def _at_night(clock: time) -> time:
    if clock.hour == _HALF_DAY:
        return clock.replace(hour=0)
    return clock.replace(hour=clock.hour + _HALF_DAY) if MORNING_HOUR <= clock.hour < _HALF_DAY else clock
