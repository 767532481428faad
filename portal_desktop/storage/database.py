"""The database as the rest of the package uses it: awaitable writes on one thread, reads on a few others."""

from __future__ import annotations

import asyncio
import queue
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw
import apsw.ext

from portal_desktop.clock import Clock
from portal_desktop.errors import StorageError
from portal_desktop.log import get_logger
from portal_desktop.storage import connect as files
from portal_desktop.storage.faults import storage_error
from portal_desktop.storage.migrations import MIGRATIONS, Migration
from portal_desktop.storage.preparation import free_bytes, prepare
from portal_desktop.storage.process import process_token
from portal_desktop.storage.space import compact, size_by_kind

T = TypeVar("T")

SLOW_SECONDS = 0.1
CHECK_EVERY_STEPS = 50_000
SHORTEST_WAIT_SECONDS = 0.2

log = get_logger("storage")


class Database:
    """One file, one writer thread, `readers` reading threads; usable from any running asyncio loop.

    `backups` is the folder for the copy made before a migration. `connector` opens a connection (a test hands in one
    with its own file layer); with no readers, reads run on the writer thread. `observe` is told of every statement
    and its seconds, on the thread that ran it. `free` tells the room on a folder's disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        readers: int = 2,
        backups: Path | None = None,
        migrations: Sequence[Migration] = MIGRATIONS,
        connector: Callable[[Path], apsw.Connection] | None = None,
        observe: Callable[[str, float], None] | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.path = path
        self.read_only = False
        self.vectors = False
        self.process = ""
        self._clock = clock
        self._readers = readers
        self._backups = backups or path.parent / "backups"
        self._migrations = migrations
        self._connector = connector
        self._observe = observe
        self._free = free
        self._write_thread: ThreadPoolExecutor | None = None
        self._read_threads: ThreadPoolExecutor | None = None
        self._writer: apsw.Connection | None = None
        self._pool: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        self._running: set[_Read[Any]] = set()

    @property
    def is_open(self) -> bool:
        """Whether reads are possible now."""
        return self._read_threads is not None

    async def open(self, *, read_only: bool = False) -> None:
        """Open the file, making or migrating it first; `read_only` changes nothing on the disk.

        Raises:
            StorageError: database_newer, database_damaged, database_locked, database_read_only, disk_full,
                backup_failed or migration_failed. Nothing was overwritten then.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="storage-writer")
        try:
            await asyncio.wrap_future(thread.submit(self._open, read_only))
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self.read_only = read_only
        self.process = f"{process_token()}:{uuid.uuid4().hex[:8]}"
        self._write_thread = thread
        if self._readers or read_only:
            self._read_threads = ThreadPoolExecutor(max(self._readers, 1), thread_name_prefix="storage-reader")
        else:
            self._read_threads = thread

    async def close(self) -> None:
        """Fold the write-ahead log into the file, close every connection, end the threads; twice is harmless."""
        thread, readers = self._write_thread, self._read_threads
        if thread is None or readers is None:
            return
        self._write_thread = self._read_threads = None
        if readers is not thread:
            for job in tuple(self._running):
                job.cancel()
            readers.shutdown(wait=True)
        try:
            await asyncio.wrap_future(thread.submit(self._close))
        finally:
            thread.shutdown(wait=True)

    async def write(self, change: Callable[[apsw.Connection], T]) -> T:
        """Run `change` on the writer thread in one transaction; when this returns, it is on the disk.

        An exception of `change` undoes all of it and comes out here. Cancelling while it waits drops it; once begun
        it is carried through.

        Raises:
            StorageError: the write did not happen; the name says why.
        """
        if self.read_only:
            raise StorageError("database_read_only", technical="opened read-only", folder=str(self.path.parent))
        asked = self._clock.monotonic()
        return await asyncio.wrap_future(self._thread(self._write_thread).submit(self._change, change, asked))

    async def read(self, query: Callable[[apsw.Connection], T]) -> T:
        """Run `query` on a reading thread; all its statements see one moment. Cancelling interrupts it.

        Raises:
            StorageError: the file cannot be read.
        """
        job = _Read(query)
        future = self._thread(self._read_threads).submit(self._query, job)
        self._running.add(job)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            job.cancel()
            raise
        finally:
            self._running.discard(job)

    async def data_version(self) -> int:
        """Return a number that changes when another process wrote to the file; own writes leave it alone."""
        return await asyncio.wrap_future(self._thread(self._write_thread).submit(self._data_version))

    async def maintain(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` on the writer thread outside a transaction: compacting, restoring, checkpoints.

        Raises:
            StorageError: it failed.
        """
        return await asyncio.wrap_future(self._thread(self._write_thread).submit(self._work, work))

    async def size_by_kind(self) -> dict[str, int]:
        """Return the bytes of chats, search, tasks, tool results, audit, settings and the rest, and what is free."""
        return await self.read(size_by_kind)

    async def compact(self) -> None:
        """Give free room back to the disk.

        Raises:
            StorageError: disk_full or database_locked; the file is as it was.
        """
        await self.maintain(compact)

    @staticmethod
    def _thread(thread: ThreadPoolExecutor | None) -> ThreadPoolExecutor:
        if thread is None:
            raise StorageError("storage_failed", technical="the database is not open")
        return thread

    def _open(self, read_only: bool) -> None:
        try:
            if read_only:
                self._open_to_read()
            else:
                self._open_to_write()
        except (apsw.Error, OSError, UnicodeDecodeError) as error:
            raise storage_error(error, self.path) from error

    def _open_to_write(self) -> None:
        if self._connector is None:
            prepare(self.path, self._backups, self._clock, self._migrations, free=self._free)
        self._writer = self._connect()
        self._writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        for _ in range(self._readers):
            reader = self._connect()
            reader.execute("PRAGMA query_only=ON")
            self._pool.put(reader)
        if not self._readers:
            self._pool.put(self._writer)

    def _open_to_read(self) -> None:
        header = files.read_header(self.path)
        if header is None:
            raise StorageError("storage_failed", technical=f"{self.path.name} does not exist")
        files.check_header(header, self.path, len(self._migrations))
        for _ in range(max(self._readers, 1)):
            reader = files.connect_to_read(self.path)
            files.refuse_newer(files.user_version(reader), len(self._migrations))
            self._watch(reader)
            self._pool.put(reader)

    def _connect(self) -> apsw.Connection:
        if self._connector is not None:
            connection = self._connector(self.path)
        else:
            library = files.vector_library()
            connection = files.connect(self.path, vectors=library)
            self.vectors = library is not None
            if connection.readonly("main"):
                connection.close()
                raise StorageError("database_read_only", folder=str(self.path.parent))
        self._watch(connection)
        return connection

    def _watch(self, connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._statement_ended)

    def _statement_ended(self, event: dict[str, object]) -> None:
        seconds = int(str(event["nanoseconds"])) / 1e9
        sql = str(event["sql"])
        if self._observe is not None and not event.get("trigger"):
            self._observe(sql, seconds)
        if seconds > SLOW_SECONDS and not event.get("trigger"):
            log.info(
                "Slow statement",
                milliseconds=round(seconds * 1000),
                sql=" ".join(sql.split()),
                plan=self._plan(sql),
            )

    def _plan(self, sql: str) -> str:
        """Ask a connection of its own: the one that ran the statement is still inside it."""
        if not sql.lstrip().upper().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            return "no plan"
        try:
            with closing(files.connect_to_read(self.path)) as connection:
                plan = apsw.ext.query_info(connection, sql, explain_query_plan=True).query_plan
        except (apsw.Error, OSError) as error:
            return f"no plan: {type(error).__name__}"
        return _flatten(plan)

    def _close(self) -> None:
        while not self._pool.empty():
            connection = self._pool.get()
            if connection is not self._writer:
                connection.close()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            _release_answers(writer, self.process)
            writer.set_busy_timeout(0)
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            writer.close()
        except apsw.Error as error:
            log.info("Closed without folding the write-ahead log", error=type(error).__name__)
            writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            writer.close(force=True)

    def _change(self, change: Callable[[apsw.Connection], T], asked: float) -> T:
        writer = self._its_writer()
        waited = self._clock.monotonic() - asked
        try:
            writer.set_busy_timeout(int(max(files.BUSY_SECONDS - waited, SHORTEST_WAIT_SECONDS) * 1000))
            with files.transaction(writer):
                return change(writer)
        except (apsw.Error, OSError, UnicodeDecodeError) as error:
            raise storage_error(error, self.path) from error

    def _query(self, job: _Read[T]) -> T:
        connection = self._pool.get()
        try:
            return job.run(connection)
        except (apsw.Error, OSError, UnicodeDecodeError) as error:
            raise storage_error(error, self.path) from error
        finally:
            self._pool.put(connection)

    def _data_version(self) -> int:
        try:
            return files.number(self._its_writer(), "PRAGMA data_version")
        except apsw.Error as error:
            raise storage_error(error, self.path) from error

    def _work(self, work: Callable[[apsw.Connection], T]) -> T:
        try:
            return work(self._its_writer())
        except (apsw.Error, OSError, UnicodeDecodeError) as error:
            raise storage_error(error, self.path) from error

    def _its_writer(self) -> apsw.Connection:
        if self._writer is None:
            raise StorageError("database_read_only", technical="opened read-only", folder=str(self.path.parent))
        return self._writer


class _Read(Generic[T]):
    """One query on its way: which connection runs it now, and whether anybody still wants it."""

    def __init__(self, query: Callable[[apsw.Connection], T]) -> None:
        self._query = query
        self._lock = threading.Lock()
        self._cancelled = False
        self._connection: apsw.Connection | None = None

    def run(self, connection: apsw.Connection) -> T:
        with self._lock:
            self._connection = connection
        connection.set_progress_handler(lambda: self._cancelled, CHECK_EVERY_STEPS)
        try:
            with files.transaction(connection, "DEFERRED"):
                return self._query(connection)
        finally:
            with self._lock:
                self._connection = None
            connection.set_progress_handler(None)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._connection is not None:
                self._connection.interrupt()


def _release_answers(connection: apsw.Connection, process: str) -> None:
    """Nobody goes on with an answer whose database was closed: leave it to the next `recover`."""
    with files.transaction(connection):
        connection.execute("UPDATE messages SET process = '' WHERE status = 'streaming' AND process = ?", (process,))


def _flatten(plan: apsw.ext.QueryPlan | None) -> str:
    if plan is None:
        return "no plan"
    below = [_flatten(part) for part in plan.sub or ()]
    return "; ".join(text for text in (plan.detail, *below) if text)
