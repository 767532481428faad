"""One row per turn: where it came from, which model answered, what it did step by step, what it cost."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from portal_desktop.clock import Clock, from_iso, to_iso
from portal_desktop.errors import InvalidInput
from portal_desktop.messages import Source, Status, Usage
from portal_desktop.storage.connect import select
from portal_desktop.storage.database import Database
from portal_desktop.storage.records import clean, decoded, from_json, to_json, usage_from_json, usage_to_json

OWNER = "local"
COLUMNS = "id, conversation_id, answer_id, source, model, status, started_at, seconds, steps, usage"


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A turn as it was kept; its id is the trace id. `steps` are what it did, in order."""

    id: str
    conversation_id: int | None
    answer_id: int | None
    source: Source
    model: str
    status: Status
    started: datetime
    seconds: float | None
    steps: tuple[Mapping[str, Any], ...]
    usage: Usage | None


class TurnRows:
    """The turns of one owner."""

    def __init__(self, database: Database, clock: Clock, owner_id: str = OWNER) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner_id

    async def begin(self, *, conversation_id: int, answer_id: int, source: Source, model: str) -> str:
        """Note that a turn began; return its id."""
        turn_id, now = uuid.uuid4().hex, to_iso(self._clock.now())

        def change(connection: apsw.Connection) -> str:
            connection.execute(
                "INSERT INTO turns (id, owner_id, conversation_id, answer_id, source, model, status, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'streaming', ?)",
                (turn_id, self._owner, conversation_id, answer_id, str(source), clean(model), now),
            )
            return turn_id

        return await self._database.write(change)

    async def finish(
        self,
        turn_id: str,
        *,
        status: Status,
        seconds: float,
        steps: Sequence[Mapping[str, Any]] = (),
        model: str | None = None,
        usage: Usage | None = None,
    ) -> None:
        """Note how a turn ended.

        Raises:
            InvalidInput: not_found, or steps without a JSON form.
        """
        values = (
            str(status),
            seconds,
            to_json(list(steps), "steps"),
            None if model is None else clean(model),
            usage_to_json(usage),
        )

        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE turns SET status = ?, seconds = ?, steps = ?, model = coalesce(?, model), usage = ?"
                " WHERE id = ? AND owner_id = ?",
                (*values, turn_id, self._owner),
            )
            if connection.changes() == 0:
                raise InvalidInput("not_found", what=f"turn {turn_id}")

        await self._database.write(change)

    async def newest(self, *, conversation_id: int | None = None, limit: int = 50) -> list[TurnRecord]:
        """Return the last turns, newest first, of one conversation or of all.

        Raises:
            StorageError: bad_record.
        """
        sql = (
            f"SELECT {COLUMNS} FROM turns WHERE owner_id = ?1"  # noqa: S608 - constants
            " AND (?2 IS NULL OR conversation_id = ?2) ORDER BY started_at DESC, rowid DESC LIMIT ?3"
        )

        def query(connection: apsw.Connection) -> list[TurnRecord]:
            return [
                decoded("turns", row, _turn) for row in select(connection, sql, (self._owner, conversation_id, limit))
            ]

        return await self._database.read(query)

    async def of_answers(self, answer_ids: Sequence[int]) -> dict[str, int]:
        """Return which turns wrote these answers, oldest first: the answer by the turn's id."""
        sql = (
            "SELECT id, answer_id FROM turns WHERE owner_id = ? AND answer_id IN (SELECT value FROM json_each(?))"
            " ORDER BY rowid"
        )
        values = (self._owner, to_json(list(answer_ids), "answers"))
        return await self._database.read(lambda connection: dict(select(connection, sql, values)))


def _turn(row: tuple[Any, ...]) -> TurnRecord:
    place = f"turns {row[0]}"
    return TurnRecord(
        id=row[0],
        conversation_id=row[1],
        answer_id=row[2],
        source=Source(row[3]),
        model=row[4],
        status=Status(row[5]),
        started=from_iso(row[6]),
        seconds=row[7],
        steps=tuple(from_json(row[8], place)),
        usage=usage_from_json(row[9], place),
    )
