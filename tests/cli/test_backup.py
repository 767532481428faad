"""`portal backup` over a real database and real copies."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.cli import backup
from portal_desktop.cli.exits import Exit
from portal_desktop.errors import InvalidInput
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.database import Database
from portal_desktop.tasks import TaskBook, TaskDraft, TaskQuery
from tests.cli.conftest import Screen
from tests.support.clock import FakeClock

Run = Callable[..., Any]


@pytest.fixture
def run(database: Database, tmp_path: Path, fake_clock: FakeClock) -> Run:
    parser = argparse.ArgumentParser()
    backup.add_options(parser)
    backups = Backups(database, tmp_path / "backups", fake_clock)

    async def command(*words: str, code: Exit = Exit.COMPLETE) -> Screen:
        screen = Screen(as_json="--json" in words)
        assert await backup.run(parser.parse_args(words), screen.output, backups=backups) is code
        return screen

    return command


async def test_backup_made_listed_and_restored_brings_the_state_back(run: Run, book: TaskBook) -> None:
    assert "No backup" in (await run("list")).asides
    await book.add(TaskDraft("before"))
    (made,) = (await run("now", "--json")).document
    assert (made["verdict"], made["chats"]) == ("verified", 0)
    await book.add(TaskDraft("after"))
    assert made["name"] in (await run("list")).text
    planned = await run("restore", "last", code=Exit.USAGE)
    assert "Would restore" in planned.asides
    assert len((await book.list(TaskQuery())).tasks) == 2
    done = (await run("restore", made["name"], "--yes", "--json")).document
    assert done == {"restored": made["name"], "kept": None}
    assert [task.title for task in (await book.list(TaskQuery())).tasks] == ["before"]
    assert len((await run("list", "--json")).document) == 2


async def test_backup_of_an_unknown_name_is_an_error(run: Run) -> None:
    with pytest.raises(InvalidInput) as caught:
        await run("restore", "nothing", "--yes")
    assert caught.value.name == "not_found"
