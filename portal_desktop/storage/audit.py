"""The audit log: rows that can only be added, each bound to the one before by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from portal_desktop.clock import Clock, from_iso, to_iso
from portal_desktop.storage.connect import select
from portal_desktop.storage.database import Database
from portal_desktop.storage.records import clean, decoded, from_json, to_json

OWNER = "local"
ALL = "SELECT id, at, kind, actor, details, digest FROM audit_log WHERE owner_id = ?"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when."""

    id: int
    at: datetime
    kind: str
    actor: str
    details: Mapping[str, Any]


class AuditRows:
    """The log of one owner."""

    def __init__(self, database: Database, clock: Clock, owner_id: str = OWNER) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner_id

    async def append(self, kind: str, actor: str, details: Mapping[str, Any]) -> int:
        """Add an entry and return its number.

        Raises:
            InvalidInput: the details have no JSON form.
        """
        at, text = to_iso(self._clock.now()), to_json(details, "details")
        entry = (at, clean(kind), clean(actor), text)

        def change(connection: apsw.Connection) -> int:
            before = select(
                connection, "SELECT digest FROM audit_log WHERE owner_id = ? ORDER BY id DESC LIMIT 1", (self._owner,)
            )
            digest = _digest(before[0][0] if before else "", entry)
            rows = select(
                connection,
                "INSERT INTO audit_log (owner_id, at, kind, actor, details, digest) VALUES (?, ?, ?, ?, ?, ?)"
                " RETURNING id",
                (self._owner, *entry, digest),
            )
            return int(rows[0][0])

        return await self._database.write(change)

    async def newest(self, limit: int = 100) -> list[AuditEntry]:
        """Return the last entries, newest first.

        Raises:
            StorageError: bad_record.
        """

        def query(connection: apsw.Connection) -> list[AuditEntry]:
            return [
                decoded("audit_log", row, _entry)
                for row in select(connection, f"{ALL} ORDER BY id DESC LIMIT ?", (self._owner, limit))
            ]

        return await self._database.read(query)

    async def first_broken(self) -> int | None:
        """Return the number of the first entry that does not follow from the one before, or None."""

        def query(connection: apsw.Connection) -> int | None:
            digest = ""
            for number, at, kind, actor, details, stored in select(connection, f"{ALL} ORDER BY id", (self._owner,)):
                digest = _digest(digest, (at, kind, actor, details))
                if digest != stored:
                    return int(number)
            return None

        return await self._database.read(query)


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    return AuditEntry(row[0], from_iso(row[1]), row[2], row[3], from_json(row[4], f"audit_log {row[0]}"))


def _digest(before: str, entry: tuple[str, str, str, str]) -> str:
    return hashlib.sha256("\x00".join((before, *entry)).encode()).hexdigest()
