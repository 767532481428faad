"""Before the first connection: a new file is made beside its name, an old one is copied, then migrated."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from portal_desktop.clock import Clock
from portal_desktop.storage import connect as files
from portal_desktop.storage.copies import Reason, make_copy
from portal_desktop.storage.migrations import Migration, migrate
from portal_desktop.storage.process import sweep_unfinished, unfinished_name


def free_bytes(folder: Path) -> int:
    """Return how much may still be written in a folder."""
    return shutil.disk_usage(folder).free


def prepare(
    path: Path,
    backups: Path,
    clock: Clock,
    steps: Sequence[Migration],
    *,
    free: Callable[[Path], int] = free_bytes,
) -> None:
    """Leave a file of the present version under `path`, or leave everything as it is and raise.

    Raises:
        StorageError: what stands in the way.
        apsw.Error, OSError: what SQLite or the disk said.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep_unfinished(path.parent)
    header = files.read_header(path)
    if header is None:
        create(path, steps)
        return
    files.check_header(header, path, len(steps))
    if _version_inside(path, len(steps)) < len(steps):
        make_copy(path, backups, clock, Reason.MIGRATION, free=free)
        bring_up_to_date(path, steps)


def create(path: Path, steps: Sequence[Migration]) -> None:
    """Make a complete new file and only then give it its name; another program's file is never replaced."""
    unfinished = unfinished_name(path)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        bring_up_to_date(unfinished, steps)
        publish(unfinished, path)
    finally:
        files.remove(unfinished)


def bring_up_to_date(path: Path, steps: Sequence[Migration]) -> None:
    """Run the missing migrations on a file that nobody else has open for writing."""
    with closing(files.connect(path, foreign_keys=False)) as connection:
        migrate(connection, path, steps)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def publish(unfinished: Path, path: Path) -> None:
    """Give a finished file its name unless the name is taken; survives a power cut right after."""
    link: Callable[[Path, Path], None] | None = getattr(os, "link", None)
    try:
        if link is not None:
            link(unfinished, path)
    except FileExistsError:
        return
    except OSError:
        link = None
    if link is None and not path.exists():
        unfinished.rename(path)
    files.sync_folder(path.parent)


def _version_inside(path: Path, known: int) -> int:
    """Read the version through the write-ahead log, where a migration may still lie, and refuse a newer one."""
    with closing(files.connect(path)) as connection:
        version = files.user_version(connection)
        files.refuse_newer(version, known)
        return version
