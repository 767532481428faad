"""`portal tasks` over the real list: what each verb does, and that the rules are those of the window and the tools."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.cli import tasks
from portal_desktop.errors import InvalidInput, ToolError
from portal_desktop.storage.database import Database
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook, TaskDraft
from portal_desktop.tools.base import ToolContext
from portal_desktop.tools.tasks import task_tools
from tests.cli.conftest import Screen
from tests.support.clock import FakeClock

Run = Callable[..., Any]


@pytest.fixture
def run(book: TaskBook) -> Run:
    parser = argparse.ArgumentParser()
    tasks.add_options(parser)

    async def command(*words: str, language: str = "en") -> Screen:
        screen = Screen(as_json="--json" in words)
        assert await tasks.run(parser.parse_args(words), screen.output, book=book, language=language) == 0
        return screen

    return command


@pytest.mark.spec("X-75")
async def test_tasks_by_command_are_added_listed_done_edited_removed_and_put_back(run: Run) -> None:
    added = (await run("add", "pay rent tomorrow 9am #home !high", "--json")).document
    assert added == {
        "id": 1,
        "title": "pay rent",
        "description": "",
        "completed": False,
        "priority": "high",
        "due": "2026-11-22T09:00",
        "due_zone": added["due_zone"],
        "tags": ["home"],
        "recurrence": "",
        "created_at": "2026-11-21T09:30:00.000000Z",
        "updated_at": "2026-11-21T09:30:00.000000Z",
        "completed_at": None,
        "version": added["version"],
    }
    await run("add", "buy milk")
    assert [task["title"] for task in (await run("list", "--json")).document] == ["buy milk", "pay rent"]
    assert (await run("done", "1", "--json")).document[0]["completed"] is True
    assert [task["id"] for task in (await run("list", "--status", "pending", "--json")).document] == [2]
    edited = (
        await run("edit", "2", "--title", "buy oat milk", "--due", "2026-12-01", "--tag", "shop", "--json")
    ).document
    assert (edited["title"], edited["due"], edited["tags"]) == ("buy oat milk", "2026-12-01", ["shop"])
    assert (await run("edit", "2", "--due", "none", "--json")).document["due"] is None
    await run("rm", "1", "2")
    assert (await run("list", "--json")).document == []
    assert (await run("undo", "--json")).document[0]["title"] == "buy oat milk"
    assert len((await run("list", "--json")).document) == 1


async def test_tasks_for_people_are_lines(run: Run) -> None:
    assert (await run("add", "buy milk tomorrow #shop")).text == "Added 1: buy milk  2026-11-22  #shop\n"
    assert (await run("list")).text == "[ ]  1  buy milk  2026-11-22    #shop\n"
    assert (await run("done", "1")).text == "Completed 1: buy milk\n"
    assert (await run("undo")).text == "Put back 1: buy milk\n"
    assert (await run("rm", "1")).text == "Deleted 1: buy milk\n"
    empty = await run("list")
    assert (empty.text, "portal tasks add" in empty.asides) == ("", True)


async def test_tasks_added_plainly_or_in_german_are_read_accordingly(run: Run) -> None:
    plain = (await run("add", "call mum tomorrow #home", "--plain", "--json")).document
    assert (plain["title"], plain["due"], plain["tags"]) == ("call mum tomorrow #home", None, [])
    german = (await run("add", "Miete zahlen morgen", "--json", language="de")).document
    assert (german["title"], german["due"]) == ("Miete zahlen", "2026-11-22")


async def test_tasks_added_with_options_prefer_them_to_the_words(run: Run) -> None:
    task = (
        await run("add", "buy milk tomorrow !low", "--due", "2026-12-24", "--priority", "high", "--tag", "x", "--json")
    ).document
    assert (task["due"], task["priority"], task["tags"]) == ("2026-12-24", "high", ["x"])


@pytest.mark.spec("X-75")
@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("add", "   "), "title"),
        (("add", "x" * 201, "--plain"), "title"),
        (("add", "x", "--description", "y" * 1001), "description"),
        (("add", "x", "--due", "someday maybe"), "due"),
        (("list", "--limit", "0"), "limit"),
        (("edit", "1", "--title", ""), "title"),
        (("edit", "1"), "changes"),
    ],
)
async def test_tasks_that_break_a_rule_are_refused_by_the_rules_of_the_list(
    words: tuple[str, ...], field: str, run: Run
) -> None:
    await run("add", "first")
    with pytest.raises(InvalidInput) as caught:
        await run(*words)
    assert caught.value.values["field"] == field
    assert len((await run("list", "--json")).document) == 1


@pytest.mark.parametrize("words", [("done", "9"), ("rm", "9"), ("edit", "9", "--title", "x")])
async def test_tasks_that_are_not_there_are_an_error(words: tuple[str, ...], run: Run) -> None:
    with pytest.raises(InvalidInput):
        await run(*words)


PARITY: list[tuple[str, dict[str, object], tuple[str, ...]]] = [
    ("add_task", {"title": "buy milk"}, ("add", "buy milk", "--plain")),
    ("add_task", {"title": "  "}, ("add", "  ", "--plain")),
    ("add_task", {"title": "x" * 201}, ("add", "x" * 201, "--plain")),
    ("add_task", {"title": "a", "due_date": "tomorrow 9am"}, ("add", "a", "--plain", "--due", "tomorrow 9am")),
    ("add_task", {"title": "a", "due_date": "someday"}, ("add", "a", "--plain", "--due", "someday")),
    ("add_task", {"title": "a", "repeat": "every monday"}, ("add", "a", "--plain", "--repeat", "every monday")),
    ("add_task", {"title": "a", "repeat": "often"}, ("add", "a", "--plain", "--repeat", "often")),
    ("add_task", {"title": "a", "priority": "high", "tags": ["x"]}, ("add", "a", "--priority", "high", "--tag", "x")),
    ("add_task", {"title": "a", "description": "y" * 1001}, ("add", "a", "--description", "y" * 1001)),
    ("update_task", {"task_id": 1, "title": "b"}, ("edit", "1", "--title", "b")),
    ("update_task", {"task_id": 1, "due_date": None}, ("edit", "1", "--due", "none")),
    ("update_task", {"task_id": 9, "title": "b"}, ("edit", "9", "--title", "b")),
    ("complete_task", {"task_id": 1}, ("done", "1")),
    ("complete_task", {"task_id": 9}, ("done", "9")),
    ("delete_task", {"task_id": 1}, ("rm", "1")),
    ("delete_task", {"task_id": 9}, ("rm", "9")),
]


@pytest.mark.spec("X-75")
@pytest.mark.parametrize(("name", "arguments", "words"), PARITY)
async def test_tasks_by_tool_and_by_command_become_the_same(
    name: str, arguments: dict[str, object], words: tuple[str, ...], tmp_path: Path, fake_clock: FakeClock
) -> None:
    async def by_tool(book: TaskBook) -> None:
        tool = next(tool for tool in task_tools(book) if tool.name == name)
        await tool.run(arguments, ToolContext())

    async def by_command(book: TaskBook) -> None:
        parser = argparse.ArgumentParser()
        tasks.add_options(parser)
        await tasks.run(parser.parse_args(words), Screen().output, book=book, language="en")

    outcomes = []
    for number, act in enumerate((by_tool, by_command)):
        database = Database(tmp_path / f"{number}.db", clock=fake_clock)
        await database.open()
        book = TaskBook(TaskRows(database, fake_clock), fake_clock, lambda: UTC)
        await book.add(TaskDraft("first", due="2026-12-24"))
        refused = False
        try:
            await act(book)
        except (InvalidInput, ToolError):
            refused = True
        outcomes.append((refused, [tasks.task_fields(task) for task in (await book.list()).tasks]))
        await database.close()
    assert outcomes[0] == outcomes[1]


async def test_undo_without_a_change_says_there_is_none(run: Run) -> None:
    with pytest.raises(InvalidInput) as caught:
        await run("undo")
    assert caught.value.name == "nothing_to_undo"
