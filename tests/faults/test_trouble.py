"""Trouble with the file: each kind has its own words, nothing is overwritten, and work goes on when it is over."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.errors import StorageError
from portal_desktop.messages import Message, Role, Status, Text, user
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.salvage import check
from tests.faults.children import Children

pytestmark = pytest.mark.integration
needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="children are forked")


async def filled(path: Path, chats: int = 10) -> None:
    database = Database(path, clock=SystemClock())
    await database.open()
    rows = Conversations(database, SystemClock())
    for number in range(chats):
        chat = await rows.create(title=f"chat {number}")
        said = await rows.add_message(chat.id, None, user(f"zebra {number} " * 20))
        await rows.add_message(chat.id, said.id, user("text " * 400))
    await database.close()


async def refusal(path: Path, *, read_only: bool = False) -> StorageError:
    with pytest.raises(StorageError) as caught:
        await Database(path, clock=SystemClock()).open(read_only=read_only)
    return caught.value


def _damages() -> dict[str, object]:
    dice = random.Random(5)
    return {
        "0 byte": lambda _: b"",
        "text": lambda _: b"This is no database. " * 500,
        "truncated": lambda raw: raw[: len(raw) // 2],
        "cut in the header": lambda raw: raw[:50],
        "zeroed header": lambda raw: bytes(100) + raw[100:],
        "random": lambda raw: dice.randbytes(len(raw)),
        "gzip": gzip.compress,
        "another program's": lambda raw: raw[:68] + b"ABCD" + raw[72:],
    }


@pytest.mark.spec("X-22")
@pytest.mark.parametrize("damage", _damages())
@pytest.mark.parametrize("read_only", [False, True])
async def test_open_of_a_damaged_file_says_so_and_changes_no_byte(path: Path, damage: str, read_only: bool) -> None:
    await filled(path)
    bad = _damages()[damage](path.read_bytes())
    path.write_bytes(bad)
    error = await refusal(path, read_only=read_only)
    assert error.name == "database_damaged"
    assert path.read_bytes() == bad
    assert [file.name for file in path.parent.iterdir()] == ["portal.db"]


@pytest.mark.spec("X-22")
async def test_open_with_a_garbage_log_keeps_the_rows(path: Path) -> None:
    await filled(path)
    path.with_name("portal.db-wal").write_bytes(random.Random(1).randbytes(50_000))
    database = Database(path, clock=SystemClock())
    await database.open()
    assert await Conversations(database, SystemClock()).count() == 10
    await database.close()


async def test_open_of_a_log_without_its_file_makes_no_new_one_over_it(path: Path) -> None:
    path.parent.mkdir()
    wal = path.with_name("portal.db-wal")
    wal.write_bytes(b"x" * 5000)
    assert (await refusal(path)).name == "database_damaged"
    assert wal.read_bytes() == b"x" * 5000
    assert not path.exists()


async def test_backup_taken_while_rows_lie_in_the_log_has_them_and_a_bare_copy_has_not(path: Path) -> None:
    await filled(path)
    database = Database(path, clock=SystemClock())
    await database.open()
    await Conversations(database, SystemClock()).create(title="in the log")
    shutil.copyfile(path, path.with_name("bare.db"))
    made = await Backups(database, path.parent / "backups", SystemClock()).now()
    await database.close()
    counts = []
    for copy in (made.path, path.with_name("bare.db")):
        connection = sqlite3.connect(copy)
        counts.append(connection.execute("SELECT count(*) FROM conversations").fetchone()[0])
        connection.close()
    assert counts == [11, 10]


@needs_fork
@pytest.mark.spec("X-22", "X-19")
async def test_write_while_another_program_holds_the_file_ends_in_words_and_the_loop_goes_on(
    children: Children, path: Path
) -> None:
    await filled(path, 1)
    database = Database(path, clock=SystemClock())
    await database.open()
    chats = Conversations(database, SystemClock())
    child = children.start("hold_the_lock", path, 6)
    child.wait_for(1)
    worst, last, started = 0.0, time.perf_counter(), time.perf_counter()

    async def tick() -> None:
        nonlocal worst, last
        while True:
            await asyncio.sleep(0.005)
            worst, last = max(worst, time.perf_counter() - last), time.perf_counter()

    ticking = asyncio.create_task(tick())
    outcomes = await asyncio.gather(chats.create(), chats.create(), chats.list(), return_exceptions=True)
    waited = time.perf_counter() - started
    ticking.cancel()
    assert [outcome.name for outcome in outcomes[:2]] == ["database_locked", "database_locked"]
    assert len(outcomes[2]) == 1
    assert 4 < waited < 6.5
    assert worst < 1
    child.wait()
    await chats.create()
    assert await chats.count() == 2
    await database.close()


@needs_fork
async def test_write_waits_for_a_lock_that_is_given_back(children: Children, path: Path) -> None:
    await filled(path, 1)
    database = Database(path, clock=SystemClock())
    await database.open()
    child = children.start("hold_the_lock", path, 0.5)
    child.wait_for(1)
    await Conversations(database, SystemClock()).create()
    child.wait()
    await database.close()


@pytest.mark.spec("X-22")
async def test_disk_full_while_an_answer_grows_keeps_it_until_there_is_room(path: Path) -> None:
    await filled(path, 1)
    database = Database(path, clock=SystemClock())
    await database.open()
    chats = Conversations(database, SystemClock())
    chat = await chats.create()
    answer = await chats.add_message(chat.id, None, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
    await chats.update_answer(answer.id, (Text("start"),))
    pages = await database.maintain(lambda c: c.execute("PRAGMA page_count").fetchall()[0][0])
    await database.maintain(lambda c: c.execute(f"PRAGMA max_page_count={pages + 3}").fetchall())
    text, saved, error = "start", "start", None
    while error is None and len(text) < 500_000:
        text += "more " * 1000
        error = await _try(chats, answer.id, text)
        saved = text if error is None else saved
    assert error is not None
    assert error.name == "disk_full"
    assert "kept" in error.advice
    assert (await chats.message(answer.id)).message.text == saved
    assert len(await chats.list()) == 2
    await database.maintain(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchall())
    await chats.update_answer(answer.id, (Text(text),))
    assert (await chats.message(answer.id)).message.text == text
    await chats.update_answer(answer.id, (Text(text),), status=Status.COMPLETE)
    await database.close()
    assert check(path) == ()


async def _try(chats: Conversations, answer: int, text: str) -> StorageError | None:
    try:
        await chats.update_answer(answer, (Text(text),))
    except StorageError as error:
        return error
    return None


@needs_fork
@pytest.mark.spec("X-22")
async def test_file_size_limit_is_a_full_disk_too(children: Children, path: Path) -> None:
    await filled(path, 1)
    failed, state, whole = children.start("meet_a_file_size_limit", path, 1_000_000).wait()
    assert failed[0] == "disk_full"
    assert state == [True, True, 2]
    assert whole is True
    assert check(path) == ()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder any user may enter; pytest's own belongs to this user alone."""
    folder = Path(tempfile.mkdtemp(prefix="portal-"))
    folder.chmod(0o755)
    yield folder
    for inside in (folder, *folder.rglob("*")):
        inside.chmod(0o755)
    shutil.rmtree(folder)


@needs_fork
@pytest.mark.spec("X-22")
@pytest.mark.parametrize("log_left", [False, True], ids=["closed", "log left behind"])
async def test_read_only_folder_says_so_and_can_be_read(children: Children, open_folder: Path, log_left: bool) -> None:
    path = open_folder / "home" / "portal.db"
    await filled(path, 3)
    if log_left:
        writer = apsw.Connection(str(path))
        writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        writer.execute("UPDATE conversations SET draft = 'x'")
        writer.close()
    for file in path.parent.iterdir():
        file.chmod(0o444)
    path.parent.chmod(0o555)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    refused, titles, hits, write = children.start("look_as_nobody", path).wait()
    assert refused[0] == "database_read_only"
    assert str(path.parent) in refused[1]
    assert titles == ["chat 2", "chat 1", "chat 0"]
    assert hits == 3
    assert write == "database_read_only"
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.spec("X-22")
async def test_four_troubles_have_four_texts(path: Path) -> None:
    await filled(path, 1)
    errors = [
        StorageError("disk_full"),
        StorageError("database_read_only", folder=str(path.parent)),
        StorageError("database_locked"),
        StorageError("database_damaged"),
    ]
    assert len({error.title for error in errors}) == len({error.advice for error in errors}) == 4


@pytest.mark.spec("X-22")
async def test_salvage_of_a_file_with_zeroed_pages_saves_the_other_rows_and_counts_them(path: Path) -> None:
    await filled(path, 120)
    raw = bytearray(path.read_bytes())
    connection = apsw.Connection(str(path))
    pages = connection.execute(
        "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' ORDER BY pageno"
    ).fetchall()
    connection.close()
    for (page,) in pages[10:35:5]:
        raw[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(raw)
    backups = Backups(Database(path, clock=SystemClock()), path.parent / "backups", SystemClock())
    assert await backups.problems()
    saved = await backups.salvage(path.with_name("saved.jsonl"))
    assert saved.rows["conversations"] == 120
    assert 200 < saved.rows["messages"] < 240
    assert saved.incomplete == ("messages",)
    assert len(saved.path.read_text().splitlines()) == sum(saved.rows.values())
    assert path.read_bytes() == bytes(raw)
    with pytest.raises(StorageError):
        await backups.salvage(saved.path)


async def mutated(folder: Path, path: Path, count: int, seed: int) -> None:
    dice, raw = random.Random(seed), path.read_bytes()
    folder.mkdir()
    for number in range(count):
        copy = bytearray(raw)
        kind = dice.random()
        for _ in range(dice.choice((1, 3, 20))):
            if kind < 0.5:
                copy[dice.randrange(len(copy))] = dice.randrange(256)
            elif kind < 0.7:
                copy[dice.randrange(100)] = dice.randrange(256)
            else:
                page = dice.randrange(1, len(copy) // 4096) * 4096
                copy[page : page + 4096] = bytes(4096) if kind < 0.85 else dice.randbytes(4096)
        (folder / f"{number:05}.db").write_bytes(copy)


@needs_fork
@pytest.mark.spec("X-22")
async def test_forty_mutated_files_neither_crash_nor_hang(children: Children, tmp_path: Path, path: Path) -> None:
    await filled(path, 30)
    await mutated(tmp_path / "mutated", path, 40, 1)
    outcomes = children.start("use_damaged_files", tmp_path / "mutated").wait(50)
    assert len(outcomes) == 40
    assert set(outcomes) <= {
        "worked",
        "database_damaged",
        "bad_record",
        "storage_failed",
        "database_newer",
        "migration_failed",
        "not_found",
    }
    assert "database_damaged" in outcomes


@needs_fork
@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_two_thousand_mutated_files_neither_crash_nor_hang(
    children: Children, tmp_path: Path, path: Path
) -> None:
    await filled(path, 30)
    await mutated(tmp_path / "mutated", path, 2000, 2)
    assert len(children.start("use_damaged_files", tmp_path / "mutated").wait(3000)) == 2000


@pytest.mark.spec("S-01")
async def test_use_leaves_no_other_file_than_database_log_and_backups(path: Path) -> None:
    made = set()
    sys.addaudithook(lambda event, args: made.add(args[0]) if event == "open" and _writes(args) and watching else None)
    watching = True
    database = Database(path, clock=SystemClock())
    await database.open()
    rows = Conversations(database, SystemClock())
    chat = await rows.create()
    await rows.add_message(chat.id, None, user("x"))
    await Backups(database, path.parent / "backups", SystemClock()).now()
    during = {str(file.relative_to(path.parent)) for file in path.parent.rglob("*")}
    await database.close()
    watching = False
    assert {name.partition("/")[0] for name in during} == {"portal.db", "portal.db-wal", "portal.db-shm", "backups"}
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["portal.db"]
    assert all(str(name).startswith(str(path.parent)) for name in made if isinstance(name, str | os.PathLike))


def _writes(args: tuple[object, ...]) -> bool:
    flags = args[2] if len(args) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
