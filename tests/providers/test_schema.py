"""Schemas made plain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal_desktop.providers.schema import MOST_NODES, inline_references


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        (
            {"properties": {"due": {"$ref": "#/$defs/Due"}}, "$defs": {"Due": {"type": "string", "enum": ["now"]}}},
            {"properties": {"due": {"type": "string", "enum": ["now"]}}},
        ),
        (
            {
                "$ref": "#/definitions/A",
                "definitions": {"A": {"items": {"$ref": "#/definitions/B"}}, "B": {"type": "x"}},
            },
            {"items": {"type": "x"}},
        ),
        (
            {
                "$defs": {"A": {"type": "string", "description": "old"}},
                "properties": {"p": {"$ref": "#/$defs/A", "description": "new"}},
            },
            {"properties": {"p": {"type": "string", "description": "new"}}},
        ),
        ({"properties": {"$ref": {"type": "string"}}}, {"properties": {"$ref": {"type": "string"}}}),
        ({"properties": {"a": {"const": 5}}}, {"properties": {"a": {"enum": [5]}}}),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"properties": {"a": {"$ref": "#/$defs/Missing"}}}, {"properties": {"a": {}}}),
        (
            {"properties": {"enum": {"type": "string"}}, "required": ["enum"]},
            {"properties": {"enum": {"type": "string"}}, "required": ["enum"]},
        ),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"properties": ["wrong"]}, {"properties": {}}),
    ],
)
def test_inline_references_of_each_construct_gives_plain_words(schema: dict[str, Any], plain: dict[str, Any]) -> None:
    before = json.dumps(schema)
    assert inline_references(schema) == plain
    assert json.dumps(schema) == before


def test_inline_references_schema_containing_itself_ends_in_anything() -> None:
    tree = {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"properties": {"left": {"$ref": "#/$defs/Tree"}}}}}
    assert inline_references(tree) == {"properties": {"left": {}}}


def test_inline_references_schema_doubling_itself_stays_small() -> None:
    definitions: dict[str, Any] = {
        f"d{n}": {"properties": {side: {"$ref": f"#/$defs/d{n + 1}"} for side in "ab"}} for n in range(40)
    }
    plain = inline_references({"$ref": "#/$defs/d0", "$defs": definitions})
    assert json.dumps(plain).count("properties") <= MOST_NODES
