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
    if os.geteuid() == 0:
        pytest.skip("nothing is read-only for root")
    file.chmod(0o400)
    file.parent.chmod(0o500)
    yield
    file.parent.chmod(0o700)
    file.chmod(0o600)


FAULTS = [
    pytest.param(damaged, "The database is damaged", id="damaged"),
    pytest.param(newer, "The database was made by a newer version", id="newer"),
    pytest.param(locked, "Another program holds the database", id="locked", marks=pytest.mark.slow),
    pytest.param(
        read_only,
        "cannot be written",
        id="read-only",
        marks=pytest.mark.skipif(sys.platform == "win32", reason="folders have no mode there"),
    ),
]


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A home with one task in its database."""
    folder = tmp_path / "home"
    (folder / "data").mkdir(parents=True)
    database = Database(folder / "data" / "portal.db", clock=SystemClock())
    await database.open()
    await TaskBook(TaskRows(database, SystemClock()), SystemClock(), lambda: UTC).add(TaskDraft("still here"))
    await database.close()
    return folder


@pytest.mark.parametrize(("fault", "title"), FAULTS)
async def test_start_with_a_faulty_database_says_why_and_opens_once_it_is_well(
    home: Path, fault: Callable[[Path], ExitStack], title: str
) -> None:
    with ExitStack() as faults:
        faults.enter_context(fault(home / "data" / "portal.db"))
        async with sitting(home) as seat:
            await seat.until(lambda state: state["failed"] == 1)
            labels = seat.state["labels"]
            assert any(title in label for label in labels)
            assert all("Traceback" not in label and "apsw" not in label for label in labels)
            assert "Quit" in seat.state["buttons"]
            await seat.say("press", "Try again")
            await seat.until(lambda state: state["failed"] == 2)
            faults.close()
            await seat.say("press", "Try again")
            await seat.until(lambda state: state["tasks"] == ["still here"])
            await seat.say("quit")
            assert (await seat.left())["code"] == 0


async def test_start_with_a_faulty_database_can_be_quit(home: Path) -> None:
    with damaged(home / "data" / "portal.db"):
        async with sitting(home) as seat:
            await seat.until(lambda state: "Quit" in state["buttons"])
            await seat.say("press", "Quit")
            assert (await seat.left())["code"] == 0
