"""What values a setting may have. Each kind reads an environment variable's text and a stored or TOML value.

Small and without Pydantic, which must not be loaded before the first paint. Every problem is a ValueError whose text
completes the sentence "Correct it: …".
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeAlias, TypeVar

T = TypeVar("T")
N = TypeVar("N", int, float)

EndpointEntry: TypeAlias = Mapping[str, str]

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?\s*")
_SECONDS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Kind(ABC, Generic[T]):
    """A set of values: how to read them from text and from plain data, and how to describe them.

    `name` is the word by which a settings window picks its widget.
    """

    __slots__ = ()
    name: ClassVar[str] = ""

    @abstractmethod
    def parse(self, text: str) -> T:
        """Return the value an environment variable or a command line stands for."""

    @abstractmethod
    def check(self, value: object) -> T:
        """Return the value of plain data (TOML, JSON), in the type the code uses."""

    @abstractmethod
    def describe(self) -> str:
        """Say in words which values are allowed."""

    def validate(self, value: object, field: str) -> T:  # noqa: ARG002 - the thorough kinds name it in the problem
        """Check a value nobody has checked before; the same as `check` where that is complete."""
        return self.check(value)


@dataclass(frozen=True, slots=True)
class Flag(Kind[bool]):
    """On or off."""

    name: ClassVar[str] = "flag"

    def parse(self, text: str) -> bool:
        """Read 1/0, true/false, yes/no, on/off."""
        word = text.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ValueError(f"{text!r} is neither on nor off")

    def check(self, value: object) -> bool:
        """Accept a boolean only; 1 and "yes" are mistakes in a file."""
        if isinstance(value, bool):
            return value
        raise ValueError(f"{value!r} is neither true nor false")

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return "on or off"


@dataclass(frozen=True, slots=True)
class Whole(Kind[int]):
    """A whole number within bounds."""

    minimum: int
    maximum: int
    name: ClassVar[str] = "whole"

    def parse(self, text: str) -> int:
        """Read digits."""
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a whole number") from None
        return self.check(number)

    def check(self, value: object) -> int:
        """Accept an int within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - one kind of problem for all
        return _within(value, self.minimum, self.maximum)

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True, slots=True)
class Number(Kind[float]):
    """A finite number within bounds."""

    minimum: float
    maximum: float
    name: ClassVar[str] = "number"

    def parse(self, text: str) -> float:
        """Read a decimal number."""
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
        return self.check(number)

    def check(self, value: object) -> float:
        """Accept an int or float within the bounds; not-a-number and infinity are refused."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - one kind of problem for all
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value!r} is not a number")
        return _within(float(value), self.minimum, self.maximum)

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"{self.minimum:g} to {self.maximum:g}"


@dataclass(frozen=True, slots=True)
class Duration(Kind[float]):
    """Seconds; also written ``500ms``, ``30s``, ``2m``, ``1h``."""

    minimum: float
    maximum: float
    name: ClassVar[str] = "duration"

    def parse(self, text: str) -> float:
        """Read a number of seconds, or a number with its unit."""
        if not (found := _DURATION.fullmatch(text)):
            raise ValueError(f"{text!r} is not a duration such as 30s or 2m")
        return self.check(float(found.group(1)) * _SECONDS[found.group(2)])

    def check(self, value: object) -> float:
        """Accept seconds, or a text with a unit."""
        if isinstance(value, str):
            return self.parse(value)
        return Number(self.minimum, self.maximum).check(value)

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"{self.minimum:g} to {self.maximum:g} seconds, also written 30s or 2m"


@dataclass(frozen=True, slots=True)
class Words(Kind[str]):
    """Text of limited length."""

    longest: int
    lines: bool = False
    name: ClassVar[str] = "text"

    def parse(self, text: str) -> str:
        """Take the text as it is."""
        return self.check(text)

    def check(self, value: object) -> str:
        """Accept text that can be stored and shown."""
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not text")  # noqa: TRY004 - one kind of problem for all
        if len(value) > self.longest:
            raise ValueError(f"it has {len(value)} characters, {self.longest} is the limit")
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("it contains a character that is no text")
        if not self.lines and ("\n" in value or "\r" in value):
            raise ValueError("it must be one line")
        return value

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"text of at most {self.longest} characters"


@dataclass(frozen=True, slots=True)
class Choice(Kind[str]):
    """One of a few words."""

    choices: tuple[str, ...]
    name: ClassVar[str] = "choice"

    def parse(self, text: str) -> str:
        """Read one of the words, in any case."""
        return self.check(text.strip().lower())

    def check(self, value: object) -> str:
        """Accept exactly one of the words."""
        if value in self.choices:
            return str(value)
        raise ValueError(f"{value!r} is not one of {', '.join(self.choices)}")

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return ", ".join(self.choices)


@dataclass(frozen=True, slots=True)
class Maybe(Kind["T | None"], Generic[T]):
    """A value or none; as text, ``none`` or nothing stands for none."""

    of: Kind[T]
    none: str
    name: ClassVar[str] = "optional"

    def parse(self, text: str) -> T | None:
        """Read nothing, ``none``, or what the inner kind reads."""
        return None if text.strip().lower() in {"", "none"} else self.of.parse(text)

    def check(self, value: object) -> T | None:
        """Accept None, the word ``none`` (TOML has no null), or what the inner kind accepts."""
        return None if value is None or value == "none" else self.of.check(value)

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"{self.of.describe()}; none: {self.none}"


@dataclass(frozen=True, slots=True)
class Ports(Kind["tuple[int, ...]"]):
    """Port numbers of this computer, separated by commas."""

    most: int = 16
    name: ClassVar[str] = "ports"

    def parse(self, text: str) -> tuple[int, ...]:
        """Read numbers separated by commas."""
        return self.check([Whole(1, 65535).parse(word) for word in text.split(",") if word.strip()])

    def check(self, value: object) -> tuple[int, ...]:
        """Accept a list of distinct ports."""
        ports = tuple(Whole(1, 65535).check(port) for port in _items(value, self.most))
        if len(set(ports)) != len(ports):
            raise ValueError("a port is named twice")
        return ports

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"at most {self.most} ports, separated by commas"


@dataclass(frozen=True, slots=True)
class Patterns(Kind["tuple[str, ...]"]):
    """Regular expressions; whether they compile and stay fast is found out by `validate`."""

    most: int = 32
    name: ClassVar[str] = "patterns"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read a JSON list of texts."""
        return self.check(_json(text))

    def check(self, value: object) -> tuple[str, ...]:
        """Accept a list of short texts."""
        return tuple(Words(500).check(item) for item in _items(value, self.most))

    def validate(self, value: object, field: str) -> tuple[str, ...]:
        """Compile each pattern and measure its backtracking."""
        from portal_desktop.settings.models import check_patterns  # noqa: PLC0415 - Pydantic is loaded only when it is needed

        return check_patterns(self.check(value), field)

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return f"a list of at most {self.most} regular expressions"


@dataclass(frozen=True, slots=True)
class Endpoints(Kind["tuple[EndpointEntry, ...]"]):
    """Addresses of model servers, without their keys: `id`, `kind`, `name`, `base_url`, `credential`."""

    most: int = 64
    name: ClassVar[str] = "endpoints"

    def parse(self, text: str) -> tuple[EndpointEntry, ...]:
        """Read a JSON list of objects."""
        return self.check(_json(text))

    def check(self, value: object) -> tuple[EndpointEntry, ...]:
        """Accept a list of tables of texts, each with the fields an endpoint cannot do without."""
        return tuple(_entry(item) for item in _items(value, self.most))

    def validate(self, value: object, field: str) -> tuple[EndpointEntry, ...]:
        """Check every field: known kind, usable address, distinct ids."""
        from portal_desktop.settings.models import check_endpoints  # noqa: PLC0415 - Pydantic is loaded only when it is needed

        return check_endpoints(self.check(value), field)

    def describe(self) -> str:
        """Say in words which values are allowed."""
        return "a list of tables with id, kind, name, base_url and credential"


def plain(value: object) -> object:
    """Return a value as JSON knows it, the form in which it is stored."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    return value


def _within(number: N, minimum: float, maximum: float) -> N:
    if not minimum <= number <= maximum:
        raise ValueError(f"{number:g} is not between {minimum:g} and {maximum:g}")
    return number


def _items(value: object, most: int) -> Iterable[object]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is not a list")  # noqa: TRY004 - one kind of problem for all
    if len(value) > most:
        raise ValueError(f"it has {len(value)} entries, {most} is the limit")
    return value


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error


def _entry(item: object) -> EndpointEntry:
    if not isinstance(item, Mapping) or not all(isinstance(part, str) for pair in item.items() for part in pair):
        raise ValueError("an endpoint is a table of texts")
    missing = [field for field in ("id", "kind", "base_url") if not item.get(field)]
    if missing:
        raise ValueError(f"endpoint {item.get('id') or '?'} lacks {', '.join(missing)}")
    return dict(item)
