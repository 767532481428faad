"""One writer, many readers: durable, parallel, interruptible, and plain about what is in the way."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import apsw
import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.errors import StorageError
from portal_desktop.log import ROOT
from portal_desktop.storage.database import Database
from tests.support.clock import FakeClock

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
LONG = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT ?) SELECT count(*) FROM n"


def put(key: str) -> object:
    def change(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO settings VALUES ('local', ?, '1', 'now')", (key,))

    return change


def count(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM settings").fetchall()[0][0])


def pragma(name: str) -> object:
    return lambda connection: connection.execute(f"PRAGMA {name}").fetchall()[0][0]


@pytest.mark.spec("X-19")
async def test_connection_every_one_has_wal_full_and_foreign_keys(database: Database) -> None:
    for ask in (database.read, database.maintain):
        assert await ask(pragma("journal_mode")) == "wal"
        assert await ask(pragma("synchronous")) == 2
        assert await ask(pragma("foreign_keys")) == 1


@pytest.mark.spec("X-19")
async def test_fifty_writers_and_readers_at_once_lose_no_row_and_meet_no_lock(database: Database) -> None:
    seen: list[int] = []

    async def work(number: int) -> None:
        for turn in range(4):
            await database.write(put(f"{number}-{turn}"))
            seen.append(await database.read(count))

    await asyncio.gather(*(work(number) for number in range(50)))
    assert await database.read(count) == 200
    assert all(one >= 1 for one in seen)


@pytest.mark.spec("X-19")
async def test_read_cancelled_is_interrupted_within_a_second(path: Path, clock: FakeClock) -> None:
    database = Database(path, clock=clock, readers=1)
    await database.open()
    running = asyncio.create_task(database.read(lambda connection: connection.execute(ENDLESS).fetchall()))
    await asyncio.sleep(0.2)
    running.cancel()
    started = time.perf_counter()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await database.read(count) == 0
    assert time.perf_counter() - started < 1
    await database.close()


@pytest.mark.spec("X-19")
async def test_statement_over_100_ms_is_logged_with_its_plan(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, f"{ROOT}.storage")
    await database.read(lambda connection: connection.execute("SELECT id FROM settings").fetchall())
    assert not caplog.records
    await database.read(lambda connection: connection.execute(LONG, (1_500_000,)).fetchall())
    said = [record.__dict__["fields"] for record in caplog.records]
    assert any("SELECT count(*) FROM n" in fields["sql"] and "SCAN n" in fields["plan"] for fields in said)


async def test_write_does_not_hold_the_loop_while_it_works(database: Database) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await database.write(lambda _: time.sleep(0.3))
    ticking.cancel()
    assert ticks >= 10


async def test_write_that_raises_leaves_nothing_behind(database: Database) -> None:
    def change(connection: apsw.Connection) -> None:
        put("half")(connection)
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        await database.write(change)
    assert await database.read(count) == 0


async def test_write_cancelled_after_it_began_is_carried_through(database: Database) -> None:
    begun = threading.Event()

    def change(connection: apsw.Connection) -> None:
        begun.set()
        time.sleep(0.1)
        put("kept")(connection)

    running = asyncio.create_task(database.write(change))
    await asyncio.to_thread(begun.wait)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await database.write(put("next"))
    assert await database.read(count) == 2


async def test_read_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError):
        await database.read(put("never"))
    assert await database.read(count) == 0


async def test_data_version_another_connection_wrote_it_changes(database: Database, path: Path) -> None:
    before = await database.data_version()
    await database.write(put("own"))
    assert await database.data_version() == before
    with apsw.Connection(str(path)) as other:
        put("foreign")(other)
    other.close()
    assert await database.data_version() != before


async def test_database_opened_again_after_close_still_has_its_rows(path: Path) -> None:
    database = Database(path, clock=SystemClock())
    for number in range(3):
        await database.open()
        await database.write(put(str(number)))
        await database.close()
        await database.close()
    await database.open()
    assert await database.read(count) == 3
    await database.close()
    assert [file.name for file in path.parent.iterdir()] == ["portal.db"]


async def test_use_before_open_says_so(path: Path, clock: FakeClock) -> None:
    database = Database(path, clock=clock)
    with pytest.raises(StorageError, match="not open"):
        await database.read(count)
    with pytest.raises(StorageError, match="not open"):
        await database.write(put("x"))


def test_database_used_from_two_loops_one_after_the_other_works(path: Path) -> None:
    database = Database(path, clock=SystemClock())
    asyncio.run(database.open())
    asyncio.run(database.write(put("a")))
    assert asyncio.run(database.read(count)) == 1
    asyncio.run(database.close())


async def test_vectors_are_there_without_importing_the_package(database: Database) -> None:
    assert database.vectors
    found = await database.read(lambda connection: connection.execute("SELECT vec_length('[1, 2, 3]')").fetchall())
    assert found == [(3,)]


async def test_observer_hears_every_statement(path: Path, clock: FakeClock) -> None:
    heard: list[str] = []
    database = Database(path, clock=clock, observe=lambda sql, _: heard.append(sql))
    await database.open()
    heard.clear()
    await database.read(count)
    await database.close()
    assert "SELECT count(*) FROM settings" in heard
