"""A real to-do list in a real file, at a clock that stands still in Berlin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.events import Bus
from portal_desktop.storage.database import Database
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook
from tests.support.clock import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def clock() -> FakeClock:
    """Wednesday 18 November 2026, 10:00 in Berlin."""
    return FakeClock(datetime(2026, 11, 18, 9, 0, tzinfo=UTC))


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    database = Database(tmp_path / "portal.db", clock=clock)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def bus(clock: FakeClock) -> Bus:
    return Bus(clock, history=1000)


@pytest.fixture
def book_of(database: Database, clock: FakeClock, bus: Bus) -> Callable[[str], TaskBook]:
    def make(owner: str) -> TaskBook:
        return TaskBook(TaskRows(database, clock, owner), clock, lambda: BERLIN, bus=bus)

    return make


@pytest.fixture
def book(book_of: Callable[[str], TaskBook]) -> TaskBook:
    return book_of("local")
