"""A real database file at a clock that stands still, for the tests of the to-do list and of its tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.storage.database import Database
from tests.support.clock import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def clock() -> FakeClock:
    """Wednesday 18 November 2026, 10:00 in Berlin."""
    return FakeClock(datetime(2026, 11, 18, 9, 0, tzinfo=UTC))


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    todo = Database(tmp_path / "todo.db", clock=clock)
    await todo.open()
    yield todo
    await todo.close()
