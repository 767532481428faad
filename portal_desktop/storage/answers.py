"""A growing answer on the disk: small rows of what is new, folded into the message when it ends.

Rewriting 100,000 characters costs 205 KB of write-ahead log, a row of what is new 5 KB at any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from portal_desktop.errors import InvalidInput, StorageError
from portal_desktop.messages import Part, Status, ToolCall, Usage
from portal_desktop.storage.connect import one_row, select
from portal_desktop.storage.process import is_alive
from portal_desktop.storage.records import (
    body_of,
    checksum,
    clean,
    decoded,
    extend,
    growth,
    parts_from_json,
    parts_to_json,
    to_json,
    usage_to_json,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What must be known of a message to write to it."""

    id: int
    conversation_id: int
    model: str
    status: Status


@dataclass(frozen=True, slots=True)
class Facts:
    """What became known of an answer; a None leaves what is stored."""

    usage: Usage | None = None
    model: str | None = None
    first_token_seconds: float | None = None
    seconds: float | None = None


def find(connection: apsw.Connection, message_id: int, owner_id: str) -> Answer:
    """Return the message of this owner.

    Raises:
        InvalidInput: not_found.
    """
    rows = select(
        connection,
        "SELECT id, conversation_id, model, status FROM messages WHERE id = ? AND owner_id = ?",
        (message_id, owner_id),
    )
    if not rows:
        raise InvalidInput("not_found", what=f"message {message_id}")
    return decoded("messages", rows[0], _answer)


def _answer(row: tuple[Any, ...]) -> Answer:
    return Answer(row[0], row[1], row[2], Status(row[3]))


def set_facts(connection: apsw.Connection, message_id: int, facts: Facts) -> None:
    """Store what became known."""
    if facts == Facts():
        return
    connection.execute(
        "UPDATE messages SET usage = coalesce(?, usage), model = coalesce(?, model),"
        " first_token_seconds = coalesce(?, first_token_seconds), seconds = coalesce(?, seconds) WHERE id = ?",
        (
            usage_to_json(facts.usage),
            None if facts.model is None else clean(facts.model),
            facts.first_token_seconds,
            facts.seconds,
            message_id,
        ),
    )


def grow(
    connection: apsw.Connection, answer: Answer, before: tuple[Part, ...] | None, after: tuple[Part, ...], process: str
) -> None:
    """Add a row with what is new since `before`; without a `before` the row holds the whole."""
    if answer.status is not Status.STREAMING:
        connection.execute(
            "UPDATE messages SET status = ?, process = ? WHERE id = ?", (str(Status.STREAMING), process, answer.id)
        )
    kept, appended, parts = (0, "", after) if before is None else growth(before, after)
    if before is not None and kept == len(before) and not appended and not parts:
        return
    connection.execute(
        "INSERT INTO answer_deltas (message_id, number, kept, appended, parts) VALUES (?1,"
        " (SELECT coalesce(max(number), 0) + 1 FROM answer_deltas WHERE message_id = ?1), ?2, ?3, ?4)",
        (answer.id, kept, clean(appended), parts_to_json(parts)),
    )


def fold(connection: apsw.Connection, message_id: int, parts: Sequence[Part], status: Status) -> None:
    """Store the whole of an answer that has ended; from now on it can be searched."""
    text = parts_to_json(parts)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    connection.execute(
        "UPDATE messages SET parts = ?, checksum = ?, tool_calls = ?, body = ?, status = ?, process = '' WHERE id = ?",
        (
            text,
            checksum(text),
            to_json(calls, "tool_calls") if calls else None,
            body_of(parts),
            str(status),
            message_id,
        ),
    )
    connection.execute("DELETE FROM answer_deltas WHERE message_id = ?", (message_id,))


def interrupt(connection: apsw.Connection, message_id: int) -> tuple[Part, ...]:
    """End an answer nobody writes any more and return its parts; what cannot be read is left untouched."""
    text, expected, status = one_row(
        connection, "SELECT parts, checksum, status FROM messages WHERE id = ?", (message_id,)
    )
    try:
        parts = parts_of(connection, message_id, text, expected, status)
    except StorageError as error:
        if error.name != "bad_record":
            raise
        connection.execute("UPDATE messages SET status = 'interrupted', process = '' WHERE id = ?", (message_id,))
        return ()
    fold(connection, message_id, parts, Status.INTERRUPTED)
    return parts


def parts_of(connection: apsw.Connection, message_id: int, text: str, expected: int, status: str) -> tuple[Part, ...]:
    """Return the parts of a message, with what its answer has grown by.

    Raises:
        StorageError: bad_record.
    """
    parts = parts_from_json(text, f"messages {message_id}", expected)
    if status != Status.STREAMING:
        return parts
    rows = select(
        connection,
        "SELECT number, kept, appended, parts FROM answer_deltas WHERE message_id = ? ORDER BY number",
        (message_id,),
    )
    for number, kept, appended, added in rows:
        place = f"answer_deltas {message_id}.{number}"
        if kept > len(parts) or (appended and not kept):
            raise StorageError("bad_record", place=place, technical="it grows on something that is not there")
        head = parts[:kept]
        if appended:
            head = (*head[:-1], extend(head[-1], appended))
        parts = (*head, *parts_from_json(added, place))
    return parts


def abandoned(connection: apsw.Connection, owner_id: str) -> list[Answer]:
    """Return the streaming answers of this owner whose process is gone or has closed the database."""
    rows = select(
        connection,
        "SELECT id, conversation_id, model, status, process FROM messages"
        " WHERE status = 'streaming' AND owner_id = ? ORDER BY id",
        (owner_id,),
    )
    return [decoded("messages", row, _answer) for row in rows if not is_alive(str(row[4]).rpartition(":")[0])]
