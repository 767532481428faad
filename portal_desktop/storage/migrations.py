"""Numbered migrations under `user_version`: each runs in one transaction, and one that was released never changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import apsw

from portal_desktop.errors import StorageError
from portal_desktop.storage.connect import APPLICATION_ID, refuse_newer, transaction, user_version
from portal_desktop.storage.faults import storage_error
from portal_desktop.storage.schema import FIRST_SCHEMA

Migration: TypeAlias = Callable[[apsw.Connection], None]


def first_tables(connection: apsw.Connection) -> None:
    """Make everything version 1 knows."""
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    for statement in FIRST_SCHEMA:
        connection.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (first_tables,)


def migrate(connection: apsw.Connection, path: Path, steps: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a file up to date. The connection must have foreign keys off: a rebuilt table would cascade.

    The version is read again inside each transaction, so two programs that start at once do the work once.

    Raises:
        StorageError: migration_failed, or what the disk said; the file is as it was after the last whole step.
    """
    for number, step in enumerate(steps, start=1):
        try:
            with transaction(connection):
                refuse_newer(user_version(connection), len(steps))
                if user_version(connection) < number:
                    step(connection)
                    _check_references(connection, number)
                    connection.execute(f"PRAGMA user_version={number}")
        except StorageError:
            raise
        except (apsw.Error, OSError) as error:
            raise _failure(error, path, number) from error


def _check_references(connection: apsw.Connection, number: int) -> None:
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise StorageError("migration_failed", technical=f"step {number} leaves {len(broken)} rows without their owner")


def _failure(error: apsw.Error | OSError, path: Path, number: int) -> StorageError:
    known = storage_error(error, path)
    if known.name != "storage_failed":
        return known
    return StorageError("migration_failed", technical=f"step {number}: {known.technical}")
