"""Saving what can still be read from a damaged file: every table row by row, into lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import apsw

from portal_desktop.storage import connect as files
from portal_desktop.storage.connect import select
from portal_desktop.storage.faults import storage_error

TABLES = (
    "conversations",
    "messages",
    "answer_deltas",
    "tasks",
    "settings",
    "events",
    "audit_log",
    "turns",
    "tool_results",
    "task_history",
)
BLOCK = 200
LARGEST_GAP = 1 << 20
UNREADABLE = (apsw.Error, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """Where the rows went, how many of each table, and which tables lost some."""

    path: Path
    rows: Mapping[str, int]
    incomplete: tuple[str, ...]


def salvage(source: Path, target: Path) -> Salvaged:
    """Write every readable row of a damaged file to `target`, one JSON object per line; the file is not touched.

    Raises:
        StorageError: database_damaged when not even the list of tables can be read; nothing is written then.
    """
    try:
        with closing(files.connect_read_only(source, immutable=True)) as connection:
            connection.execute("PRAGMA cell_size_check=ON")
            present = {str(row[0]) for row in select(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
            with target.open("x", encoding="utf-8") as file:
                return _save(connection, [table for table in TABLES if table in present], file, target)
    except (*UNREADABLE, OSError) as error:
        raise storage_error(error, source) from error


def _save(connection: apsw.Connection, tables: list[str], file: TextIO, target: Path) -> Salvaged:
    counts: dict[str, int] = {}
    incomplete: list[str] = []
    for table in tables:
        counts[table] = 0
        try:
            for row in _rows(connection, table, incomplete):
                file.write(json.dumps({"table": table, "row": row}, ensure_ascii=True, default=repr) + "\n")
                counts[table] += 1
        except UNREADABLE:
            incomplete.append(table)
    return Salvaged(target, counts, tuple(dict.fromkeys(incomplete)))


def _rows(connection: apsw.Connection, table: str, incomplete: list[str]) -> Iterator[dict[str, Any]]:
    names = [str(row[1]) for row in select(connection, f"PRAGMA table_info({table})")]
    if not _has_rowid(connection, table):
        cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a constant
        for row in cursor:
            yield dict(zip(names, row, strict=True))
        return
    place: int | None = None
    while True:
        try:
            block = _block(connection, table, place, BLOCK)
        except UNREADABLE:
            incomplete.append(table)
            block = _over_a_gap(connection, table, place)
        if not block:
            return
        for row in block:
            yield dict(zip(names, row[1:], strict=True))
        place = int(block[-1][0])


def _block(connection: apsw.Connection, table: str, place: int | None, limit: int) -> list[tuple[Any, ...]]:
    start = "" if place is None else f"WHERE rowid > {place}"
    return select(connection, f"SELECT rowid, * FROM {table} {start} ORDER BY rowid LIMIT {limit}")  # noqa: S608 - constants


def _over_a_gap(connection: apsw.Connection, table: str, place: int | None) -> list[tuple[Any, ...]]:
    """Return the next readable row behind `place`: the neighbours one by one, then further and further away."""
    start = 0 if place is None else place
    step = 1
    reach = start + 1
    while reach - start < LARGEST_GAP:
        for sql in (f"rowid = {reach}", f"rowid >= {reach} ORDER BY rowid LIMIT 1"):
            try:
                found = select(connection, f"SELECT rowid, * FROM {table} WHERE {sql}")  # noqa: S608 - constants
            except UNREADABLE:
                continue
            if found:
                return found
        if reach - start >= BLOCK:
            step = max(1, (reach - start) // BLOCK)
        reach += step
    return []


def _has_rowid(connection: apsw.Connection, table: str) -> bool:
    return not select(connection, "SELECT wr FROM pragma_table_list WHERE name = ? AND schema = 'main'", (table,))[0][0]


def check(path: Path) -> tuple[str, ...]:
    """Return what SQLite's own check finds in a file that is not in use; empty when it is whole.

    Raises:
        StorageError: the file cannot be read at all.
    """
    try:
        with closing(files.connect_to_read(path)) as connection:
            found = [str(row[0]) for row in select(connection, "PRAGMA quick_check(20)")]
    except UNREADABLE as error:
        raise storage_error(error, path) from error
    if found == ["ok"]:
        return ()
    return tuple(found)
