"""Backups: made, verified, thinned out, restored. A damaged file is put aside, never deleted."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias, TypeVar

import apsw

from portal_desktop.clock import Clock, from_iso
from portal_desktop.errors import StorageError
from portal_desktop.storage import connect as files
from portal_desktop.storage.connect import select
from portal_desktop.storage.copies import (
    PREFIX,
    Backup,
    Reason,
    Verdict,
    count_rows,
    describe_unknown,
    digest_of,
    make_copy,
    read_description,
    remove_copy,
    verify_file,
)
from portal_desktop.storage.database import Database
from portal_desktop.storage.faults import storage_error
from portal_desktop.storage.migrations import MIGRATIONS, Migration
from portal_desktop.storage.preparation import bring_up_to_date, free_bytes
from portal_desktop.storage.process import unfinished_name
from portal_desktop.storage.salvage import Salvaged, check, salvage

T = TypeVar("T")
Copies: TypeAlias = list[Backup]

DUE_HOURS = 24
LATE_HOURS = 48
SAFETY = frozenset({Reason.MIGRATION, Reason.UPDATE, Reason.RESTORE})


@dataclass(frozen=True, slots=True)
class Keep:
    """How many copies rotation leaves: one per day, one per ISO week, and those made before something risky."""

    daily: int = 7
    weekly: int = 4
    safety: int = 3


@dataclass(frozen=True, slots=True)
class BackupState:
    """What Settings and doctor say: the last verified copy, whether one is due, whether it is late (over 48 h)."""

    last: Backup | None
    due: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What a restore would change: rows per table now and in the copy; None where the present file is unreadable."""

    now: dict[str, int] | None
    then: dict[str, int]


class Backups:
    """The copies of one database in one folder. The database may be closed, or too damaged to open."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        clock: Clock,
        *,
        keep: Callable[[], Keep] = Keep,
        free: Callable[[Path], int] = free_bytes,
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._keep = keep
        self._free = free
        self._migrations = migrations

    async def now(self, reason: Reason = Reason.MANUAL) -> Backup:
        """Make a verified copy and thin out the old ones.

        Raises:
            StorageError: disk_full, backup_failed or what the file said; the older copies are all kept then.
        """

        def work() -> Backup:
            made = make_copy(self._database.path, self._folder, self._clock, reason, free=self._free)
            for old in superfluous(self._list(), self._keep()):
                remove_copy(old.path)
            return made

        return await self._apart(work)

    async def list(self) -> Copies:
        """Return the copies, newest first, by what is written beside them."""
        return await self._apart(self._list)

    async def state(self) -> BackupState:
        """Return whether all is well; without a copy the age of the oldest chat decides whether it is late."""
        good = [backup for backup in await self.list() if backup.verdict is Verdict.VERIFIED]
        if good:
            age = self._clock.now() - good[0].created
            return BackupState(good[0], due=age >= timedelta(hours=DUE_HOURS), late=age > timedelta(hours=LATE_HOURS))
        oldest = await self._database.read(
            lambda connection: select(connection, "SELECT min(created_at) FROM conversations")[0][0]
        )
        late = oldest is not None and self._clock.now() - from_iso(oldest) > timedelta(hours=LATE_HOURS)
        return BackupState(None, due=True, late=late)

    async def verify(self, backup: Backup) -> Backup:
        """Return the copy with a fresh verdict: its bytes, the integrity check and the row counts."""
        return await self._apart(lambda: _verified(backup))

    async def difference(self, backup: Backup) -> Difference:
        """Return what a restore would change."""

        def work() -> Difference:
            try:
                with closing(files.connect_to_read(self._database.path)) as connection:
                    return Difference(count_rows(connection), dict(backup.counts))
            except (apsw.Error, OSError, UnicodeDecodeError):
                return Difference(None, dict(backup.counts))

        return await self._apart(work)

    async def restore(self, backup: Backup) -> Path | None:
        """Put a copy in the place of the present state, which is kept first; restart afterwards.

        A readable present state becomes a backup of its own, and the copy is then written into the file as one
        transaction, which other programs that have it open survive. A damaged file is moved aside under a name of
        its own, which is returned.

        Raises:
            StorageError: backup_failed when the copy itself is bad, else what stood in the way. The present state is
                then still in force.
        """
        fresh = await self.verify(backup)
        if fresh.verdict is not Verdict.VERIFIED:
            raise StorageError("backup_failed", technical=f"{backup.path.name} is not what was written")
        prepared = await self._apart(lambda: self._prepare(backup))
        try:
            if await self._apart(self._keep_present):
                if self._database.is_open and not self._database.read_only:
                    await self._database.maintain(lambda writer: _write_into(writer, prepared))
                else:
                    await self._apart(lambda: self._write_into_closed(prepared))
                return None
            await self._database.close()
            return await self._apart(lambda: self._replace(prepared))
        finally:
            await self._apart(lambda: files.remove(prepared))

    async def problems(self) -> tuple[str, ...]:
        """Return what SQLite's own check finds in the present file; empty when it is whole.

        Raises:
            StorageError: the file cannot be read at all.
        """
        return await self._apart(lambda: check(self._database.path))

    async def salvage(self, target: Path) -> Salvaged:
        """Write every readable row of a damaged file to `target`; the file is not touched.

        Raises:
            StorageError: database_damaged when there is nothing to be read, or `target` exists.
        """
        return await self._apart(lambda: salvage(self._database.path, target))

    def _list(self) -> Copies:
        found = [read_description(path) or describe_unknown(path) for path in self._folder.glob(f"{PREFIX}*.db")]
        return sorted((backup for backup in found if backup), key=lambda backup: backup.created, reverse=True)

    def _prepare(self, backup: Backup) -> Path:
        """Copy the backup beside the database and bring it up to date there."""
        prepared = unfinished_name(self._database.path)
        prepared.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._free(prepared.parent) < 2 * backup.size:
            raise StorageError("disk_full", technical=f"a restore needs {2 * backup.size} bytes")
        try:
            shutil.copyfile(backup.path, prepared)
            bring_up_to_date(prepared, self._migrations)
            verify_file(prepared)
        except BaseException:
            files.remove(prepared)
            raise
        return prepared

    def _keep_present(self) -> bool:
        """Back the present state up; False when there is none or it is too damaged for that."""
        if not self._database.path.exists():
            return False
        try:
            make_copy(self._database.path, self._folder, self._clock, Reason.RESTORE, free=self._free)
        except StorageError as error:
            if error.name in {"database_damaged", "backup_failed"}:
                return False
            raise
        return True

    def _write_into_closed(self, prepared: Path) -> None:
        with closing(files.connect(self._database.path)) as writer:
            _write_into(writer, prepared)

    def _replace(self, prepared: Path) -> Path | None:
        """Rename: the logs go first, so that they can never be applied to a file they do not belong to."""
        path = self._database.path
        with prepared.open("rb+") as file:
            os.fsync(file.fileno())
        aside = _free_name(path.with_name(f"{path.name}.damaged-{self._clock.now():%Y%m%dT%H%M%SZ}"))
        present = path.exists()
        for name_of in (files.wal_of, files.journal_of):
            if name_of(path).exists():
                name_of(path).rename(name_of(aside))
        files.shm_of(path).unlink(missing_ok=True)
        if present:
            _second_name(path, aside)
        files.sync_folder(path.parent)
        prepared.replace(path)
        files.sync_folder(path.parent)
        return aside if present else None

    async def _apart(self, work: Callable[[], T]) -> T:
        """Run in a thread of its own: neither the writer nor a reader waits for a long copy."""

        def guarded() -> T:
            try:
                return work()
            except (apsw.Error, OSError, UnicodeDecodeError) as error:
                raise storage_error(error, self._database.path) from error

        thread = ThreadPoolExecutor(1, thread_name_prefix="storage-backup")
        try:
            return await asyncio.wrap_future(thread.submit(guarded))
        finally:
            thread.shutdown(wait=False)


def superfluous(backups: Iterable[Backup], keep: Keep) -> list[Backup]:
    """Return the copies rotation removes.

    The newest of a day or week stands for it; those made on demand are kept as often as daily ones, however many
    there are of one day; broken ones stand for nothing and stay to be looked at.
    """
    newest_first = sorted(backups, key=lambda backup: backup.created, reverse=True)
    good = [backup for backup in newest_first if backup.verdict is not Verdict.FAILED]
    kept = {backup.path for backup in [one for one in good if one.reason in SAFETY][: keep.safety]}
    kept.update([backup.path for backup in good if backup.reason is Reason.MANUAL][: keep.daily])
    days: dict[object, Path] = {}
    weeks: dict[object, Path] = {}
    for backup in good:
        if backup.reason is Reason.DAILY:
            days.setdefault(backup.created.date(), backup.path)
        if backup.reason not in SAFETY:
            weeks.setdefault(backup.created.isocalendar()[:2], backup.path)
    kept.update(list(days.values())[: keep.daily])
    kept.update(list(weeks.values())[: keep.weekly])
    return [backup for backup in good if backup.path not in kept]


def _verified(backup: Backup) -> Backup:
    try:
        if backup.digest and digest_of(backup.path) != backup.digest:
            return replace(backup, verdict=Verdict.FAILED)
        verify_file(backup.path, backup.counts or None)
    except (StorageError, OSError):
        return replace(backup, verdict=Verdict.FAILED)
    return replace(backup, verdict=Verdict.VERIFIED)


def _write_into(writer: apsw.Connection, prepared: Path) -> None:
    """Write a whole file over the open one; until the last page is in, every reader sees the old state."""
    source = files.connect_read_only(prepared, immutable=True)
    with closing(source), writer.backup("main", source, "main") as backup:
        backup.step(-1)
    writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _free_name(path: Path) -> Path:
    """Return the name, with a number behind it where a file or the log of one already has it."""
    number, name = 1, path
    while any(one.exists() for one in (name, files.wal_of(name), files.journal_of(name))):
        number += 1
        name = path.with_name(f"{path.name}-{number}")
    return name


def _second_name(path: Path, aside: Path) -> None:
    try:
        os.link(path, aside)
    except OSError:
        shutil.copyfile(path, aside)
