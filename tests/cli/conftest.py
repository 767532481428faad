"""Output into memory, and a to-do list over a real file."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.cli.output import Output
from portal_desktop.storage.database import Database
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook
from tests.support.clock import FakeClock


class Screen:
    """What a command printed."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.output = Output(self.out, self.err, as_json=as_json, as_events=as_json)

    @property
    def text(self) -> str:
        return self.out.getvalue()

    @property
    def asides(self) -> str:
        return self.err.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def document(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def json_screen() -> Screen:
    return Screen(as_json=True)


@pytest.fixture
def screens() -> Callable[..., Screen]:
    return Screen


@pytest.fixture
async def database(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Database]:
    database = Database(tmp_path / "portal.db", clock=fake_clock)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def book(database: Database, fake_clock: FakeClock) -> TaskBook:
    return TaskBook(TaskRows(database, fake_clock), fake_clock, lambda: UTC)
