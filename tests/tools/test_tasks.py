"""The five tools of the to-do list, called through the registry against a real file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from portal_desktop.errors import ToolError
from portal_desktop.messages import ToolCall
from portal_desktop.tasks import TaskBook, TaskDraft, TaskQuery
from portal_desktop.tools.base import ToolContext
from portal_desktop.tools.registry import ToolRegistry
from portal_desktop.tools.tasks import task_tools
from tests.support.clock import FakeClock
from tests.tools.conftest import Ask

TASK_TOOLS = ("add_task", "list_tasks", "complete_task", "delete_task", "update_task")


@pytest.mark.spec("T-06")
def test_task_tools_are_five_and_none_has_an_owner_argument(book: TaskBook) -> None:
    tools = task_tools(book)
    assert tuple(tool.name for tool in tools) == TASK_TOOLS
    names = {name for tool in tools for name in property_names(tool.parameters)}
    assert not [name for name in names if any(word in name for word in ("user", "owner", "profile"))]


def property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from property_names(value)


@pytest.mark.spec("T-06", "T-25")
@pytest.mark.parametrize("name", TASK_TOOLS)
@pytest.mark.parametrize("field", ["user_id", "owner_id", "profile"])
async def test_task_tools_given_an_owner_refuse_the_call(ask: Ask, book: TaskBook, name: str, field: str) -> None:
    task = await book.add(TaskDraft("Mine"))
    needed = {"title": "x"} if name == "add_task" else {} if name == "list_tasks" else {"task_id": task.id}
    result, answer = await ask(name, **needed, **{field: "somebody"})
    assert (result.ok, answer["error"]) == (False, "VALIDATION_ERROR")
    assert field in answer["problems"][0]["problem"]
    assert await book.get(task.id) == task
    assert (await book.list()).count == 1


@pytest.mark.spec("T-07", "T-25")
async def test_add_task_with_a_title_answers_with_the_pending_task(ask: Ask, book: TaskBook) -> None:
    result, answer = await ask("add_task", title="  Buy milk ")
    assert result.ok
    assert answer == {
        "success": True,
        "task_id": answer["task_id"],
        "title": "Buy milk",
        "description": "",
        "status": "pending",
        "priority": "none",
        "message": "Added 'Buy milk'.",
    }
    assert (await book.get(answer["task_id"])).title == "Buy milk"


@pytest.mark.spec("T-07", "T-25")
async def test_add_task_with_every_field_stores_them(ask: Ask, book: TaskBook) -> None:
    _, answer = await ask(
        "add_task",
        title="Rent",
        description="by transfer",
        due_date="tomorrow 9am",
        priority="high",
        tags=["Home"],
        repeat="every month",
    )
    task = await book.get(answer["task_id"])
    assert (task.description, task.priority, task.tags) == ("by transfer", "high", ("home",))
    assert answer["due_date"] == "2026-11-19T09:00"
    assert answer["repeat"] == "FREQ=MONTHLY;BYMONTHDAY=19"
    assert answer["message"] == "Added 'Rent' (due 2026-11-19 09:00)."


@pytest.mark.spec("T-07", "T-25")
@pytest.mark.parametrize(
    ("due_date", "expected"),
    [("2026-12-24", "2026-12-24"), ("nächsten Freitag", "2026-11-20"), ("2026-12-24T08:00:00Z", "2026-12-24T09:00")],
)
async def test_add_task_with_a_date_reads_it_in_the_local_zone(ask: Ask, due_date: str, expected: str) -> None:
    _, answer = await ask("add_task", title="x", due_date=due_date)
    assert answer["due_date"] == expected


@pytest.mark.spec("T-07", "T-25")
@pytest.mark.parametrize(
    "arguments",
    [
        {"title": "   "},
        {"title": ""},
        {"title": "x" * 201},
        {"title": "x", "description": "y" * 1001},
        {"title": "x", "due_date": "the twelfth of never"},
        {"title": "x", "due_date": "2026-02-30"},
        {"title": "x", "repeat": "now and then"},
    ],
)
async def test_add_task_against_a_rule_is_a_validation_error(
    ask: Ask, book: TaskBook, arguments: dict[str, object]
) -> None:
    result, answer = await ask("add_task", **arguments)
    assert (result.ok, answer["success"], answer["error"]) == (False, False, "VALIDATION_ERROR")
    assert (await book.list()).count == 0


@pytest.mark.spec("T-08", "T-25")
async def test_list_tasks_without_any_says_so(ask: Ask) -> None:
    _, answer = await ask("list_tasks")
    assert answer == {
        "success": True,
        "tasks": [],
        "count": 0,
        "more": False,
        "message": "There are no such tasks.",
    }


@pytest.mark.spec("T-08", "T-25")
async def test_list_tasks_shows_newest_first_without_deleted_and_foreign(
    ask: Ask, book: TaskBook, foreign_book: TaskBook, clock: FakeClock
) -> None:
    for title in ("Old", "Done", "Gone", "New"):
        await book.add(TaskDraft(title))
        clock.jump(1)
    await ask("complete_task", task_id="Done")
    await ask("delete_task", task_id="Gone")
    await foreign_book.add(TaskDraft("Not mine"))
    _, answer = await ask("list_tasks")
    assert [task["title"] for task in answer["tasks"]] == ["New", "Done", "Old"]
    assert answer["tasks"][0] == {
        "task_id": answer["tasks"][0]["task_id"],
        "title": "New",
        "description": "",
        "completed": False,
        "priority": "none",
        "created_at": "2026-11-18T09:00:03.000000Z",
    }
    assert (answer["count"], answer["message"]) == (3, "3 tasks.")
    _, pending = await ask("list_tasks", status="pending")
    assert [task["title"] for task in pending["tasks"]] == ["New", "Old"]
    _, completed = await ask("list_tasks", status="completed")
    assert [task["title"] for task in completed["tasks"]] == ["Done"]


@pytest.mark.spec("T-08", "T-25")
async def test_list_tasks_beyond_the_limit_says_there_is_more(ask: Ask, book: TaskBook) -> None:
    for number in range(5):
        await book.add(TaskDraft(f"Task {number}"))
    _, answer = await ask("list_tasks", limit=2, offset=2)
    assert (len(answer["tasks"]), answer["count"], answer["more"]) == (2, 5, True)
    _, rest = await ask("list_tasks", limit=2, offset=4)
    assert (len(rest["tasks"]), rest["more"]) == (1, False)


@pytest.mark.spec("T-08", "T-25")
async def test_list_tasks_with_an_unknown_status_is_refused(ask: Ask) -> None:
    result, answer = await ask("list_tasks", status="done")
    assert (result.ok, answer["error"]) == (False, "VALIDATION_ERROR")
    assert answer["problems"][0]["path"] == "$.status"


@pytest.mark.spec("T-09", "T-25")
async def test_complete_task_twice_keeps_the_moment(ask: Ask, book: TaskBook, clock: FakeClock) -> None:
    task = await book.add(TaskDraft("Once"))
    _, first = await ask("complete_task", task_id=task.id)
    clock.jump(3600)
    result, second = await ask("complete_task", task_id=task.id)
    assert result.ok
    assert first["status"] == second["status"] == "completed"
    assert first["completed_at"] == second["completed_at"]
    assert second["message"] == "'Once' was completed already."


@pytest.mark.spec("T-09", "T-25")
async def test_complete_task_that_recurs_adds_exactly_one_next(ask: Ask, book: TaskBook) -> None:
    task = await book.add(TaskDraft("Bins", due="friday", recurrence="every friday"))
    _, answer = await ask("complete_task", task_id=task.id)
    assert answer["message"].endswith("Its next occurrence was added.")
    await ask("complete_task", task_id=task.id)
    await book.complete(task.id)
    (following,) = (await book.list(TaskQuery(status="pending"))).tasks
    assert following.due is not None
    assert (following.due.date, following.recurrence) == (date(2026, 11, 27), "FREQ=WEEKLY;BYDAY=FR")


@pytest.mark.spec("T-10", "T-25")
async def test_delete_task_moves_it_to_the_trash_and_undo_brings_it_back(ask: Ask, book: TaskBook) -> None:
    task = await book.add(TaskDraft("Keep", "all", "tomorrow", "low", ["t"]))
    _, answer = await ask("delete_task", task_id=task.id)
    assert answer["status"] == "deleted"
    assert (await book.list(TaskQuery(deleted=True))).count == 1
    await book.undo()
    back = await book.get(task.id)
    assert (back.title, back.description, back.due, back.priority, back.tags) == (
        task.title,
        task.description,
        task.due,
        task.priority,
        task.tags,
    )


@pytest.mark.spec("T-09", "T-10", "T-25")
@pytest.mark.parametrize("name", ["complete_task", "delete_task", "update_task"])
async def test_task_tools_answer_the_same_for_missing_and_foreign_ids(
    ask: Ask, book: TaskBook, foreign_book: TaskBook, name: str
) -> None:
    foreign = await foreign_book.add(TaskDraft("Not mine"))
    deleted = await book.add(TaskDraft("Deleted"))
    await book.delete(deleted.id)
    more = {"priority": "low"} if name == "update_task" else {}
    results = [
        await ask(name, task_id=which, **more) for which in (foreign.id, 99_999, deleted.id, "Not mine", "77", 0, -3)
    ]
    assert {result.content for result, _ in results} == {results[0][0].content}
    assert results[0][1]["error"] == "TASK_NOT_FOUND"
    assert not results[0][0].ok
    assert (await foreign_book.get(foreign.id)).version == 1


@pytest.mark.spec("T-11", "T-25")
async def test_update_task_without_a_field_is_a_validation_error(ask: Ask, book: TaskBook) -> None:
    task = await book.add(TaskDraft("Same"))
    _, answer = await ask("update_task", task_id=task.id)
    assert answer["error"] == "VALIDATION_ERROR"


@pytest.mark.spec("T-11", "T-25")
@pytest.mark.parametrize(
    ("arguments", "field", "expected"),
    [
        ({"title": " New "}, "title", "New"),
        ({"description": "More"}, "description", "More"),
        ({"priority": "low"}, "priority", "low"),
        ({"tags": ["A", "b"]}, "tags", ["a", "b"]),
        ({"due_date": "2027-01-02T03:04"}, "due_date", "2027-01-02T03:04"),
        ({"repeat": "every day"}, "repeat", "FREQ=DAILY"),
        ({"due_date": None}, "due_date", None),
        ({"title": "New", "due_date": None}, "due_date", None),
        ({"title": "New"}, "due_date", "2026-11-19"),
    ],
)
async def test_update_task_changes_what_is_given(
    ask: Ask, book: TaskBook, arguments: dict[str, object], field: str, expected: object
) -> None:
    task = await book.add(TaskDraft("Old", "text", "tomorrow", "high", ["t"]))
    result, answer = await ask("update_task", task_id=task.id, **arguments)
    assert result.ok
    assert answer.get(field) == expected


@pytest.mark.spec("T-11", "T-25")
@pytest.mark.parametrize("arguments", [{"title": " "}, {"title": "x" * 201}, {"due_date": "someday"}])
async def test_update_task_against_a_rule_changes_nothing(
    ask: Ask, book: TaskBook, arguments: dict[str, object]
) -> None:
    task = await book.add(TaskDraft("Old"))
    _, answer = await ask("update_task", task_id=task.id, **arguments)
    assert answer["error"] == "VALIDATION_ERROR"
    assert await book.get(task.id) == task


@pytest.mark.spec("T-25")
@pytest.mark.parametrize("which", ["Buy milk", "  buy MILK ", "milk", "#{id}", "{id}"])
async def test_task_tools_find_a_task_by_title_or_number_in_text(ask: Ask, book: TaskBook, which: str) -> None:
    task = await book.add(TaskDraft("Buy milk"))
    await book.add(TaskDraft("Sell eggs"))
    _, answer = await ask("complete_task", task_id=which.format(id=task.id))
    assert answer["task_id"] == task.id


@pytest.mark.spec("T-25")
async def test_task_tools_given_an_ambiguous_title_list_the_candidates(ask: Ask, book: TaskBook) -> None:
    first = await book.add(TaskDraft("Call Bob", due="tomorrow"))
    second = await book.add(TaskDraft("Call Bob"))
    result, answer = await ask("delete_task", task_id="call bob")
    assert (result.ok, answer["error"]) == (False, "TASK_AMBIGUOUS")
    assert f"{first.id}: Call Bob (due 2026-11-19)" in answer["message"]
    assert f"{second.id}: Call Bob" in answer["message"]
    assert (await book.list()).count == 2


@pytest.mark.spec("T-25")
async def test_complete_task_by_title_prefers_the_open_one(ask: Ask, book: TaskBook) -> None:
    await book.complete((await book.add(TaskDraft("Gym"))).id)
    task = await book.add(TaskDraft("Gym"))
    _, answer = await ask("complete_task", task_id="Gym")
    assert answer["task_id"] == task.id


@pytest.mark.spec("T-25")
def test_delete_task_asks_from_the_second_of_a_turn_on(registry: ToolRegistry) -> None:
    tool = registry.tool("delete_task")
    assert tool is not None
    assert tool.ask_when is not None
    earlier = [ToolCall("1", "list_tasks", {})]
    assert tool.ask_when({"task_id": 1}, earlier) is None
    earlier.append(ToolCall("2", "delete_task", {"task_id": 1}))
    assert tool.ask_when({"task_id": 2}, earlier) == "it would be deletion number 2 in this answer"


@pytest.mark.spec("X-73", "T-25")
async def test_task_tools_changes_of_one_turn_are_one_undo_step(ask: Ask, book: TaskBook) -> None:
    keep = await book.add(TaskDraft("Keep"))
    turn = ToolContext(turn_id="t1")
    await ask("add_task", turn, title="One")
    await ask("add_task", turn, title="Two")
    await ask("delete_task", turn, task_id="Keep")
    result = await book.undo(actor="model")
    assert result is not None
    assert len(result.tasks) == 3
    assert [task.id for task in (await book.list()).tasks] == [keep.id]


WRONG: dict[str, list[dict[str, Any]]] = {
    "add_task": [
        {},
        {"titel": "x"},
        {"title": None},
        {"title": []},
        {"title": ["x"]},
        {"title": {}},
        {"title": True},
        {"title": ""},
        {"title": " "},
        {"title": "x" * 201},
        {"title": "x", "description": None, "user": 1},
        {"title": "x", "description": ["y"]},
        {"title": "x", "description": "y" * 1001},
        {"title": "x", "due_date": []},
        {"title": "x", "due_date": {"day": 3}},
        {"title": "x", "due_date": True},
        {"title": "x", "due_date": "never"},
        {"title": "x", "due_date": "d" * 121},
        {"title": "x", "due_date": "2026-99-99"},
        {"title": "x", "due_date": ""},
        {"title": "x", "priority": "urgent"},
        {"title": "x", "priority": 1},
        {"title": "x", "priority": ["high"]},
        {"title": "x", "tags": {"a": 1}},
        {"title": "x", "tags": [{"a": 1}]},
        {"title": "x", "tags": [["a"]]},
        {"title": "x", "tags": [""]},
        {"title": "x", "tags": ["t" * 51]},
        {"title": "x", "tags": [str(n) for n in range(21)]},
        {"title": "x", "tags": True},
        {"title": "x", "repeat": "sometimes"},
        {"title": "x", "repeat": 7.5},
        {"title": "x", "completed": True},
        {"title": "x", "task_id": 3},
        {"title": "x" * 200_001},
    ],
    "list_tasks": [
        {"status": status} for status in ("done", "", "ALLES", 1, True, [], {}, ["all", "pending"], "deleted")
    ]
    + [{"limit": limit} for limit in (0, -1, 101, 1.5, "many", "", [], {}, True, "5; DROP TABLE", "1_0")]
    + [{"offset": offset} for offset in (-1, 0.5, "first", [], False)]
    + [{"search": value} for value in ([], {}, True, "x" * 201)]
    + [{"tags": value} for value in ([{}], [None], True)]
    + [{"order": "random"}, {"priority": "urgent"}, {"deleted": True}, {"owner_id": "x"}],
    "complete_task": [],
    "delete_task": [],
    "update_task": [],
}
WRONG_IDS: list[dict[str, Any]] = [
    *({"task_id": which} for which in (None, True, False, 1.5, [], {}, [1, 2], {"id": 1}, "", "x" * 201)),
    *({"task_id": which} for which in (0, -1, 2**70, 99_999, "0", "-1", "no such title", " ", "1.5", "1e1", "\u0000")),
    {},
    {"id": 1},
    {"title": "Target"},
    {"task": "Target"},
    {"task_id": 1, "user_id": "me"},
    {"task_id": 1, "id": 1},
    {"task_id": 1, "force": True},
    {"task_id": 1, "": ""},
    {"Task_Id": 1},
    {"task_id": 1, "task_ids": [1, 2]},
]
for _name in ("complete_task", "delete_task", "update_task"):
    WRONG[_name] = [dict(each) for each in WRONG_IDS]


@pytest.mark.spec("S-32")
@pytest.mark.parametrize("name", sorted(WRONG))
async def test_task_tools_given_malformed_arguments_execute_none(ask: Ask, book: TaskBook, name: str) -> None:
    target = await book.add(TaskDraft("Target"))
    assert target.id == 1
    history = await book.history()
    assert len(WRONG[name]) >= 30
    for arguments in WRONG[name]:
        result, answer = await ask(name, **arguments)
        assert not result.ok, arguments
        assert answer["error"] in {"VALIDATION_ERROR", "TASK_NOT_FOUND"}, arguments
    assert await book.history() == history
    assert await book.get(target.id) == target


def test_task_tools_schemas_are_plain_json(registry: ToolRegistry) -> None:
    for spec in registry.specs():
        assert json.loads(json.dumps(spec.parameters)) == spec.parameters


async def test_delete_task_describes_what_these_arguments_would_do(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Bean seeds"))
    tool = next(tool for tool in task_tools(book) if tool.name == "delete_task")
    assert tool.describe is not None
    assert (
        await tool.describe({"task_id": task.id}) == "Moves “Bean seeds” to the trash, from where it can be restored."
    )
    with pytest.raises(ToolError):
        await tool.describe({"task_id": 999})
