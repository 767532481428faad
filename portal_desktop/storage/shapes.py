"""What a row of a conversation or a message looks like outside this package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import apsw

from portal_desktop.clock import from_iso, to_iso
from portal_desktop.errors import StorageError
from portal_desktop.messages import Failure, Message, Mode, Part, Role, Source, Status, ToolCall, Usage
from portal_desktop.storage import answers, branches
from portal_desktop.storage.connect import one_row
from portal_desktop.storage.records import decoded, usage_from_json

BEGINNING = "1970-01-01T00:00:00.000000Z"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of conversations; the next page begins behind it."""

    updated: str
    id: int
    deleted: str = ""


_MODES = {mode.value: mode for mode in Mode}


class Conversation(NamedTuple):
    """One chat as the list shows it: `snippet` and `messages` are kept in its row; `leaf_id` ends the shown branch."""

    id: int
    owner_id: str
    title: str
    pinned: bool
    folder: str
    persona: str
    model: str
    mode: Mode
    summary: str
    snippet: str
    messages: int
    created: datetime
    updated: datetime
    deleted: datetime | None
    unread: bool
    leaf_id: int | None
    draft: str
    title_edited: bool
    scroll: str

    @property
    def cursor(self) -> Cursor:
        """The place of this conversation in the list."""
        return Cursor(to_iso(self.updated), self.id, to_iso(self.deleted) if self.deleted else "")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message in its place: `siblings` are the ids of all answers to the same parent, itself included, in order."""

    id: int
    conversation_id: int
    parent_id: int | None
    role: Role
    parts: tuple[Part, ...]
    status: Status
    model: str
    usage: Usage | None
    source: Source | None
    created: datetime
    sequence: int
    siblings: tuple[int, ...]
    first_token_seconds: float | None = None
    seconds: float | None = None

    @property
    def message(self) -> Message:
        """What was said, without its place."""
        return Message(self.role, self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...] | None:
        """The calls in it, None when there are none."""
        return self.message.tool_calls or None


def conversation_of(row: tuple[Any, ...]) -> Conversation:
    """Return the conversation in a row of all its columns.

    Raises:
        StorageError: bad_record.
    """
    return decoded("conversations", row, _conversation)


def _conversation(row: tuple[Any, ...]) -> Conversation:
    values = (
        *row[:3],
        bool(row[3]),
        *row[4:7],
        _MODES.get(row[7]) or Mode(row[7]),
        *row[8:11],
        from_iso(row[11]),
        from_iso(row[12]),
        from_iso(row[13]) if row[13] else None,
        bool(row[14]),
        *row[15:17],
        bool(row[17]),
        row[18],
    )
    return Conversation._make(values)


def one_message(connection: apsw.Connection, message_id: int) -> StoredMessage:
    """Return a message that is known to be there.

    Raises:
        StorageError: bad_record.
    """
    row = one_row(connection, f"{branches.SELECT_MESSAGE} WHERE m.id = ?", (message_id,))
    return _message_of(row, answers.parts_of(connection, message_id, row[4], row[5], row[6]))


def shown_message(connection: apsw.Connection, row: tuple[Any, ...]) -> StoredMessage:
    """Return the message in a row of `SELECT_MESSAGE`; what cannot be read stands in it as a failure."""
    try:
        return _message_of(row, answers.parts_of(connection, row[0], row[4], row[5], row[6]))
    except StorageError as error:
        if error.name != "bad_record":
            raise
        return _failed(row, Failure(error.code, error.kind, error.title, error.advice, error.technical))


def _failed(row: tuple[Any, ...], failure: Failure) -> StoredMessage:
    try:
        return _message_of((*row[:8], None, *row[9:]), (failure,))
    except StorageError:
        safe = (
            *row[:3],
            Role.ASSISTANT,
            "",
            0,
            Status.ERROR,
            "",
            None,
            None,
            BEGINNING,
            row[11],
            None,
            None,
            str(row[0]),
        )
        return _message_of(safe, (failure,))


def _message_of(row: tuple[Any, ...], parts: tuple[Part, ...]) -> StoredMessage:
    return decoded("messages", row, lambda row: _message(row, parts))


def _message(row: tuple[Any, ...], parts: tuple[Part, ...]) -> StoredMessage:
    return StoredMessage(
        id=row[0],
        conversation_id=row[1],
        parent_id=row[2],
        role=Role(row[3]),
        parts=parts,
        status=Status(row[6]),
        model=row[7],
        usage=usage_from_json(row[8], f"messages {row[0]}"),
        source=Source(row[9]) if row[9] else None,
        created=from_iso(row[10]),
        sequence=row[11],
        first_token_seconds=row[12],
        seconds=row[13],
        siblings=tuple(int(number) for number in str(row[14]).split(",")),
    )
