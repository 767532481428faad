"""What a model reads of a tool's result: text, at most so much of it, and a way to read the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from portal_desktop.errors import InvalidInput, ToolError
from portal_desktop.messages import JsonObject
from portal_desktop.tools.base import Power, Tool, ToolContext

MOST_CHARACTERS = 16_000
LEAST_CHARACTERS = 400
SHARE_OF_FREE = 4
_NOTE_CHARACTERS = 200


class ResultStore(Protocol):
    """Where complete results are kept; offsets and lengths count characters."""

    async def keep(self, text: str, *, conversation_id: int | None = None) -> str:
        """Store a text and return the id to read it by."""
        ...

    async def read(self, result_id: str, offset: int = 0, limit: int = 10_000) -> str:
        """Return at most `limit` characters from `offset` on; raise `InvalidInput` for an unknown id."""
        ...

    async def size(self, result_id: str) -> int:
        """Return how many characters a kept result has."""
        ...


def compact(value: object) -> str:
    """Return a result as text: text as it is, anything else as JSON without blanks.

    Bytes become a reference that names their size; a model cannot read them.

    Raises:
        TypeError: the value holds something JSON has no word for.
        ValueError: it holds a number that is none, or itself.
    """
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_reference)


def _reference(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[binary content, {len(value)} bytes, not shown]"
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} has no JSON")


def room_for(context: ToolContext) -> int:
    """Return how many characters a result may take: 16,000 or a quarter of the free context, but never next to none."""
    if context.free_characters is None:
        return MOST_CHARACTERS
    return max(LEAST_CHARACTERS, min(MOST_CHARACTERS, context.free_characters // SHARE_OF_FREE))


async def capped(text: str, context: ToolContext, store: ResultStore | None) -> tuple[str, str]:
    """Return what enters the history, and the id of the whole result when it was cut.

    The note at the end says how much was cut and how to read on.
    """
    room = room_for(context)
    if len(text) <= room:
        return text, ""
    shown = room - _NOTE_CHARACTERS
    if store is None:
        return f"{text[:shown]}\n[Cut: the first {shown} of {len(text)} characters; the rest was not kept.]", ""
    whole = await store.keep(text, conversation_id=context.conversation_id)
    note = (
        f"\n[Cut: the first {shown} of {len(text)} characters. To go on, call read_result with"
        f' result_id "{whole}" and offset {shown}.]'
    )
    return text[:shown] + note, whole


def result_tools(store: ResultStore) -> tuple[Tool, ...]:
    """Return the tool that reads on in a result that was cut."""

    async def read_result(arguments: JsonObject, context: ToolContext) -> object:
        result_id, offset = arguments["result_id"], arguments.get("offset", 0)
        limit = min(arguments.get("length", MOST_CHARACTERS), room_for(context) - _NOTE_CHARACTERS)
        try:
            total = await store.size(result_id)
            text = await store.read(result_id, offset, limit)
        except InvalidInput as error:
            raise ToolError("No result is kept under this id.", code="RESULT_NOT_FOUND") from error
        end = offset + len(text)
        if not text:
            return f"[Nothing at offset {offset}: the result has {total} characters.]"
        tail = "the end" if end >= total else f"go on with offset {end}"
        return f"{text}\n[Characters {offset} to {end} of {total}; {tail}.]"

    return (
        Tool(
            name="read_result",
            description="Read on in a tool result that was cut. The cut result names its result_id and the offset.",
            parameters=object_schema(
                {
                    "result_id": {"type": "string", "minLength": 1, "maxLength": 64},
                    "offset": {"type": "integer", "minimum": 0, "description": "First character to read."},
                    "length": {"type": "integer", "minimum": 1, "description": "Most characters to read."},
                },
                required=("result_id",),
            ),
            run=read_result,
            title="Read on in a result",
            done="Read on",
            powers=frozenset({Power.LOOK}),
        ),
    )


def object_schema(properties: JsonObject, *, required: Sequence[str] = ()) -> JsonObject:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
