"""A real to-do list in a real file, at a clock that stands still in Berlin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal_desktop.events import Bus
from portal_desktop.storage.database import Database
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook
from tests.support.clock import FakeClock
from tests.support.todo import BERLIN, clock, database

__all__ = ["clock", "database"]


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
