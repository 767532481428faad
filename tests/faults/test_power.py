"""The power goes at any write: with FULL nothing acknowledged is lost; the same disk does lose it with NORMAL."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from portal_desktop.errors import StorageError
from portal_desktop.messages import Message, Role, Status, Text, user
from portal_desktop.storage import connect as files
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.migrations import MIGRATIONS
from portal_desktop.storage.preparation import create
from portal_desktop.storage.tasks import NewTask, TaskRows
from tests.faults.disk import Disk, DiskFile, PowerCutError
from tests.support.clock import FakeClock

pytestmark = pytest.mark.integration

NAMES = itertools.count()
Acknowledged = list[tuple[int, int, int]]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("empty") / "portal.db"
    create(path, MIGRATIONS)
    return path.read_bytes()


def database_on(disk: Disk, synchronous: str = "FULL", checkpoint_pages: int = 30) -> Database:
    def connect(path: Path) -> apsw.Connection:
        connection = apsw.Connection(path.name, vfs=disk.name)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
        files.set_up(connection)
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}").fetchall()
        return connection

    return Database(Path("portal.db"), clock=FakeClock(), readers=0, connector=connect)


async def work(database: Database, acknowledged: Acknowledged, dice: random.Random, turns: int = 10) -> None:
    """Some turns of a chat; what is acknowledged is written down the moment the call returns."""
    clock = FakeClock()
    chats, tasks = Conversations(database, clock), TaskRows(database, clock)
    chat = await chats.create(title="chat")
    parent = None
    for _ in range(turns):
        text = f"{dice.random()} " * dice.randint(1, 300)
        parent = (await chats.add_message(chat.id, parent, user(text))).id
        acknowledged.append((parent, len(text), zlib.crc32(text.encode())))
        answer = await chats.add_message(chat.id, parent, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
        parent, text = answer.id, ""
        for status in (None, None, Status.COMPLETE):
            text += f"{dice.random()} " * dice.randint(1, 100)
            await chats.update_answer(parent, (Text(text),), status=status)
            acknowledged.append((parent, len(text), zlib.crc32(text.encode())))
        await tasks.insert(NewTask("task"), batch="b", actor="user")


async def lost_after_cut(empty: bytes, folder: Path, seed: int, synchronous: str) -> int:
    """Cut the power at a random step; return how much acknowledged text is gone. The file must be whole."""
    dice = random.Random(seed)
    left = dice.randint(0, 260)

    def step(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise PowerCutError

    disk = Disk(f"disk-{next(NAMES)}")
    disk.files["portal.db"] = DiskFile(empty)
    database, acknowledged = database_on(disk, synchronous), []
    await database.open()
    disk.step = step
    with suppress(StorageError):
        await work(database, acknowledged, dice)
    path = folder / f"{seed}" / "portal.db"
    path.parent.mkdir()
    disk.save(path, dice)
    await database.close()
    disk.unregister()
    return await _lost(path, acknowledged)


async def _lost(path: Path, acknowledged: Acknowledged) -> int:
    database = Database(path, clock=FakeClock(), readers=1)
    await database.open()
    assert await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
    chats, lost = Conversations(database, FakeClock()), 0
    found = {message.id: message.message.text for chat in await chats.list() for message in await chats.tree(chat.id)}
    for number, length, checksum in acknowledged:
        lost += zlib.crc32(found.get(number, "")[:length].encode()) != checksum
    await database.close()
    return lost


@pytest.mark.spec("X-19")
@pytest.mark.timeout(120)
async def test_300_power_cuts_with_full_lose_nothing(empty: bytes, tmp_path: Path) -> None:
    assert sum([await lost_after_cut(empty, tmp_path, seed, "FULL") for seed in range(300)]) == 0


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_5000_power_cuts_with_full_lose_nothing(empty: bytes, tmp_path: Path) -> None:
    assert sum([await lost_after_cut(empty, tmp_path, seed, "FULL") for seed in range(5000)]) == 0


async def test_power_cuts_with_normal_do_lose_something_so_the_disk_can_tell(empty: bytes, tmp_path: Path) -> None:
    assert sum([await lost_after_cut(empty, tmp_path, seed, "NORMAL") for seed in range(40)]) > 0


CODES = (apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_FULL)


@pytest.mark.spec("X-22")
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("code", CODES, ids=["write", "sync", "full"])
async def test_error_at_every_seventh_step_is_ours_and_the_file_stays_whole(
    empty: bytes, tmp_path: Path, code: int, for_ever: bool
) -> None:
    place, failed = CODES.index(code) + 3 * for_ever, True
    while failed:
        failed = await _fail_at(empty, tmp_path / f"{place}", place, code, for_ever=for_ever)
        place += 7
    assert place > 40


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("code", CODES, ids=["write", "sync", "full"])
async def test_error_at_each_step_is_ours_and_the_file_stays_whole(
    empty: bytes, tmp_path: Path, code: int, for_ever: bool
) -> None:
    place, failed = 0, True
    while failed:
        failed = await _fail_at(empty, tmp_path / f"{place}", place, code, for_ever=for_ever)
        place += 1
    assert place > 40


async def _outcome(working: Coroutine[object, object, None]) -> str:
    try:
        await working
    except StorageError as error:
        return error.name
    return ""


async def _fail_at(empty: bytes, folder: Path, place: int, code: int, *, for_ever: bool) -> bool:
    steps, failed = 0, False

    def step(_: str) -> None:
        nonlocal steps, failed
        steps += 1
        if steps == place + 1 or (for_ever and steps > place):
            failed = True
            raise apsw.exception_for(code)

    disk = Disk(f"disk-{next(NAMES)}")
    disk.files["portal.db"] = DiskFile(empty)
    database, acknowledged = database_on(disk, checkpoint_pages=8), []
    await database.open()
    disk.step = step
    expected = "storage_failed" if code == apsw.SQLITE_IOERR_FSYNC else "disk_full"
    assert await _outcome(work(database, acknowledged, random.Random(1), turns=1)) in {"", expected}
    disk.step = lambda _: None
    chats = Conversations(database, FakeClock())
    again = await chats.create(title="after")
    assert await chats.get(again.id) == again
    await database.close()
    folder.mkdir()
    for name, file in disk.files.items():
        (folder / name).write_bytes(file.seen)
    disk.unregister()
    assert await _lost(folder / "portal.db", acknowledged) == 0
    return failed
