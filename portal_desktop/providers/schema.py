"""Makes JSON Schemas plain for servers that read only a part of the language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal_desktop.messages import JsonObject

DEEPEST = 40
MOST_NODES = 5000
"""Values copied before the rest becomes 'anything': a hostile schema doubles itself with every reference."""

VERBATIM = frozenset({"enum", "default", "examples", "required"})


def inline_references(schema: JsonObject) -> dict[str, Any]:
    """Return the schema without ``$ref``, ``$defs``, ``oneOf`` and ``const``, each put into words Ollama passes on.

    Ollama hands a model only anyOf, type, items, description, enum, properties and required; a reference would reach it
    as an empty object. A reference to something it stands in becomes 'anything'.
    """
    definitions = {**_object(schema.get("definitions")), **_object(schema.get("$defs"))}
    return _Plain(definitions).copy(schema, 0, frozenset())


class _Plain:
    """One schema's copy and what is left of its budget."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._left = MOST_NODES

    def copy(self, schema: Mapping[str, Any], depth: int, inside: frozenset[str]) -> dict[str, Any]:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            return {}
        if isinstance(reference := schema.get("$ref"), str):
            name = reference.rpartition("/")[2]
            target = {} if name in inside else _object(self._definitions.get(name))
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return self.copy({**target, **beside}, depth + 1, inside | {name})
        plain: dict[str, Any] = {}
        for key, value in schema.items():
            if key in {"$defs", "definitions"}:
                continue
            if key == "const":
                plain["enum"] = [value]
            elif key == "properties":
                plain[key] = {name: self._any(inner, depth + 1, inside) for name, inner in _object(value).items()}
            elif key in VERBATIM:
                plain[key] = value
            else:
                plain["anyOf" if key == "oneOf" else key] = self._any(value, depth + 1, inside)
        return plain

    def _any(self, value: object, depth: int, inside: frozenset[str]) -> object:
        if isinstance(value, Mapping):
            return self.copy(value, depth, inside)
        if isinstance(value, list):
            return [self._any(item, depth + 1, inside) for item in value]
        return value


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
