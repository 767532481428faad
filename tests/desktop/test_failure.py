"""A database that cannot be opened: the window says why in plain words, changes nothing, and opens once it can."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from pathlib import Path

import apsw
import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Message, Role, Source, Status, Text
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook, TaskDraft
from tests.support.seat import sitting

pytestmark = pytest.mark.integration


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    whole = file.read_bytes()
    file.write_bytes(b"no database" * 1000)
    yield
    assert file.read_bytes() == b"no database" * 1000
    file.write_bytes(whole)


@contextmanager
def newer(file: Path) -> Iterator[None]:
    whole = file.read_bytes()
    file.write_bytes(whole[:60] + struct.pack(">I", 9999) + whole[64:])
    yield
    assert file.read_bytes() == whole[:60] + struct.pack(">I", 9999) + whole[64:]
    file.write_bytes(whole)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    connection = apsw.Connection(str(file))
    connection.execute(
        "PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; UPDATE tasks SET title = title; COMMIT"
    ).fetchall()
    yield
    connection.close()


@contextmanager
def read_only(file: Path) -> Iterator[None]:
    file.chmod(0o400)
    file.parent.chmod(0o500)
    try:
        if os.access(file, os.W_OK):
            pytest.skip("modes do not bind this user")
        yield
    finally:
        file.parent.chmod(0o700)
        file.chmod(0o600)


AGAIN, LOOK, COPY, QUIT = "Try again", "Open read-only", "Save a copy", "Quit"

FAULTS = [
    pytest.param(damaged, "The database is damaged", ["Restore", COPY, AGAIN, QUIT], id="damaged"),
    pytest.param(newer, "The database was made by a newer version", [QUIT], id="newer"),
    pytest.param(locked, "Another program holds the database", [AGAIN, QUIT], id="locked", marks=pytest.mark.slow),
    pytest.param(
        read_only,
        "cannot be written",
        [AGAIN, LOOK, QUIT],
        id="read-only",
        marks=pytest.mark.skipif(sys.platform == "win32", reason="folders have no mode there"),
    ),
]


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A home with one task and two chats in its database, and a backup of it."""
    folder = tmp_path / "home"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "instance.lock").touch()
    clock = SystemClock()
    database = Database(folder / "data" / "portal.db", clock=clock)
    await database.open()
    await TaskBook(TaskRows(database, clock), clock, lambda: UTC).add(TaskDraft("still here"))
    chats = Conversations(database, clock)
    for title in ("Rain", "Snow"):
        chat = await chats.create(title=title)
        words = Message(Role.USER, (Text(f"{title}: äöü 🌧 \r\n\ttext"),))
        await chats.add_message(chat.id, None, words, status=Status.COMPLETE, source=Source.WINDOW)
    await Backups(database, folder / "data" / "backups", clock).now()
    await database.close()
    return folder


def texts(file: Path) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT c.title, m.id, m.role, CAST(m.parts AS BLOB) FROM messages m "
        "JOIN conversations c ON c.id = m.conversation_id ORDER BY m.id"
    ).fetchall()
    connection.close()
    return rows


@pytest.mark.spec("X-22")
@pytest.mark.parametrize(("fault", "title", "choices"), FAULTS)
async def test_start_with_a_faulty_database_says_why_and_opens_once_it_is_well(
    home: Path, fault: Callable[[Path], ExitStack], title: str, choices: list[str]
) -> None:
    with ExitStack() as faults:
        faults.enter_context(fault(home / "data" / "portal.db"))
        async with sitting(home) as seat:
            await seat.until(lambda state: state["failed"] == 1)
            labels = seat.state["labels"]
            assert any(title in label for label in labels)
            assert all("Traceback" not in label and "apsw" not in label for label in labels)
            assert [button.partition(" the last")[0] for button in seat.state["buttons"]] == choices
            if LOOK in choices:
                await seat.say("press", LOOK)
                await seat.until(lambda state: sorted(state.get("chats", ())) == ["Rain", "Snow"])
                await seat.say("quit")
                assert (await seat.left())["code"] == 0
            elif AGAIN in choices:
                await seat.say("press", AGAIN)
                await seat.until(lambda state: state["failed"] == 2)
                faults.close()
                await seat.say("press", AGAIN)
                await seat.until(lambda state: state["tasks"] == ["still here"])
                await seat.say("quit")
                assert (await seat.left())["code"] == 0


@pytest.mark.spec("X-22")
async def test_damaged_database_is_restored_from_the_last_backup_and_kept_beside_it(home: Path) -> None:
    file = home / "data" / "portal.db"
    before = texts(file)
    assert len(before) == 2
    damage = file.read_bytes()[:50] + b"no database" * 1000
    file.write_bytes(damage)
    async with sitting(home) as seat:
        await seat.until(lambda state: state["failed"])
        restore = seat.state["buttons"][0]
        assert restore.startswith("Restore the last verified backup\n(")
        assert restore.endswith(", 2 chats)")
        await seat.say("press", restore)
        await seat.until(lambda state: sorted(state.get("chats", ())) == ["Rain", "Snow"])
        assert seat.state["tasks"] == ["still here"]
        await seat.say("quit")
        assert (await seat.left())["code"] == 0
    assert texts(file) == before
    assert [kept.read_bytes() for kept in file.parent.glob("portal.db.damaged-*Z")] == [damage]


@pytest.mark.spec("X-22")
async def test_damaged_database_without_a_whole_backup_offers_none_and_can_be_copied(
    home: Path, tmp_path: Path
) -> None:
    file = home / "data" / "portal.db"
    for backup in (home / "data" / "backups").glob("*.db"):
        backup.chmod(0o600)
        backup.write_bytes(backup.read_bytes()[:-4096] + bytes(4096))
    with damaged(file):
        async with sitting(home) as seat:
            await seat.until(lambda state: state["failed"])
            assert seat.state["buttons"] == [COPY, AGAIN, QUIT]
            assert any("no verified backup" in label for label in seat.state["labels"])
            await seat.say("press", COPY)
            await seat.until(lambda state: state["asks_file"])
            await seat.say("file", str(tmp_path / "copy.db"))
            await seat.until(lambda state: "copy.db" in state["toast"])
            assert (tmp_path / "copy.db").read_bytes() == file.read_bytes()
            await seat.say("press", QUIT)
            assert (await seat.left())["code"] == 0


@pytest.mark.spec("X-22")
@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files there")
async def test_full_disk_at_the_start_can_be_opened_read_only_and_nothing_is_written(home: Path) -> None:
    import resource

    file = home / "data" / "portal.db"
    before = file.read_bytes()
    async with sitting(home) as seat:
        resource.prlimit(seat.process.pid, resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
        await seat.until(lambda state: state["failed"])
        assert any("The disk is full" in label for label in seat.state["labels"])
        assert seat.state["buttons"] == [AGAIN, LOOK, QUIT]
        await seat.say("press", LOOK)
        await seat.until(lambda state: sorted(state.get("chats", ())) == ["Rain", "Snow"])
        assert any("Opened read-only" in notice for notice in seat.state["notices"])
        assert not seat.state["writable"]
        await seat.say("chat", "1")
        await seat.until(lambda state: any(text.startswith("Rain: äöü") for text in state["texts"]))
        assert not seat.state["error"]
        await seat.say("add", "never stored")
        await seat.until(lambda state: "cannot be written" in state["error"])
        await seat.say("quit")
        assert (await seat.left())["code"] == 0
    assert file.read_bytes() == before


async def test_start_with_a_faulty_database_can_be_quit(home: Path) -> None:
    with damaged(home / "data" / "portal.db"):
        async with sitting(home) as seat:
            await seat.until(lambda state: "Quit" in state["buttons"])
            await seat.say("press", "Quit")
            assert (await seat.left())["code"] == 0
