"""The arguments of a call against the tool's JSON Schema (2020-12), with one round of repair.

Repaired is what has one obvious meaning: "5" for a number, 5 for a text, "High" for "high", one value for a list of
them, null for a field that may be absent. Patterns of a schema are not evaluated, as a hostile one never ends.
`jsonschema` is imported on first use and off the loop, because it takes a sixth of a second.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from portal_desktop.messages import JsonObject

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

LONGEST_ARGUMENTS = 200_000
LONGEST_SCHEMA = 64 * 1024
DEEPEST_SCHEMA = 32
MOST_PROBLEMS = 5
_LONGEST_PROBLEM = 200
_DIGITS = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_UNSUPPORTED = frozenset({"$ref", "$dynamicRef", "patternProperties"})


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the arguments, and where (``$.due_date``)."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Arguments after the check: usable when there are no problems."""

    arguments: JsonObject
    repairs: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class BadSchema(ValueError):  # noqa: N818 - the word for what is wrong
    """A tool's schema is none, or one we do not evaluate."""


class ArgumentCheck:
    """Checks values against one schema; the schema is compiled on first use."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        self._validator: Validator | None = None

    async def check(self, arguments: JsonObject) -> Checked:
        """Return the arguments, repaired where one round could, with the problems that are left.

        Raises:
            BadSchema: the tool cannot be called at all.
        """
        if (size := _size(arguments)) > LONGEST_ARGUMENTS:
            return Checked(arguments, problems=(Problem("$", f"{size} characters, {LONGEST_ARGUMENTS} are allowed"),))
        if self._validator is None:
            self._validator = await asyncio.to_thread(_compiled, self._schema)
        errors = list(self._validator.iter_errors(arguments))
        if not errors:
            return Checked(arguments)
        repaired = copy.deepcopy(dict(arguments))
        required = self._schema.get("required", ())
        repairs = tuple(text for error in errors if (text := _repair(repaired, error, required)))
        left = list(self._validator.iter_errors(repaired))
        if left:
            return Checked(arguments, problems=_problems(left))
        return Checked(repaired, repairs=repairs)


def check_schema(schema: object) -> None:
    """Refuse a schema that is not worth compiling, by its form alone.

    Raises:
        BadSchema: it is no object schema, too large, too deep, or uses references or patterned properties.
    """
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise BadSchema("the parameters must be a schema of type object")
    if not isinstance(schema.get("properties", {}), Mapping):
        raise BadSchema("the properties must be an object")
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadSchema("the schema is not JSON") from error
    if size > LONGEST_SCHEMA:
        raise BadSchema(f"the schema has {size} characters, {LONGEST_SCHEMA} are allowed")
    _check_depth(schema, 0)


def _check_depth(value: object, depth: int) -> None:
    if depth > DEEPEST_SCHEMA:
        raise BadSchema(f"the schema is more than {DEEPEST_SCHEMA} deep")
    if isinstance(value, Mapping):
        if found := _UNSUPPORTED & value.keys():
            raise BadSchema(f"the schema uses {sorted(found)[0]}")
        for each in value.values():
            _check_depth(each, depth + 1)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_depth(each, depth + 1)


def _size(arguments: JsonObject) -> int:
    try:
        return len(json.dumps(arguments, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return LONGEST_ARGUMENTS + 1


def _compiled(schema: JsonObject) -> Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, wanted only when a tool runs
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - as above
    from jsonschema.validators import extend  # noqa: PLC0415 - as above

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise BadSchema(error.message[:_LONGEST_PROBLEM]) from error
    extended: Any = extend
    without_patterns = extended(Draft202012Validator, {"pattern": _unchecked})
    return cast("Validator", without_patterns(schema))


def _unchecked(_validator: Any, _value: object, _instance: object, _schema: object) -> Iterable[ValidationError]:  # noqa: ANN401 - the library's own type
    return ()


def _problems(errors: Iterable[ValidationError]) -> tuple[Problem, ...]:
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return tuple(Problem(error.json_path, error.message[:_LONGEST_PROBLEM]) for error in ordered[:MOST_PROBLEMS])


def _repair(arguments: dict[str, Any], error: ValidationError, required: Sequence[str]) -> str:
    """Change the value an error points at if it has one obvious meaning; return what was done."""
    path = list(error.absolute_path)
    if not path or error.validator not in {"type", "enum"} or not isinstance(error.schema, Mapping):
        return ""
    holder: Any = arguments
    for part in path[:-1]:
        holder = holder[part]
    key = path[-1]
    if isinstance(holder, dict) and key not in holder:
        return ""
    value = holder[key]
    if value is None and len(path) == 1 and key not in required:
        del holder[key]
        return f"{error.json_path}: null left out"
    for read in _meanings(error.schema):
        found = read(value)
        if found is not None:
            holder[key] = found
            return f"{error.json_path}: {_short(value)} read as {_short(found)}"
    return ""


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def _meanings(schema: Mapping[str, Any]) -> list[Callable[[Any], Any]]:
    """Return the readings that fit a schema, for its types in their order and for its choices."""
    readings: list[Callable[[Any], Any]] = []
    if isinstance(choices := schema.get("enum"), list):
        readings.append(lambda value: _choice(value, choices))
    types = schema.get("type", ())
    for name in [types] if isinstance(types, str) else types:
        if name == "array":
            readings.append(lambda value: _list(value, schema))
        elif name in _READINGS:
            readings.append(_READINGS[name])
    return readings


def _choice(value: object, choices: Sequence[object]) -> object:
    if not isinstance(value, str):
        return None
    wanted = value.strip().casefold()
    alike = [choice for choice in choices if isinstance(choice, str) and choice.casefold() == wanted]
    return alike[0] if len(alike) == 1 else None


def _list(value: object, schema: Mapping[str, Any]) -> list[object] | None:
    """Return one value as a list of it; words with commas between become a list of words."""
    if isinstance(value, str) and value.strip().startswith("["):
        return cast("list[object] | None", _json(value, list))
    items = schema.get("items")
    if isinstance(value, str) and isinstance(items, Mapping) and items.get("type") == "string":
        return [word.strip() for word in value.split(",") if word.strip()]
    return [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _json(value: object, kind: type) -> Any:  # noqa: ANN401 - whatever the text holds
    if not isinstance(value, str):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def _number(value: object) -> float | None:
    found = _integer(value)
    if found is not None:
        return found
    decimal = _json(value, float)
    return decimal if decimal is not None and abs(decimal) < float("inf") else None


def _boolean(value: object) -> bool | None:
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _string(value: object) -> str | None:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_READINGS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "integer": _integer,
        "number": _number,
        "boolean": _boolean,
        "string": _string,
        "object": lambda value: _json(value, dict),
    }
)
