"""Copies of the database file: made by SQLite's own backup, verified by opening them, described beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import apsw

from portal_desktop.clock import Clock, from_iso, to_iso
from portal_desktop.errors import StorageError
from portal_desktop.storage import connect as files
from portal_desktop.storage.faults import storage_error
from portal_desktop.storage.process import sweep_unfinished, unfinished_name

PREFIX = "portal-"
HASH_BLOCK = 1 << 20
ROOM_FACTOR = 2


class Reason(StrEnum):
    """Why a copy was made; migration, update and restore copies are kept apart from the daily ones."""

    DAILY = "daily"
    MANUAL = "manual"
    MIGRATION = "migration"
    UPDATE = "update"
    RESTORE = "restore"


class Verdict(StrEnum):
    """What is known of a copy: verified when it was made, never looked at, or found to be broken."""

    VERIFIED = "verified"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy: where, when, why, what it holds (rows per table), and whether that is certain."""

    path: Path
    reason: Reason
    created: datetime
    size: int
    version: int
    counts: Mapping[str, int]
    digest: str
    verdict: Verdict

    @property
    def chats(self) -> int:
        """How many conversations it holds."""
        return self.counts.get("conversations", 0)


def make_copy(source: Path, folder: Path, clock: Clock, reason: Reason, *, free: Callable[[Path], int]) -> Backup:
    """Copy a database that may be in use into `folder` and verify the copy; a bad copy is not kept.

    Raises:
        StorageError: disk_full when there is no room for twice the size, backup_failed when the copy is not equal,
            else what the source's disk or file said. Nothing was written over.
    """
    try:
        files.read_header(source)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_room(source, folder, free)
        target = _name_for(folder, clock, reason)
        sweep_unfinished(folder)
        unfinished = unfinished_name(target)
        try:
            counts = _copy(source, unfinished)
            version = verify_file(unfinished, counts)
            unfinished.replace(target)
        finally:
            files.remove(unfinished)
        files.sync_folder(folder)
        return _describe(target, reason, clock.now(), counts, version)
    except (apsw.Error, OSError) as error:
        raise storage_error(error, source) from error


def verify_file(path: Path, counts: Mapping[str, int] | None = None) -> int:
    """Open a copy, run the integrity check, compare the row counts; return its version.

    Raises:
        StorageError: backup_failed with what is wrong.
    """
    try:
        with closing(files.connect_read_only(path, immutable=True)) as connection:
            problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
            if problems != ["ok"]:
                raise StorageError("backup_failed", technical="; ".join(problems))
            found = count_rows(connection)
            if counts is not None and found != dict(counts):
                raise StorageError("backup_failed", technical="the copy has other row counts than the original")
            return files.user_version(connection)
    except (apsw.Error, OSError, UnicodeDecodeError) as error:
        raise StorageError("backup_failed", technical=f"{type(error).__name__}: {error}") from error


def count_rows(connection: apsw.Connection) -> dict[str, int]:
    """Return the rows of every ordinary table."""
    names = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite!_%'"
        " ESCAPE '!' ORDER BY name"
    ).fetchall()
    return {
        str(name): files.number(connection, f'SELECT count(*) FROM "{name}"')  # noqa: S608 - a name from the schema
        for (name,) in names
    }


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_description(path: Path) -> Backup | None:
    """Return what is written beside a copy; None when there is no readable description."""
    try:
        raw = json.loads(_description_of(path).read_text(encoding="utf-8"))
        size = path.stat().st_size
        return Backup(
            path=path,
            reason=Reason(raw["reason"]),
            created=from_iso(raw["created"]),
            size=size,
            version=int(raw["version"]),
            counts={str(name): int(count) for name, count in raw["counts"].items()},
            digest=str(raw["digest"]),
            verdict=Verdict.VERIFIED if size == raw["size"] else Verdict.FAILED,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def describe_unknown(path: Path) -> Backup | None:
    """Return what a copy without a description says of itself; it has not been verified."""
    try:
        status = path.stat()
        header = files.read_header(path)
        moment = datetime.fromtimestamp(status.st_mtime, UTC)
    except (OSError, StorageError):
        return None
    version = header.version if header else 0
    return Backup(path, Reason.MANUAL, moment, status.st_size, version, {}, "", Verdict.UNKNOWN)


def remove_copy(path: Path) -> None:
    """Delete a copy that rotation has thinned out, and its description."""
    path.unlink(missing_ok=True)
    _description_of(path).unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> dict[str, int]:
    with closing(files.connect(source)) as original, closing(apsw.Connection(str(target))) as copy:
        original.execute("BEGIN")
        counts = count_rows(original)
        with copy.backup("main", original, "main") as backup:
            backup.step(-1)
        original.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()
    return counts


def _check_room(source: Path, folder: Path, free: Callable[[Path], int]) -> None:
    wal = files.wal_of(source)
    size = source.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
    room = free(folder)
    if room < ROOM_FACTOR * size:
        raise StorageError("disk_full", technical=f"a backup needs {ROOM_FACTOR * size} bytes, {room} are free")


def _name_for(folder: Path, clock: Clock, reason: Reason) -> Path:
    stem = f"{PREFIX}{clock.now():%Y%m%dT%H%M%S%f}Z-{reason}"
    for number in range(1000):
        name = folder / (f"{stem}.db" if number == 0 else f"{stem}-{number}.db")
        if not name.exists():
            return name
    raise StorageError("backup_failed", technical="no free name in the backup folder")


def _describe(path: Path, reason: Reason, created: datetime, counts: Mapping[str, int], version: int) -> Backup:
    backup = Backup(
        path, reason, created, path.stat().st_size, version, dict(counts), digest_of(path), Verdict.VERIFIED
    )
    text = json.dumps(
        {
            "reason": backup.reason,
            "created": to_iso(backup.created),
            "size": backup.size,
            "version": backup.version,
            "counts": dict(backup.counts),
            "digest": backup.digest,
        }
    )
    unfinished = unfinished_name(_description_of(path))
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(_description_of(path))
    return backup


def _description_of(path: Path) -> Path:
    return path.with_suffix(".json")
