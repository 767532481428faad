"""Fixtures of the storage tests: real files, real threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "portal.db"


@pytest.fixture
async def database(path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    database = Database(path, clock=clock)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def chats(database: Database, clock: FakeClock) -> Conversations:
    return Conversations(database, clock)
