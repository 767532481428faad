"""Conversations and their messages: a tree of which one branch is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import apsw

from portal_desktop.clock import Clock, to_iso
from portal_desktop.errors import InvalidInput
from portal_desktop.messages import Message, Mode, Part, Source, Status, Usage
from portal_desktop.storage import answers, branches
from portal_desktop.storage.connect import number, select
from portal_desktop.storage.database import Database
from portal_desktop.storage.events import EventKind, record
from portal_desktop.storage.records import (
    body_of,
    checksum,
    clean,
    parts_to_json,
    snippet_of,
    to_json,
)
from portal_desktop.storage.search import SearchHit, search_messages
from portal_desktop.storage.shapes import (
    Conversation,
    Cursor,
    StoredMessage,
    conversation_of,
    one_message,
    shown_message,
)

__all__ = ["Conversation", "Conversations", "Cursor", "SearchHit", "StoredMessage"]

OWNER = "local"

COLUMNS = (
    "id, owner_id, title, pinned, folder, persona, model, mode, summary, snippet, message_count, created_at,"
    " updated_at, deleted_at, unread, leaf_id, draft, title_edited, scroll"
)
LISTED = (
    f"SELECT {COLUMNS} FROM conversations WHERE owner_id = ? AND deleted_at IS NULL"  # noqa: S608 - constants
    " AND (updated_at, id) < (?, ?) ORDER BY updated_at DESC, id DESC LIMIT ?"
)
LISTED_DELETED = (
    f"SELECT {COLUMNS} FROM conversations WHERE owner_id = ? AND deleted_at > ''"  # noqa: S608 - constants
    " AND (deleted_at, updated_at, id) < (?, ?, ?) ORDER BY deleted_at DESC, updated_at DESC, id DESC LIMIT ?"
)
LISTED_PINNED = (
    f"SELECT {COLUMNS} FROM conversations WHERE owner_id = ? AND pinned AND deleted_at IS NULL"  # noqa: S608 - constants
    " ORDER BY updated_at DESC"
)
ONE = f"SELECT {COLUMNS} FROM conversations WHERE id = ? AND owner_id = ?"  # noqa: S608 - constants
CREATED = (
    "INSERT INTO conversations (owner_id, title, model, mode, created_at, updated_at)"  # noqa: S608 - constants
    f" VALUES (?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}"
)
LAST = "\N{RIGHT CURLY BRACKET}"
LAST_ID = 2**63 - 1


Page: TypeAlias = list[Conversation]
Messages: TypeAlias = list[StoredMessage]
Ids: TypeAlias = list[int]
Hits: TypeAlias = list[SearchHit]


class Conversations:
    """The chats of one owner. Every change is one transaction and is on the disk when its call returns."""

    def __init__(self, database: Database, clock: Clock, owner_id: str = OWNER) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner_id
        self._written: dict[int, tuple[Part, ...]] = {}

    @property
    def read_only(self) -> bool:
        """Whether the database was opened for reading only: every change is refused then."""
        return self._database.read_only

    async def create(self, *, title: str = "", model: str = "", mode: Mode = Mode.CHAT) -> Conversation:
        """Make an empty conversation."""
        now = self._now()

        def change(connection: apsw.Connection) -> Conversation:
            row = select(
                connection,
                CREATED,
                (self._owner, clean(title), clean(model), str(mode), now, now),
            )[0]
            made = conversation_of(row)
            self._record(connection, EventKind.CONVERSATION_CREATED, made.id, at=now)
            return made

        return await self._database.write(change)

    async def get(self, conversation_id: int) -> Conversation:
        """Return one conversation, also from the trash.

        Raises:
            InvalidInput: not_found.
        """
        return await self._database.read(lambda connection: self._get(connection, conversation_id))

    async def list(self, *, limit: int = 50, before: Cursor | None = None, deleted: bool = False) -> Page:
        """Return a page, newest first; the trash is ordered by the moment of deletion."""
        place = before or Cursor(LAST, LAST_ID, LAST)

        def query(connection: apsw.Connection) -> Page:
            if deleted:
                rows = select(connection, LISTED_DELETED, (self._owner, place.deleted, place.updated, place.id, limit))
            else:
                rows = select(connection, LISTED, (self._owner, place.updated, place.id, limit))
            return [conversation_of(row) for row in rows]

        return await self._database.read(query)

    async def pinned(self) -> Page:
        """Return the pinned ones, newest first, wherever their page would be."""

        def query(connection: apsw.Connection) -> Page:
            rows = select(connection, LISTED_PINNED, (self._owner,))
            return [conversation_of(row) for row in rows]

        return await self._database.read(query)

    async def count(self, *, deleted: bool = False) -> int:
        """Return how many conversations there are, or how many lie in the trash."""
        wanted = "IS NOT NULL" if deleted else "IS NULL"
        sql = f"SELECT count(*) FROM conversations WHERE owner_id = ? AND deleted_at {wanted}"  # noqa: S608 - constants
        return await self._database.read(lambda connection: number(connection, sql, (self._owner,)))

    async def rename(self, conversation_id: int, title: str, *, edited: bool = True) -> bool:
        """Set the title; one the user edited is not overwritten by one that is made (`edited=False`).

        Returns whether the title was taken.
        """

        def change(connection: apsw.Connection) -> bool:
            before = self._get(connection, conversation_id)
            if before.title_edited and not edited:
                return False
            self._set(connection, conversation_id, "title = ?, title_edited = ?", clean(title), int(edited))
            return True

        return await self._database.write(change)

    async def pin(self, conversation_id: int, pinned: bool = True) -> None:
        """Pin or unpin."""
        await self._update(conversation_id, "pinned = ?", int(pinned))

    async def set_model(self, conversation_id: int, model: str) -> None:
        """Choose the model for the next turns."""
        await self._update(conversation_id, "model = ?", clean(model))

    async def set_mode(self, conversation_id: int, mode: Mode) -> None:
        """Choose how far turns may go."""
        await self._update(conversation_id, "mode = ?", str(mode))

    async def set_draft(self, conversation_id: int, draft: str) -> None:
        """Keep what stands in the composer."""
        await self._update(conversation_id, "draft = ?", clean(draft))

    async def set_scroll(self, conversation_id: int, scroll: str) -> None:
        """Keep the place the view stood at."""
        await self._update(conversation_id, "scroll = ?", clean(scroll))

    async def mark_read(self, conversation_id: int) -> None:
        """Take the unread mark away; an answer that ends sets it."""
        await self._update(conversation_id, "unread = 0")

    async def delete(self, conversation_id: int) -> None:
        """Move to the trash."""
        await self._move(conversation_id, self._now(), EventKind.CONVERSATION_DELETED)

    async def restore(self, conversation_id: int) -> None:
        """Take back from the trash, with its folder, pin and branches."""
        await self._move(conversation_id, None, EventKind.CONVERSATION_RESTORED)

    async def add_message(
        self,
        conversation_id: int,
        parent_id: int | None,
        message: Message,
        *,
        status: Status = Status.COMPLETE,
        source: Source | None = None,
        model: str = "",
    ) -> StoredMessage:
        """Hang a message under its parent (None begins a new first message) and show its branch.

        Raises:
            InvalidInput: not_found for the conversation or the parent, invalid_field for parts of a wrong type.
        """
        now = self._now()

        def change(connection: apsw.Connection) -> StoredMessage:
            self._get(connection, conversation_id)
            if parent_id is not None:
                branches.check_parent(connection, conversation_id, parent_id)
            process = self._database.process if status is Status.STREAMING else ""
            added = _insert(
                connection, (self._owner, conversation_id, parent_id), message, (status, source, model, process, now)
            )
            branches.show(connection, conversation_id, added)
            branches.touch(connection, conversation_id, snippet_of(body_of(message.parts)), now)
            stored = one_message(connection, added)
            payload = {"role": message.role, "status": status, "sequence": stored.sequence, "parent_id": parent_id}
            self._record(
                connection, EventKind.MESSAGE_ADDED, conversation_id, message_id=added, payload=payload, at=now
            )
            return stored

        return await self._database.write(change)

    async def update_answer(
        self,
        message_id: int,
        parts: Sequence[Part],
        *,
        status: Status | None = None,
        usage: Usage | None = None,
        model: str | None = None,
        first_token_seconds: float | None = None,
        seconds: float | None = None,
    ) -> None:
        """Write an answer through while it grows: only what is new is written, whatever its length.

        A `status` other than streaming ends it: the whole is stored, searchable from then on.

        Raises:
            InvalidInput: not_found, or invalid_field for parts of a wrong type.
            StorageError: it is not on the disk; call again with the same parts when there is room.
        """
        before = self._written.pop(message_id, None)
        whole = tuple(parts)
        now = self._now()
        facts = answers.Facts(usage, model, first_token_seconds, seconds)

        def change(connection: apsw.Connection) -> None:
            answer = answers.find(connection, message_id, self._owner)
            answers.set_facts(connection, message_id, facts)
            if status is Status.STREAMING or (status is None and answer.status is Status.STREAMING):
                answers.grow(connection, answer, before, whole, self._database.process)
                return
            answers.fold(connection, message_id, whole, status or answer.status)
            branches.finish(connection, answer.conversation_id, snippet_of(body_of(whole)), now)
            payload = {"status": status or answer.status, "model": answer.model if model is None else model}
            self._record(
                connection,
                EventKind.ANSWER_FINISHED,
                answer.conversation_id,
                message_id=message_id,
                payload=payload,
                at=now,
            )

        await self._database.write(change)
        if status is None or status is Status.STREAMING:
            self._written[message_id] = whole

    async def message(self, message_id: int) -> StoredMessage:
        """Return one message.

        Raises:
            InvalidInput: not_found.
            StorageError: bad_record.
        """

        def query(connection: apsw.Connection) -> StoredMessage:
            answers.find(connection, message_id, self._owner)
            return one_message(connection, message_id)

        return await self._database.read(query)

    async def path(
        self, conversation_id: int, *, limit: int | None = None, before_sequence: int | None = None
    ) -> Messages:
        """Return the shown branch, oldest first: its newest `limit` messages, or those before a sequence number.

        A message that cannot be read any more stands there as a failure, so that the rest can be.
        """

        def query(connection: apsw.Connection) -> Messages:
            chat = self._get(connection, conversation_id)
            start = branches.start_of(connection, conversation_id, chat.leaf_id, before_sequence)
            return [shown_message(connection, row) for row in branches.upwards(connection, start, limit)]

        return await self._database.read(query)

    async def tree(self, conversation_id: int) -> Messages:
        """Return every message of every branch in the order of time."""

        def query(connection: apsw.Connection) -> Messages:
            self._get(connection, conversation_id)
            return [shown_message(connection, row) for row in select(connection, branches.IN_TIME, (conversation_id,))]

        return await self._database.read(query)

    async def choose(self, message_id: int) -> None:
        """Show the branch through this message, down to where it was last left.

        Raises:
            InvalidInput: not_found.
        """
        now = self._now()

        def change(connection: apsw.Connection) -> None:
            answer = answers.find(connection, message_id, self._owner)
            leaf = branches.descend(connection, message_id)
            branches.show(connection, answer.conversation_id, leaf)
            self._record(connection, EventKind.BRANCH_CHOSEN, answer.conversation_id, payload={"leaf_id": leaf}, at=now)

        await self._database.write(change)

    async def recover(self) -> Ids:
        """Turn every streaming answer whose process is gone into an interrupted one; return their ids.

        Answers of a process that still runs are left alone, so the command line does not cut the window's off.
        """
        now = self._now()

        def change(connection: apsw.Connection) -> Ids:
            found = answers.abandoned(connection, self._owner)
            for answer in found:
                parts = answers.interrupt(connection, answer.id)
                branches.finish(connection, answer.conversation_id, snippet_of(body_of(parts)), now)
                payload = {"status": Status.INTERRUPTED, "model": answer.model, "recovered": True}
                self._record(
                    connection,
                    EventKind.ANSWER_FINISHED,
                    answer.conversation_id,
                    message_id=answer.id,
                    payload=payload,
                    at=now,
                )
            return [answer.id for answer in found]

        return await self._database.write(change)

    async def search(self, text: str, limit: int = 50) -> Hits:
        """Return messages and titles that hold every word, newest first; any text may be asked for."""
        return await self._database.read(lambda connection: search_messages(connection, self._owner, text, limit))

    def _now(self) -> str:
        return to_iso(self._clock.now())

    def _get(self, connection: apsw.Connection, conversation_id: int) -> Conversation:
        rows = select(connection, ONE, (conversation_id, self._owner))
        if not rows:
            raise InvalidInput("not_found", what=f"chat {conversation_id}")
        return conversation_of(rows[0])

    async def _update(self, conversation_id: int, assignment: str, *values: str | int | None) -> None:
        await self._database.write(lambda connection: self._set(connection, conversation_id, assignment, *values))

    def _set(
        self, connection: apsw.Connection, conversation_id: int, assignment: str, *values: str | int | None
    ) -> None:
        connection.execute(
            f"UPDATE conversations SET {assignment} WHERE id = ? AND owner_id = ?",  # noqa: S608 - constants
            (*values, conversation_id, self._owner),
        )
        if connection.changes() == 0:
            raise InvalidInput("not_found", what=f"chat {conversation_id}")

    async def _move(self, conversation_id: int, deleted_at: str | None, kind: EventKind) -> None:
        now = self._now()

        def change(connection: apsw.Connection) -> None:
            self._set(connection, conversation_id, "deleted_at = ?", deleted_at)
            self._record(connection, kind, conversation_id, at=now)

        await self._database.write(change)

    def _record(
        self,
        connection: apsw.Connection,
        kind: EventKind,
        conversation_id: int,
        *,
        at: str,
        message_id: int | None = None,
        payload: dict[str, Any] | None = None,
    ) -> None:
        record(
            connection,
            kind,
            owner_id=self._owner,
            at=at,
            conversation_id=conversation_id,
            message_id=message_id,
            payload=payload,
        )


def _insert(
    connection: apsw.Connection,
    place: tuple[str, int, int | None],
    message: Message,
    facts: tuple[Status, Source | None, str, str, str],
) -> int:
    text = parts_to_json(message.parts)
    status, source, model, process, now = facts
    calls = to_json(list(message.tool_calls), "tool_calls") if message.tool_calls else None
    rows = select(
        connection,
        "INSERT INTO messages (owner_id, conversation_id, parent_id, sequence, role, parts, checksum, tool_calls, body,"
        " status, source, model, process, created_at) VALUES (?1, ?2, ?3,"
        " (SELECT coalesce(max(sequence), 0) + 1 FROM messages WHERE conversation_id = ?2),"
        " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING id",
        (
            *place,
            str(message.role),
            text,
            checksum(text),
            calls,
            "" if status is Status.STREAMING else body_of(message.parts),
            str(status),
            None if source is None else str(source),
            clean(model),
            process,
            now,
        ),
    )
    return int(rows[0][0])
