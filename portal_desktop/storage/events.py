"""What happened to a conversation, one row each, written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

import apsw
from pydantic import BaseModel, ConfigDict, ValidationError

from portal_desktop.clock import from_iso
from portal_desktop.errors import InvalidInput
from portal_desktop.messages import Role, Status
from portal_desktop.storage.connect import select
from portal_desktop.storage.database import Database
from portal_desktop.storage.records import decoded, from_json, to_json


class EventKind(StrEnum):
    """The facts that are kept."""

    CONVERSATION_CREATED = "conversation_created"
    CONVERSATION_DELETED = "conversation_deleted"
    CONVERSATION_RESTORED = "conversation_restored"
    MESSAGE_ADDED = "message_added"
    ANSWER_FINISHED = "answer_finished"
    BRANCH_CHOSEN = "branch_chosen"


class Payload(BaseModel):
    """The base of all payloads: nothing unknown, nothing of a wrong type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(Payload):
    """A fact that its kind and ids tell completely."""


class Added(Payload):
    """A message came in."""

    role: Role
    status: Status
    sequence: int
    parent_id: int | None


class Finished(Payload):
    """An answer came to its end, good or bad."""

    status: Status
    model: str
    recovered: bool = False


class Chosen(Payload):
    """Another branch is shown; `leaf_id` is its newest message."""

    leaf_id: int


@cache
def _payloads() -> Mapping[EventKind, type[Payload]]:
    return MappingProxyType(
        {
            EventKind.CONVERSATION_CREATED: Nothing,
            EventKind.CONVERSATION_DELETED: Nothing,
            EventKind.CONVERSATION_RESTORED: Nothing,
            EventKind.MESSAGE_ADDED: Added,
            EventKind.ANSWER_FINISHED: Finished,
            EventKind.BRANCH_CHOSEN: Chosen,
        }
    )


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One fact as it was kept."""

    id: int
    kind: EventKind
    conversation_id: int | None
    message_id: int | None
    payload: Mapping[str, Any]
    at: datetime


def record(
    connection: apsw.Connection,
    kind: EventKind,
    *,
    owner_id: str,
    at: str,
    conversation_id: int,
    message_id: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Add a row inside the caller's transaction.

    Raises:
        InvalidInput: the payload is not what this kind carries.
    """
    try:
        checked = _payloads()[kind].model_validate(dict(payload or {}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidInput("invalid_field", field=f"{kind} payload", problem=str(first["msg"])) from error
    connection.execute(
        "INSERT INTO events (owner_id, conversation_id, message_id, kind, payload, at) VALUES (?, ?, ?, ?, ?, ?)",
        (owner_id, conversation_id, message_id, str(kind), to_json(checked.model_dump(mode="json"), "payload"), at),
    )


class EventRows:
    """The facts of a conversation, oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, conversation_id: int, *, after: int = 0, limit: int = 1000) -> list[StoredEvent]:
        """Return the facts that come after the one with the id `after`.

        Raises:
            StorageError: bad_record, or the file cannot be read.
        """
        return await self._database.read(lambda connection: _of(connection, conversation_id, after, limit))


def _of(connection: apsw.Connection, conversation_id: int, after: int, limit: int) -> list[StoredEvent]:
    rows = select(
        connection,
        "SELECT id, kind, conversation_id, message_id, payload, at FROM events"
        " WHERE conversation_id = ? AND id > ? ORDER BY id LIMIT ?",
        (conversation_id, after, limit),
    )
    return [decoded("events", row, _event) for row in rows]


def _event(row: tuple[Any, ...]) -> StoredEvent:
    return StoredEvent(
        id=row[0],
        kind=EventKind(row[1]),
        conversation_id=row[2],
        message_id=row[3],
        payload=from_json(row[4], f"events {row[0]}"),
        at=from_iso(row[5]),
    )
