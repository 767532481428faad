"""Values to text and back: every payload is validated on its way in and on its way out."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from portal_desktop.errors import InvalidInput, StorageError
from portal_desktop.messages import Part, Text, Thinking, Usage

T = TypeVar("T")

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Return the text without what UTF-8 or SQLite's functions cannot carry: lone surrogates and NUL."""
    return UNSTORABLE.sub(REPLACEMENT, text)


def to_json(value: object, field: str) -> str:
    """Return JSON text of a value; mappings and dataclasses are understood, NaN and infinity are not JSON.

    Raises:
        InvalidInput: the value has no JSON form; `field` is named.
    """
    try:
        return clean(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("invalid_field", field=field, problem="it must be plain JSON") from error


def from_json(text: str, place: str) -> Any:  # noqa: ANN401 - JSON is any value
    """Return what `to_json` wrote.

    Raises:
        StorageError: bad_record; the text is not JSON. `place` says where it stands.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StorageError("bad_record", place=place, technical=str(error)) from error


def decoded(table: str, row: tuple[Any, ...], build: Callable[[tuple[Any, ...]], T]) -> T:
    """Return what `build` makes of a row whose first column is its id.

    Raises:
        StorageError: bad_record; the row holds what was never written there.
    """
    try:
        return build(row)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise StorageError("bad_record", place=f"{table} {row[0]}", technical=str(error)) from error


def checksum(text: str) -> int:
    """Return the number that tells whether stored text is still what was written."""
    return zlib.crc32(text.encode())


def parts_to_json(parts: Sequence[Part]) -> str:
    """Return the JSON of a message's parts.

    Raises:
        InvalidInput: something in them is not a part or carries a value of the wrong type.
    """
    text = to_json(list(parts), "parts")
    try:
        _parts().validate_json(text)
    except ValidationError as error:
        raise InvalidInput("invalid_field", field="parts", problem=_first_problem(error)) from error
    return text


def parts_from_json(text: str, place: str, expected: int | None = None) -> tuple[Part, ...]:
    """Return the parts; `expected` is the checksum that was stored with them.

    Raises:
        StorageError: bad_record; the text was changed behind our back or is not a list of parts.
    """
    if expected is not None and checksum(text) != expected:
        raise StorageError("bad_record", place=place, technical="the checksum does not fit")
    try:
        return _parts().validate_json(text)
    except ValidationError as error:
        raise StorageError("bad_record", place=place, technical=_first_problem(error)) from error


def usage_to_json(usage: Usage | None) -> str | None:
    """Return the JSON of token counts, or None for none."""
    return None if usage is None else to_json(usage, "usage")


def usage_from_json(text: str | None, place: str) -> Usage | None:
    """Return the token counts.

    Raises:
        StorageError: bad_record.
    """
    if text is None:
        return None
    try:
        return _usage().validate_json(text)
    except ValidationError as error:
        raise StorageError("bad_record", place=place, technical=_first_problem(error)) from error


def body_of(parts: Sequence[Part]) -> str:
    """Return the plain text of a message, which is what the full-text index holds."""
    return clean("".join(part.text for part in parts if isinstance(part, Text)))


def snippet_of(text: str, limit: int = 120) -> str:
    """Return the first words of a text on one line."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def extend(part: Part, text: str) -> Part:
    """Return a text or thinking part with more text at its end."""
    if isinstance(part, Text):
        return Text(part.text + text)
    if isinstance(part, Thinking):
        return Thinking(part.text + text, part.seconds)
    raise StorageError("bad_record", place="answer_deltas", technical=f"text behind a {part.kind}")


def growth(before: Sequence[Part], after: Sequence[Part]) -> tuple[int, str, tuple[Part, ...]]:
    """Return how an answer grew: how many parts stay, the text behind the last of them, the parts after it."""
    same = 0
    for one, other in zip(before, after, strict=False):
        if one is not other and one != other:
            break
        same += 1
    if same < min(len(before), len(after)) and len(before) == same + 1:
        old, new = before[same], after[same]
        if _only_longer(old, new) and isinstance(old, Text | Thinking) and isinstance(new, Text | Thinking):
            return same + 1, new.text[len(old.text) :], tuple(after[same + 1 :])
    return same, "", tuple(after[same:])


def _only_longer(old: Part, new: Part) -> bool:
    if isinstance(old, Text) and isinstance(new, Text):
        return new.text.startswith(old.text)
    if isinstance(old, Thinking) and isinstance(new, Thinking):
        return old.seconds == new.seconds and new.text.startswith(old.text)
    return False


@cache
def _parts() -> TypeAdapter[tuple[Part, ...]]:
    return TypeAdapter(tuple[Annotated[Part, Field(discriminator="kind")], ...])


@cache
def _usage() -> TypeAdapter[Usage]:
    return TypeAdapter(Usage)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
