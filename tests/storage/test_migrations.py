"""Numbered migrations: complete or not at all, behind a verified copy; a newer file is not even touched."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.errors import StorageError
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.copies import Reason, Verdict
from portal_desktop.storage.database import Database
from portal_desktop.storage.migrations import MIGRATIONS
from tests.support.clock import FakeClock

FIXTURES = sorted((Path(__file__).parent.parent / "databases").glob("v*.db"))

SECOND = (
    "CREATE TABLE extra (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
    "INSERT INTO extra (text) SELECT title FROM conversations",
    "ALTER TABLE conversations ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
    "UPDATE conversations SET colour = 'red'",
    "DROP TABLE turns",
    "DELETE FROM settings",
)


def second(connection: apsw.Connection) -> None:
    for statement in SECOND:
        connection.execute(statement)


async def whole(database: Database) -> None:
    def check(connection: apsw.Connection) -> tuple[object, ...]:
        return (
            connection.execute("PRAGMA integrity_check").fetchall()[0][0],
            connection.execute("PRAGMA foreign_key_check").fetchall(),
            connection.execute("PRAGMA user_version").fetchall()[0][0],
        )

    assert await database.read(check) == ("ok", [], len(database._migrations))


@pytest.mark.spec("T-05")
async def test_open_in_an_empty_folder_makes_every_table(database: Database) -> None:
    await whole(database)
    tables = await database.read(lambda connection: connection.execute("SELECT name FROM sqlite_schema").fetchall())
    assert {"conversations", "messages", "tasks", "settings", "events", "audit_log", "turns"} <= {
        row[0] for row in tables
    }


@pytest.mark.spec("T-05", "R-34")
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.stem)
async def test_open_of_every_older_fixture_brings_it_up_to_date_with_its_rows(
    fixture: Path, path: Path, clock: FakeClock
) -> None:
    path.parent.mkdir()
    shutil.copyfile(fixture, path)
    database = Database(path, clock=clock)
    await database.open()
    await whole(database)
    chats = Conversations(database, clock)
    listed = await chats.list()
    assert [chat.title for chat in listed] == ["Fixture chat"]
    assert [message.message.text for message in await chats.path(listed[0].id)] == [
        "What is a zebra?",
        "A striped horse.",
    ]
    assert len(await chats.search("striped")) == 1
    await database.close()


def test_there_is_a_fixture_of_every_version() -> None:
    assert [fixture.stem for fixture in FIXTURES] == [f"v{number}" for number in range(1, len(MIGRATIONS) + 1)]


@pytest.mark.spec("T-05")
async def test_migration_makes_a_verified_copy_first(path: Path, clock: FakeClock) -> None:
    old = Database(path, clock=clock)
    await old.open()
    await Conversations(old, clock).create(title="kept")
    await old.close()
    new = Database(path, clock=clock, migrations=(*MIGRATIONS, second))
    await new.open()
    await whole(new)
    assert await new.read(lambda c: c.execute("SELECT text, colour FROM extra, conversations").fetchall()) == [
        ("kept", "red")
    ]
    copies = await Backups(new, path.parent / "backups", clock).list()
    assert [(copy.reason, copy.verdict, copy.chats, copy.version) for copy in copies] == [
        (Reason.MIGRATION, Verdict.VERIFIED, 1, len(MIGRATIONS))
    ]
    await new.close()


@pytest.mark.spec("T-05")
@pytest.mark.parametrize("wanted", range(len(SECOND)))
async def test_migration_that_fails_at_any_statement_leaves_the_old_file_usable(
    path: Path, clock: FakeClock, wanted: int
) -> None:
    old = Database(path, clock=clock)
    await old.open()
    await Conversations(old, clock).create(title="kept")
    await old.close()

    def failing(connection: apsw.Connection) -> None:
        for number, statement in enumerate(SECOND):
            if number == wanted:
                connection.execute("SELECT no_such_function()")
            connection.execute(statement)

    with pytest.raises(StorageError) as caught:
        await Database(path, clock=clock, migrations=(*MIGRATIONS, failing)).open()
    assert caught.value.name == "migration_failed"
    assert "old file is unchanged" in caught.value.advice
    await old.open()
    await whole(old)
    assert [chat.title for chat in await Conversations(old, clock).list()] == ["kept"]
    await Conversations(old, clock).create(title="usable")
    await old.close()


@pytest.mark.spec("T-05")
async def test_migration_that_leaves_rows_without_their_owner_is_undone(path: Path, clock: FakeClock) -> None:
    old = Database(path, clock=clock)
    await old.open()
    await old.close()

    def careless(connection: apsw.Connection) -> None:
        connection.execute(
            "INSERT INTO events (owner_id, conversation_id, kind, payload, at) VALUES ('local', 99, 'x', '{}', 'now')"
        )

    with pytest.raises(StorageError, match="without their owner"):
        await Database(path, clock=clock, migrations=(*MIGRATIONS, careless)).open()
    await old.open()
    await whole(old)
    await old.close()


@pytest.mark.spec("T-05")
async def test_migration_without_room_for_the_copy_does_not_begin(path: Path, clock: FakeClock) -> None:
    old = Database(path, clock=clock)
    await old.open()
    await old.close()
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught:
        await Database(path, clock=clock, migrations=(*MIGRATIONS, second), free=lambda _: 10).open()
    assert caught.value.name == "disk_full"
    assert path.read_bytes() == before


@pytest.mark.spec("R-34")
@pytest.mark.parametrize("by", [1, 10])
@pytest.mark.parametrize("read_only", [False, True])
async def test_open_of_a_newer_file_names_both_versions_and_changes_no_byte(
    path: Path, clock: FakeClock, by: int, read_only: bool
) -> None:
    database = Database(path, clock=clock)
    await database.open()
    await database.close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {len(MIGRATIONS) + by}")
    other.close()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(StorageError) as caught:
        await database.open(read_only=read_only)
    assert caught.value.name == "database_newer"
    assert f"reads version {len(MIGRATIONS)}, the file has {len(MIGRATIONS) + by}" in caught.value.advice
    assert {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()} == before


@pytest.mark.spec("R-34")
async def test_open_of_a_file_whose_log_is_newer_is_refused_and_loses_nothing(path: Path, clock: FakeClock) -> None:
    database = Database(path, clock=clock)
    await database.open()
    newer = apsw.Connection(str(path))
    newer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    shutil.copyfile(path.with_name("portal.db-wal"), path.with_name("copy.db-wal"))
    newer.close()
    await database.close()
    before = copy.read_bytes(), path.with_name("copy.db-wal").read_bytes()
    with pytest.raises(StorageError) as caught:
        await Database(copy, clock=clock).open()
    assert caught.value.name == "database_newer"
    assert (copy.read_bytes(), path.with_name("copy.db-wal").read_bytes()) == before


async def test_two_programs_that_start_at_once_make_one_file(path: Path) -> None:
    import asyncio

    databases = [Database(path, clock=SystemClock()) for _ in range(6)]
    await asyncio.gather(*(database.open() for database in databases))
    for number, database in enumerate(databases):
        await Conversations(database, SystemClock()).create(title=str(number))
    assert len(await Conversations(databases[0], SystemClock()).list()) == 6
    for database in databases:
        await database.close()
    assert [file.name for file in path.parent.iterdir()] == ["portal.db"]


async def test_two_programs_that_migrate_at_once_do_it_once(path: Path) -> None:
    import asyncio

    old = Database(path, clock=SystemClock())
    await old.open()
    await old.close()
    databases = [Database(path, clock=SystemClock(), migrations=(*MIGRATIONS, second)) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))
    await whole(databases[3])
    for database in databases:
        await database.close()
