"""Opening the file: what its header says before SQLite touches it, and how every connection is set up."""

from __future__ import annotations

import importlib.util
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from portal_desktop.errors import StorageError

APPLICATION_ID = 0x504F5254
MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
BUSY_SECONDS = 5.0
CACHE_KIB = 16_384
WAL_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """What the first 100 bytes tell; the write-ahead log may already know better."""

    version: int
    application: int
    pages: int
    page_size: int


def read_header(path: Path) -> Header | None:
    """Return the header, or None where there is no file; changes nothing on the disk.

    Raises:
        StorageError: database_damaged, when these bytes can never become a database of ours. An empty file is one of
            them: a new database appears under its name complete or not at all.
        OSError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(HEADER_BYTES)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        if _has_content(wal_of(path)) or _has_content(journal_of(path)):
            raise StorageError("database_damaged", technical=f"{path.name} is gone, its log is there") from None
        return None
    if len(raw) < HEADER_BYTES or not raw.startswith(MAGIC):
        raise StorageError("database_damaged", technical=f"{path.name} is {size} bytes and no database")
    header = _parse(raw)
    if header.pages * header.page_size > size and not _has_content(wal_of(path)):
        raise StorageError("database_damaged", technical=f"{path.name} ends early at {size} bytes")
    return header


def _parse(raw: bytes) -> Header:
    stored = struct.unpack_from(">H", raw, 16)[0]
    pages, version, application = (struct.unpack_from(">I", raw, place)[0] for place in (28, 60, 68))
    return Header(version, application, pages, 65_536 if stored == 1 else stored)


def check_header(header: Header, path: Path, known: int) -> None:
    """Refuse a file of a newer version or of another program, before SQLite opens it.

    Raises:
        StorageError: database_newer or database_damaged.
    """
    if header.application != APPLICATION_ID:
        raise StorageError("database_damaged", technical=f"{path.name} belongs to another program")
    refuse_newer(header.version, known)


def refuse_newer(found: int, known: int) -> None:
    """Raise database_newer when the file's version is beyond what this program knows."""
    if found > known:
        raise StorageError("database_newer", known=known, found=found)


def connect(path: Path, *, vectors: Path | None = None, foreign_keys: bool = True) -> apsw.Connection:
    """Open a connection that may write; the caller owns it. The file is created when it is missing.

    Raises:
        apsw.Error: it cannot be opened or its first page cannot be read.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        set_up(connection, vectors=vectors, foreign_keys=foreign_keys)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path, *, immutable: bool = False) -> apsw.Connection:
    """Open without any means to write; `immutable` reads the bare file where even a -shm cannot be made.

    Raises:
        apsw.Error: it cannot be opened.
    """
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    mode = "immutable=1" if immutable else "mode=ro"
    connection = apsw.Connection(f"{path.absolute().as_uri()}?{mode}", flags=flags)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        connection.execute("PRAGMA query_only=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> apsw.Connection:
    """Open read-only, with the write-ahead log when it can be read, else the bare file.

    Raises:
        apsw.Error: neither way works.
    """
    try:
        return connect_read_only(path)
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError):
        return connect_read_only(path, immutable=True)


def set_up(connection: apsw.Connection, *, vectors: Path | None = None, foreign_keys: bool = True) -> None:
    """Give a connection the settings every one of ours has: WAL, FULL, foreign keys, no trust in the schema."""
    connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}").fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    if vectors is not None:
        _load(connection, vectors)


def vector_library() -> Path | None:
    """Return where sqlite-vec's library lies, without importing its package (that would import sqlite3)."""
    found = importlib.util.find_spec("sqlite_vec")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(next(iter(found.submodule_search_locations)))
    return next((file for file in sorted(folder.glob("vec0.*"))), None)


def _load(connection: apsw.Connection, library: Path) -> None:
    connection.enable_load_extension(enable=True)
    try:
        connection.load_extension(str(library.with_suffix("")), "sqlite3_vec_init")
    finally:
        connection.enable_load_extension(enable=False)


@contextmanager
def transaction(connection: apsw.Connection, mode: str = "IMMEDIATE") -> Iterator[None]:
    """Run the block in one transaction; any exception rolls it back.

    IMMEDIATE, because a read that turns into a write fails at once with 517 and never waits for the lock.
    """
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def user_version(connection: apsw.Connection) -> int:
    """Return the number of the last migration that was run on the file."""
    return number(connection, "PRAGMA user_version")


def select(connection: apsw.Connection, sql: str, bindings: apsw.Bindings = ()) -> list[tuple[Any, ...]]:
    """Return the rows a statement yields; SQLite's columns have the types the STRICT tables say."""
    return connection.execute(sql, bindings).fetchall()


def one_row(connection: apsw.Connection, sql: str, bindings: apsw.Bindings = ()) -> tuple[Any, ...]:
    """Return the first row of a statement that always has one in a whole file.

    Raises:
        StorageError: database_damaged.
    """
    rows = select(connection, sql, bindings)
    if not rows:
        raise StorageError("database_damaged", technical="a row that must be there is not")
    return rows[0]


def number(connection: apsw.Connection, sql: str, bindings: apsw.Bindings = ()) -> int:
    """Return the one whole number a statement yields.

    Raises:
        StorageError: database_damaged.
    """
    found = one_row(connection, sql, bindings)[0]
    if not isinstance(found, int):
        raise StorageError("database_damaged", technical=f"{type(found).__name__} where a number must be")
    return found


def wal_of(path: Path) -> Path:
    """Return the name of the write-ahead log that belongs to a file."""
    return path.with_name(path.name + "-wal")


def shm_of(path: Path) -> Path:
    """Return the name of the shared-memory index that belongs to a file."""
    return path.with_name(path.name + "-shm")


def journal_of(path: Path) -> Path:
    """Return the name of the rollback journal that belongs to a file; SQLite needs it to change the journal mode."""
    return path.with_name(path.name + "-journal")


def remove(path: Path) -> None:
    """Delete a file of ours with everything SQLite keeps beside it; a journal left behind would be played back."""
    for name in (journal_of(path), wal_of(path), shm_of(path), path):
        name.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in a folder survive a power cut; a system without the means skips it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
