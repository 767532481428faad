"""Rows of tasks: what goes in comes out, every change can be undone, in whole batches."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.clock import UTC
from portal_desktop.errors import InvalidInput, StorageError
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.tasks import (
    Due,
    NewTask,
    Priority,
    Task,
    TaskChange,
    TaskOrder,
    TaskQuery,
    TaskRows,
    TaskStatus,
)
from tests.support.clock import FakeClock
from tests.support.pace import allowed


@pytest.fixture
def rows(database: Database, clock: FakeClock) -> TaskRows:
    return TaskRows(database, clock)


async def titles(rows: TaskRows, **query: object) -> list[str]:
    return [task.title for task in await rows.select(TaskQuery(**query))]


async def add(rows: TaskRows, title: str, **fields: object) -> Task:
    return await rows.insert(NewTask(title, **fields), batch=f"add {title}", actor="user")


@pytest.mark.spec("T-24")
async def test_insert_task_of_every_field_comes_back_equal(
    rows: TaskRows, chats: Conversations, clock: FakeClock
) -> None:
    chat = await chats.create()
    done = datetime(2026, 11, 20, 8, tzinfo=ZoneInfo("Asia/Kathmandu"))
    made = await add(
        rows,
        "Pay rent",
        description="to the landlord",
        completed=True,
        priority=Priority.HIGH,
        due=Due(date(2026, 12, 1), time(9, 30), "Europe/Berlin"),
        tags=("home", "money"),
        recurrence="FREQ=MONTHLY",
        position=2.5,
        completed_at=done,
        conversation_id=chat.id,
    )
    found = await rows.get(made.id)
    assert found == made
    assert (found.due, found.tags, found.priority) == (
        Due(date(2026, 12, 1), time(9, 30), "Europe/Berlin"),
        ("home", "money"),
        Priority.HIGH,
    )
    assert (found.completed_at, found.created, found.version) == (done.astimezone(UTC), clock.now(), 1)


async def test_select_filters_are_all_honoured(rows: TaskRows, database: Database, clock: FakeClock) -> None:
    await add(rows, "milk 100%", tags=("shop", "food"), due=Due(date(2026, 1, 2)))
    await add(rows, "bread_roll", tags=("shop",), priority=Priority.LOW, description="fresh Milk too")
    await add(rows, "done", completed=True, due=Due(date(2026, 1, 5), time(8)))
    await rows.apply([TaskChange((await add(rows, "gone")).id, {"deleted_at": clock.now()})], batch="d", actor="user")
    await TaskRows(database, clock, "other").insert(NewTask("foreign"), batch="f", actor="user")
    assert await titles(rows) == ["done", "bread_roll", "milk 100%"]
    assert await titles(rows, status=TaskStatus.PENDING) == ["bread_roll", "milk 100%"]
    assert await titles(rows, status=TaskStatus.COMPLETED) == ["done"]
    assert await titles(rows, search="milk") == ["bread_roll", "milk 100%"]
    assert await titles(rows, search="0%") == ["milk 100%"]
    assert await titles(rows, search="d_r") == ["bread_roll"]
    assert await titles(rows, tags=("shop", "food")) == ["milk 100%"]
    assert await titles(rows, priority=Priority.LOW) == ["bread_roll"]
    assert await titles(rows, deleted=True) == ["gone"]
    assert await titles(rows, due_from=date(2026, 1, 3)) == ["done"]
    assert await titles(rows, due_to=date(2026, 1, 3)) == ["milk 100%"]
    assert await titles(rows, limit=1, offset=1) == ["bread_roll"]
    assert await rows.count(TaskQuery(status=TaskStatus.PENDING, limit=1)) == 2
    assert await rows.tags() == ["food", "shop"]


async def test_select_in_each_order_returns_that_order(rows: TaskRows) -> None:
    await add(rows, "b", priority=Priority.LOW, due=Due(date(2026, 1, 2), time(9)), position=3)
    await add(rows, "C", priority=Priority.HIGH, position=1)
    await add(rows, "a", priority=Priority.NONE, due=Due(date(2026, 1, 2)), position=2)
    await add(rows, "d", priority=Priority.MEDIUM, due=Due(date(2026, 1, 1), time(23)), position=0)
    orders = {order: "".join(await titles(rows, order=order)) for order in TaskOrder}
    assert orders == {
        TaskOrder.NEWEST: "daCb",
        TaskOrder.DUE: "dabC",
        TaskOrder.PRIORITY: "Cdba",
        TaskOrder.TITLE: "abCd",
        TaskOrder.MANUAL: "dCab",
    }


@pytest.mark.spec("T-24")
async def test_undo_of_every_kind_of_change_restores_all_fields(rows: TaskRows, clock: FakeClock) -> None:
    made = await add(rows, "x", tags=("t",), due=Due(date(2026, 1, 2)), position=7)
    clock.jump(5)
    changes: list[dict[str, object]] = [
        {"completed": True, "completed_at": clock.now()},
        {"deleted_at": clock.now()},
        {
            "title": "y",
            "due": None,
            "tags": (),
            "priority": Priority.HIGH,
            "description": "d",
            "recurrence": "FREQ=DAILY",
        },
    ]
    for number, fields in enumerate(changes):
        await rows.apply([TaskChange(made.id, fields)], batch=f"b{number}", actor="model")
    for _ in changes:
        assert len(await rows.undo_last()) == 1
    found = await rows.get(made.id)
    assert found is not None
    same = (
        "title",
        "tags",
        "due",
        "position",
        "completed",
        "completed_at",
        "deleted_at",
        "priority",
        "description",
        "recurrence",
    )
    assert all(getattr(found, name) == getattr(made, name) for name in same)
    assert [task.deleted_at for task in await rows.undo_last()] == [clock.now()]
    assert await rows.get(made.id) is None
    assert await rows.get(made.id, include_deleted=True) is not None
    assert await rows.undo_last() == []


async def test_undo_of_a_batch_takes_all_of_it_back_at_once(rows: TaskRows) -> None:
    one = await add(rows, "one")
    changes = [
        TaskChange(one.id, {"title": "1"}),
        TaskChange(one.id, {"title": "uno"}),
        TaskChange(None, {"title": "two"}),
    ]
    await rows.apply(changes, batch="turn", actor="model")
    assert await titles(rows) == ["two", "uno"]
    assert await rows.last_batch(actor="model") == "turn"
    await rows.undo("turn")
    assert await titles(rows) == ["one"]
    with pytest.raises(InvalidInput, match="nothing to undo"):
        await rows.undo("turn")


async def test_undo_of_a_change_that_was_overtaken_is_refused(rows: TaskRows) -> None:
    one = await add(rows, "one")
    await rows.apply([TaskChange(one.id, {"title": "two"})], batch="a", actor="user")
    await rows.apply([TaskChange(one.id, {"title": "three"})], batch="b", actor="user")
    with pytest.raises(InvalidInput) as caught:
        await rows.undo("a")
    assert caught.value.name == "undo_overtaken"
    await rows.undo("b")
    await rows.undo("a")
    assert await titles(rows) == ["one"]


async def test_undo_after_thirty_days_is_over(rows: TaskRows, clock: FakeClock) -> None:
    await add(rows, "old")
    clock.jump(30 * 24 * 3600 + 1)
    assert await rows.undo_last() == []
    assert await titles(rows) == ["old"]


async def test_undoable_names_only_batches_that_undo_would_take(rows: TaskRows, clock: FakeClock) -> None:
    one, two = await add(rows, "one"), await add(rows, "two")
    await rows.apply([TaskChange(one.id, {"title": "1"}), TaskChange(two.id, {"title": "2"})], batch="a", actor="model")
    await rows.apply([TaskChange(two.id, {"title": "zwei"})], batch="b", actor="user")
    assert await rows.undoable(["a", "b", "none"]) == {"b": {two.id}}
    await rows.undo("b")
    assert await rows.undoable(["a", "b"]) == {"a": {one.id, two.id}}
    await rows.undo("a")
    assert await rows.undoable(["a", "b"]) == {}
    await rows.apply([TaskChange(one.id, {"title": "late"})], batch="c", actor="model")
    clock.jump(30 * 24 * 3600 + 1)
    assert await rows.undoable(["c"]) == {}


async def test_apply_with_one_bad_change_makes_none(rows: TaskRows) -> None:
    one = await add(rows, "one")
    for bad in (
        TaskChange(99, {"title": "x"}),
        TaskChange(one.id, {"colour": "red"}),
        TaskChange(one.id, {"title": 5}),
        TaskChange(one.id, {"priority": "urgent"}),
        TaskChange(one.id, {"due": "tomorrow"}),
        TaskChange(None, {"description": "no title"}),
        TaskChange(None, {"title": ""}),
    ):
        with pytest.raises(InvalidInput):
            await rows.apply([TaskChange(one.id, {"title": "changed"}), bad], batch="b", actor="user")
    assert await titles(rows) == ["one"]
    assert len(await rows.history()) == 1


@pytest.mark.spec("T-24")
async def test_task_of_another_owner_is_not_there(rows: TaskRows, database: Database, clock: FakeClock) -> None:
    one = await add(rows, "one")
    other = TaskRows(database, clock, "other")
    assert await other.get(one.id) is None
    assert await other.history() == []
    assert await other.undo_last() == []
    await other.purge([one.id])
    with pytest.raises(InvalidInput) as foreign:
        await other.apply([TaskChange(one.id, {"title": "x"})], batch="b", actor="user")
    with pytest.raises(InvalidInput) as missing:
        await other.apply([TaskChange(999, {"title": "x"})], batch="b", actor="user")
    assert foreign.value.title.replace(str(one.id), "999") == missing.value.title
    assert await titles(rows) == ["one"]


async def test_history_tells_each_step_and_purge_removes_it_and_never_gives_the_id_again(rows: TaskRows) -> None:
    one = await add(rows, "one")
    await rows.apply([TaskChange(one.id, {"title": "two"})], batch="b", actor="model")
    steps = await rows.history(one.id)
    assert [(step.batch, step.actor, step.undone) for step in steps] == [
        ("b", "model", False),
        ("add one", "user", False),
    ]
    assert steps[0].before is not None
    assert steps[0].before["title"] == "one"
    assert steps[1].before is None
    await rows.purge([one.id])
    assert await rows.history() == []
    assert (await add(rows, "next")).id > one.id


@pytest.mark.parametrize("damage", ["tags = 'x'", "due_date = 'soon'", "created_at = '?'"])
async def test_task_that_cannot_be_read_says_which(rows: TaskRows, database: Database, damage: str) -> None:
    one = await add(rows, "one")
    await database.write(lambda connection: connection.execute(f"UPDATE tasks SET {damage}"))
    with pytest.raises(StorageError) as caught:
        await rows.get(one.id)
    assert caught.value.name == "bad_record"
    assert f"tasks {one.id}" in caught.value.advice


async def test_two_thousand_tasks_filter_within_50_ms(rows: TaskRows) -> None:
    import time as wall

    await rows.apply(
        [TaskChange(None, {"title": f"task {n}", "tags": (f"tag{n % 7}",)}) for n in range(2000)],
        batch="b",
        actor="user",
    )
    best = 1.0
    for _ in range(3):
        started = wall.perf_counter()
        found = await rows.select(TaskQuery(search="19", tags=("tag3",), order=TaskOrder.DUE))
        best = min(best, wall.perf_counter() - started)
    assert found
    assert best < allowed(0.05)
