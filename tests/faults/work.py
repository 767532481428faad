"""What the children do: real work of the storage, reported only after it has been acknowledged."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import apsw

from portal_desktop.clock import SystemClock
from portal_desktop.errors import PortalError, StorageError
from portal_desktop.messages import Message, Role, Status, Text, user
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.migrations import MIGRATIONS, Migration
from portal_desktop.storage.salvage import salvage
from portal_desktop.storage.search import check_indexes
from portal_desktop.storage.tasks import NewTask, TaskChange, TaskRows

Report = Callable[[object], None]

SECOND = (
    "CREATE TABLE extra (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
    "INSERT INTO extra (text) SELECT title FROM conversations",
    "ALTER TABLE conversations ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
    "UPDATE conversations SET colour = 'red'",
    "DELETE FROM settings",
)


def _run(
    path: str, work: Callable[[Database], Awaitable[None]], *, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    async def whole() -> None:
        database = Database(Path(path), clock=SystemClock(), migrations=migrations)
        await database.open()
        try:
            await work(database)
        finally:
            await database.close()

    asyncio.run(whole())


def everything(report: Report, path: str, seed: int) -> None:
    """Chats, growing answers, tasks, checkpoints, until killed."""
    dice = random.Random(seed)

    async def work(database: Database) -> None:
        chats, tasks = Conversations(database, SystemClock()), TaskRows(database, SystemClock())
        while True:
            chat = await chats.create(title=f"chat {seed}")
            parent = None
            for _ in range(dice.randint(1, 4)):
                text = f"word{seed} " * dice.randint(2, 4000)
                parent = (await chats.add_message(chat.id, parent, user(text))).id
                report(["message", parent, len(text), zlib.crc32(text.encode())])
                answer = await chats.add_message(chat.id, parent, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
                await _grow(report, chats, answer.id, dice)
                parent = answer.id
            task = await tasks.insert(NewTask(f"task {seed}"), batch=str(seed), actor="user")
            report(["task", task.id, 0])
            await tasks.apply([TaskChange(task.id, {"completed": True})], batch=str(seed), actor="user")
            report(["task", task.id, 1])
            if dice.random() < 0.3:
                await database.maintain(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    _run(path, work)


async def _grow(report: Report, chats: Conversations, answer: int, dice: random.Random) -> None:
    text = ""
    for _ in range(dice.randint(1, 5)):
        text += f"{dice.random()} " * dice.randint(1, 200)
        await chats.update_answer(answer, (Text(text),))
        report(["answer", answer, len(text), zlib.crc32(text.encode())])
    await chats.update_answer(answer, (Text(text),), status=Status.COMPLETE)
    report(["message", answer, len(text), zlib.crc32(text.encode())])


def one_message(report: Report, path: str, statement: int) -> None:
    """Add a message, grow and end an answer, dying before the n-th statement."""

    async def work(database: Database) -> None:
        chats = Conversations(database, SystemClock())
        chat = (await chats.list())[0]
        count = 0

        def die(_cursor: object, _sql: str, _bindings: object) -> bool:
            nonlocal count
            count += 1
            if count == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            return True

        await database.maintain(lambda connection: connection.set_exec_trace(die))
        said = await chats.add_message(chat.id, chat.leaf_id, user("said"))
        report(["message", said.id])
        answer = await chats.add_message(chat.id, said.id, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
        await chats.update_answer(answer.id, (Text("grown"),))
        await chats.update_answer(answer.id, (Text("grown and done"),), status=Status.COMPLETE)
        report(["answer", answer.id])

    _run(path, work)


def migrate(report: Report, path: str, statement: int) -> None:
    """Open with one more migration, dying before its n-th statement or right after its last."""

    def second(connection: apsw.Connection) -> None:
        for number, sql in enumerate((*SECOND, "SELECT 1")):
            if number == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            connection.execute(sql)

    async def work(database: Database) -> None:
        report(database.path.name)

    _run(path, work, migrations=(*MIGRATIONS, second))


def stream_and_wait(report: Report, path: str) -> None:
    """Let an answer grow and stay alive with it."""

    async def work(database: Database) -> None:
        chats = Conversations(database, SystemClock())
        chat = await chats.create()
        answer = await chats.add_message(chat.id, None, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
        await chats.update_answer(answer.id, (Text("half"),))
        report(answer.id)
        await asyncio.sleep(60)

    _run(path, work)


def hold_the_lock(report: Report, path: str, seconds: float) -> None:
    """Hold the write lock for a while, as a foreign program does."""
    connection = apsw.Connection(path)
    connection.execute("BEGIN IMMEDIATE")
    report("held")
    time.sleep(seconds)
    connection.execute("ROLLBACK")
    connection.close()


def write_many(report: Report, path: str, name: str, count: int) -> None:
    """Write a number of messages beside other programs."""

    async def work(database: Database) -> None:
        chats = Conversations(database, SystemClock())
        chat = await chats.create(title=name)
        for number in range(count):
            await chats.add_message(chat.id, None, user(f"{name} {number}"))
            report(number)

    _run(path, work)


def meet_a_file_size_limit(report: Report, path: str, limit: int) -> None:
    """Let an answer grow into a limit on the size of files, read on, and save it when the limit is lifted."""

    async def work(database: Database) -> None:
        chats = Conversations(database, SystemClock())
        chat = await chats.create()
        answer = await chats.add_message(chat.id, None, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        text, saved = "", ""
        for number in range(4000):
            text += f"{number} " * 500
            try:
                await chats.update_answer(answer.id, (Text(text),))
            except StorageError as error:
                report([error.name, error.technical])
                break
            saved = text
        held = (await chats.message(answer.id)).message.text
        report([held == saved, bool(saved), len(await chats.list())])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await chats.update_answer(answer.id, (Text(text),), status=Status.COMPLETE)
        report((await chats.message(answer.id)).message.text == text)

    _run(path, work)


def look_as_nobody(report: Report, path: str) -> None:
    """As a user who may write nothing: what opening says, and what can be read all the same."""
    with tempfile.TemporaryDirectory() as folder:
        write_many(lambda _: None, f"{folder}/portal.db", "everything is imported now", 1)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    async def work() -> None:
        database = Database(Path(path), clock=SystemClock())
        try:
            await database.open()
        except StorageError as error:
            report([error.name, error.title])
        await database.open(read_only=True)
        chats = Conversations(database, SystemClock())
        report([chat.title for chat in await chats.list()])
        report(len(await chats.search("zebra")))
        try:
            await chats.create()
        except StorageError as error:
            report(error.name)
        await database.close()

    asyncio.run(work())


def use_damaged_files(report: Report, folder: str) -> None:
    """Do a bit of everything on each damaged file; only our own errors may come out."""

    async def work(path: Path) -> str:
        database = Database(path, clock=SystemClock())
        try:
            await database.open()
        except StorageError as error:
            return error.name
        outcome = "worked"
        chats, tasks = Conversations(database, SystemClock()), TaskRows(database, SystemClock())
        try:
            for chat in await chats.list():
                await chats.path(chat.id)
            await chats.search("zebra")
            chat = await chats.create(title="new")
            await chats.add_message(chat.id, None, user("zebra"))
            await tasks.insert(NewTask("t"), batch="b", actor="user")
            await chats.recover()
            await database.write(check_indexes)
        except PortalError as error:
            outcome = error.name
        await database.close()
        with suppress(StorageError):
            await Backups(database, path.parent / f"{path.name}-backups", SystemClock()).now()
        with suppress(StorageError):
            salvage(path, path.with_suffix(".jsonl"))
        return outcome

    for path in sorted(Path(folder).glob("*.db")):
        report(asyncio.run(work(path)))


def restore_again_and_again(report: Report, path: str, first: int) -> None:
    """Restore the two backups in turn until killed."""

    async def work(database: Database) -> None:
        backups = Backups(database, Path(path).parent / "backups", SystemClock())
        two = [backup for backup in await backups.list() if backup.reason == "manual"][:2]
        while True:
            for backup in (two[first], two[1 - first]):
                report(["begin", backup.chats])
                await backups.restore(backup)
                report(["end", backup.chats])

    _run(path, work)
