"""Tool results too long for a model, kept whole; the model reads on from them in pieces."""

from __future__ import annotations

import uuid

import apsw

from portal_desktop.clock import Clock, to_iso
from portal_desktop.errors import InvalidInput
from portal_desktop.storage.connect import select
from portal_desktop.storage.database import Database
from portal_desktop.storage.records import clean

OWNER = "local"


class ResultRows:
    """The kept results of one owner; offsets and lengths count characters."""

    def __init__(self, database: Database, clock: Clock, owner_id: str = OWNER) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner_id

    async def keep(self, text: str, *, conversation_id: int | None = None) -> str:
        """Store a text and return the id to read it by; it goes with its conversation."""
        name, whole, now = uuid.uuid4().hex, clean(text), to_iso(self._clock.now())

        def change(connection: apsw.Connection) -> str:
            connection.execute(
                "INSERT INTO tool_results (id, owner_id, conversation_id, content, characters, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (name, self._owner, conversation_id, whole, len(whole), now),
            )
            return name

        return await self._database.write(change)

    async def read(self, result_id: str, offset: int = 0, limit: int = 10_000) -> str:
        """Return at most `limit` characters from `offset` on; empty behind the end.

        Raises:
            InvalidInput: not_found.
        """

        def query(connection: apsw.Connection) -> str:
            rows = select(
                connection,
                "SELECT substr(content, ?, ?) FROM tool_results WHERE id = ? AND owner_id = ?",
                (max(offset, 0) + 1, max(limit, 0), result_id, self._owner),
            )
            return str(_only(rows, result_id))

        return await self._database.read(query)

    async def size(self, result_id: str) -> int:
        """Return how many characters a kept result has.

        Raises:
            InvalidInput: not_found.
        """

        def query(connection: apsw.Connection) -> int:
            rows = select(
                connection,
                "SELECT characters FROM tool_results WHERE id = ? AND owner_id = ?",
                (result_id, self._owner),
            )
            return int(str(_only(rows, result_id)))

        return await self._database.read(query)


def _only(rows: list[tuple[object, ...]], result_id: str) -> object:
    if not rows:
        raise InvalidInput("not_found", what=f"result {result_id}")
    return rows[0][0]
