"""The rules of the to-do list against a real file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from portal_desktop.errors import InvalidInput
from portal_desktop.events import Bus, TaskChanged, TasksChanged
from portal_desktop.storage.tasks import Due, Task
from portal_desktop.tasks import TaskBook, TaskDraft, TaskQuery
from tests.support.clock import FakeClock

BookOf = Callable[[str], TaskBook]
DAY = 86_400


def facts(task: Task) -> dict[str, Any]:
    """Return what a user sees of a task; version and time of change grow by design."""
    hidden = {"version", "updated"}
    return {name: getattr(task, name) for name in Task.__slots__ if name not in hidden}


async def shown(book: TaskBook) -> list[dict[str, Any]]:
    return [facts(task) for task in (await book.list()).tasks]


async def refused(awaitable: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        await awaitable
    return caught.value


@pytest.mark.spec("T-07")
async def test_book_add_with_every_field_stores_them_by_the_rules(book: TaskBook) -> None:
    task = await book.add(
        TaskDraft("  Pay\n rent ", " by transfer ", "tomorrow 9am", "high", [" #Home ", "home", "Geld"], "every month")
    )
    assert (task.title, task.description, task.tags) == ("Pay rent", "by transfer", ("home", "geld"))
    assert task.due is not None
    assert (task.due.date.isoformat(), str(task.due.time), task.due.zone) == ("2026-11-19", "09:00:00", "Europe/Berlin")
    assert (task.priority, task.recurrence, task.completed) == ("high", "FREQ=MONTHLY;BYMONTHDAY=19", False)
    assert await book.get(task.id) == task


@pytest.mark.spec("T-07")
@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (TaskDraft("   "), "title"),
        (TaskDraft("\u0000\n"), "title"),
        (TaskDraft("x" * 201), "title"),
        (TaskDraft("x", "y" * 1001), "description"),
        (TaskDraft("x", due="blah"), "due"),
        (TaskDraft("x", due=""), "due"),
        (TaskDraft("x", due="31 April"), "due"),
        (TaskDraft("x", priority="urgent"), "priority"),
        (TaskDraft("x", priority=""), "priority"),
        (TaskDraft("x", tags=["ok", " "]), "tags"),
        (TaskDraft("x", tags=["t" * 51]), "tags"),
        (TaskDraft("x", tags=[str(number) for number in range(21)]), "tags"),
        (TaskDraft("x", recurrence="every blue moon"), "recurrence"),
        (TaskDraft("x", recurrence="FREQ=HOURLY"), "recurrence"),
        (TaskDraft("x", conversation_id=-1), "conversation_id"),
    ],
)
async def test_book_add_against_a_rule_is_refused_and_adds_nothing(
    book: TaskBook, draft: TaskDraft, field: str
) -> None:
    error = await refused(book.add(draft))
    assert (error.name, error.values["field"]) == ("invalid_field", field)
    assert (await book.list()).count == 0


async def test_book_add_at_the_limits_is_accepted(book: TaskBook) -> None:
    task = await book.add(TaskDraft("x" * 200, "y" * 1000))
    assert (len(task.title), len(task.description)) == (200, 1000)


async def test_book_add_of_a_recurring_task_without_a_date_starts_at_its_first_day(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Bins", recurrence="every friday at 7:30"))
    assert task.due is not None
    assert (task.due.date.isoformat(), str(task.due.time)) == ("2026-11-20", "07:30:00")


@pytest.mark.spec("T-08")
async def test_book_list_filters_orders_and_pages(book: TaskBook, clock: FakeClock) -> None:
    assert (await book.list()).tasks == ()
    first = await book.add(TaskDraft("First", tags=["a"], priority="low", due="friday"))
    clock.jump(1)
    second = await book.add(TaskDraft("Second", tags=["a", "b"], due="tomorrow"))
    clock.jump(1)
    third = await book.add(TaskDraft("Third"))
    await book.complete(second.id)
    await book.delete(third.id)

    async def titles(**query: Any) -> list[str]:
        return [task.title for task in (await book.list(TaskQuery(**query))).tasks]

    assert await titles() == ["Second", "First"]
    assert await titles(status="pending") == ["First"]
    assert await titles(status="completed") == ["Second"]
    assert await titles(deleted=True) == ["Third"]
    assert await titles(tags=["A", "b"]) == ["Second"]
    assert await titles(priority="low") == [first.title]
    assert await titles(search="seco") == ["Second"]
    assert await titles(order="due") == ["Second", "First"]
    assert await titles(due_to=date(2026, 11, 19)) == ["Second"]
    page = await book.list(TaskQuery(limit=1))
    assert (len(page.tasks), page.count, page.more) == (1, 2, True)
    page = await book.list(TaskQuery(limit=1, offset=1))
    assert ([task.title for task in page.tasks], page.count, page.more) == (["First"], 2, False)


@pytest.mark.spec("T-08")
@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"status": ""},
        {"priority": "urgent"},
        {"order": "random"},
        {"limit": 0},
        {"offset": -1},
        {"tags": "home"},
    ],
)
async def test_book_list_with_an_unknown_filter_is_refused(book: TaskBook, query: dict[str, Any]) -> None:
    assert (await refused(book.list(TaskQuery(**query)))).name == "invalid_field"


@pytest.mark.spec("T-09")
async def test_book_complete_twice_keeps_the_first_moment(book: TaskBook, clock: FakeClock) -> None:
    task = await book.add(TaskDraft("Once"))
    done = await book.complete(task.id)
    clock.jump(60)
    again = await book.complete(task.id)
    assert again == done
    assert again.completed_at == clock.now() - timedelta(seconds=60)


@pytest.mark.spec("T-09")
async def test_book_complete_of_a_recurring_task_adds_exactly_one_next(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Rent", due="tomorrow 9am", tags=["home"], recurrence="every month"))
    await asyncio.gather(*(book.complete(task.id) for _ in range(5)))
    page = await book.list(TaskQuery(status="pending"))
    assert [(each.title, each.tags, each.recurrence) for each in page.tasks] == [
        ("Rent", ("home",), "FREQ=MONTHLY;BYMONTHDAY=19")
    ]
    assert page.tasks[0].due is not None
    assert page.tasks[0].due.date == date(2026, 12, 19)
    await book.reopen(task.id)
    await book.complete(task.id)
    assert (await book.list(TaskQuery(status="pending"))).count == 1


@pytest.mark.spec("T-09")
async def test_book_complete_by_two_books_at_once_adds_exactly_one_next(book: TaskBook, book_of: BookOf) -> None:
    for _ in range(10):
        task = await book.add(TaskDraft("Water", recurrence="every day"))
        books = [book, book_of("local"), book_of("local")]
        await asyncio.gather(*(each.complete(task.id) for each in books))
        pending = (await book.list(TaskQuery(status="pending"))).tasks
        assert len(pending) == 1
        await book.delete(pending[0].id)


@pytest.mark.spec("X-71")
async def test_book_complete_over_a_clock_change_keeps_the_wall_time(book: TaskBook, clock: FakeClock) -> None:
    clock.jump((date(2027, 3, 27) - date(2026, 11, 18)).days * DAY)
    task = await book.add(TaskDraft("Run", due="today 7:00", recurrence="every day"))
    await book.complete(task.id)
    following = (await book.list(TaskQuery(status="pending"))).tasks[0]
    assert following.due is not None
    assert (following.due.date.isoformat(), str(following.due.time)) == ("2027-03-28", "07:00:00")


@pytest.mark.spec("X-71")
async def test_book_complete_of_the_last_of_a_series_adds_none(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Pills", recurrence="every day for 2 times"))
    await book.complete(task.id)
    (second,) = (await book.list(TaskQuery(status="pending"))).tasks
    assert second.recurrence == "FREQ=DAILY;COUNT=1"
    await book.complete(second.id)
    assert (await book.list(TaskQuery(status="pending"))).count == 0


@pytest.mark.spec("X-71")
async def test_book_complete_after_completion_counts_from_today(book: TaskBook, clock: FakeClock) -> None:
    task = await book.add(TaskDraft("Plants", due="today", recurrence="every 3 days after completion"))
    clock.jump(5 * DAY)
    await book.complete(task.id)
    (following,) = (await book.list(TaskQuery(status="pending"))).tasks
    assert following.due == Due(date(2026, 11, 26), None, "Europe/Berlin")


@pytest.mark.spec("X-71")
async def test_book_skip_moves_to_the_next_occurrence_only(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Gym", due="tomorrow 18:00", recurrence="every thursday"))
    skipped = await book.skip(task.id)
    assert skipped.due is not None
    assert (skipped.due.date.isoformat(), str(skipped.due.time), skipped.completed) == ("2026-11-26", "18:00:00", False)
    plain = await book.add(TaskDraft("Plain"))
    assert (await refused(book.skip(plain.id))).values["field"] == "recurrence"


@pytest.mark.spec("T-10")
async def test_book_delete_then_restore_or_undo_brings_every_field_back(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Keep", "all", "tomorrow 9am", "high", ["a"], "every week"))
    await book.delete(task.id)
    assert (await book.list()).count == 0
    restored = await book.restore(task.id)
    assert facts(restored) == facts(task)
    await book.delete(task.id)
    result = await book.undo()
    assert result is not None
    assert [facts(each) for each in result.tasks] == [facts(task)]


@pytest.mark.spec("T-10")
async def test_book_purge_takes_only_from_the_trash_and_for_good(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Gone"))
    assert (await refused(book.purge(task.id))).name == "task_not_found"
    await book.delete(task.id)
    await book.purge(task.id)
    assert (await refused(book.restore(task.id))).name == "task_not_found"
    assert (await book.list(TaskQuery(deleted=True))).count == 0


@pytest.mark.spec("T-09", "T-10", "T-11")
async def test_book_missing_foreign_and_deleted_ids_are_the_same_error(book: TaskBook, book_of: BookOf) -> None:
    foreign = await book_of("somebody").add(TaskDraft("Not yours"))
    deleted = await book.add(TaskDraft("Deleted"))
    await book.delete(deleted.id)
    errors = [
        await refused(call(number))
        for number in (foreign.id, 99_999, deleted.id, 0, -1, 2**70)
        for call in (book.get, book.complete, book.reopen, book.delete, lambda n: book.update(n, {"title": "x"}))
    ]
    assert {(str(error), error.title, error.advice, error.code) for error in errors} == {
        (str(errors[0]), errors[0].title, errors[0].advice, errors[0].code)
    }
    assert errors[0].name == "task_not_found"
    assert (await book_of("somebody").get(foreign.id)).title == "Not yours"


@pytest.mark.spec("T-08")
async def test_book_list_of_another_owner_is_empty(book: TaskBook, book_of: BookOf) -> None:
    await book.add(TaskDraft("Mine"))
    assert (await book_of("somebody").list()).tasks == ()


@pytest.mark.spec("T-11")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": " New "}, {"title": "New"}),
        ({"description": ""}, {"description": ""}),
        ({"priority": "low"}, {"priority": "low"}),
        ({"tags": ["X"]}, {"tags": ("x",)}),
        ({"tags": []}, {"tags": ()}),
        ({"due": None}, {"due": None}),
        ({"due": "2027-01-01"}, {"due": Due(date(2027, 1, 1), None, "Europe/Berlin")}),
        ({"recurrence": "every friday"}, {"recurrence": "FREQ=WEEKLY;BYDAY=FR"}),
        ({"recurrence": None}, {"recurrence": ""}),
        ({"position": 2.5}, {"position": 2.5}),
    ],
)
async def test_book_update_changes_the_given_field_and_no_other(
    book: TaskBook, changes: dict[str, object], expected: dict[str, object]
) -> None:
    task = await book.add(TaskDraft("Old", "text", "tomorrow", "high", ["a"]))
    updated = await book.update(task.id, changes)
    assert facts(updated) == facts(task) | expected


@pytest.mark.spec("T-11")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"title": ""},
        {"title": "x" * 201},
        {"title": None},
        {"description": None},
        {"description": "y" * 1001},
        {"due": "nonsense"},
        {"due": 5},
        {"priority": "urgent"},
        {"tags": "home"},
        {"tags": [1]},
        {"recurrence": 3},
        {"recurrence": "sometimes"},
        {"position": "first"},
        {"position": float("nan")},
        {"owner_id": "somebody"},
        {"completed": True},
        {"id": 4},
    ],
)
async def test_book_update_against_a_rule_changes_nothing(book: TaskBook, changes: dict[str, object]) -> None:
    task = await book.add(TaskDraft("Old", "text", "tomorrow"))
    assert (await refused(book.update(task.id, changes))).name == "invalid_field"
    assert await book.get(task.id) == task


async def test_book_named_finds_by_exact_title_before_parts(book: TaskBook, clock: FakeClock) -> None:
    await book.add(TaskDraft("Äpfel kaufen"))
    clock.jump(1)
    await book.add(TaskDraft("Äpfel"))
    assert [task.title for task in await book.named("  äpfel ")] == ["Äpfel"]
    assert [task.title for task in await book.named("kauf")] == ["Äpfel kaufen"]
    assert [task.title for task in await book.named("")] == []


@pytest.mark.spec("X-73")
async def test_book_hundred_random_operations_undone_in_reverse_give_the_initial_state(
    book: TaskBook, clock: FakeClock
) -> None:
    random = Random(73)
    ids = [
        (await book.add(TaskDraft(f"Task {number}", tags=["t"], recurrence=rule, due="tomorrow"))).id
        for number, rule in enumerate(["", "every week", "", "every month", "3 days after completion", ""])
    ]
    initial = [facts(await book.get(number)) for number in ids]
    trash = (await book.list(TaskQuery(deleted=True))).count
    done = 0
    while done < 100:
        clock.jump(60)
        before = await book.history(limit=1)
        await random_operation(book, random, ids)
        done += (await book.history(limit=1)) != before
    for _ in range(100):
        assert await book.undo() is not None
    assert [facts(await book.get(number)) for number in ids] == initial
    assert {task.id for task in (await book.list()).tasks} == set(ids)
    assert trash == 0


async def random_operation(book: TaskBook, random: Random, ids: list[int]) -> None:
    """Do one thing, or nothing when the task is in the wrong state for it."""
    live = [task.id for task in (await book.list()).tasks]
    trash = [task.id for task in (await book.list(TaskQuery(deleted=True))).tasks]
    target = random.choice(live or ids)
    match random.randrange(9):
        case 0:
            await book.add(TaskDraft(f"New {random.random()}", recurrence=random.choice(["", "every day"])))
        case 1:
            await book.complete(target)
        case 2:
            await book.reopen(target)
        case 3:
            await book.delete(target) if live else None
        case 4:
            await book.restore(random.choice(trash)) if trash else None
        case 5:
            await book.update(target, {"due": random.choice([None, "friday", "tomorrow 9am"])})
        case 6:
            await book.update(target, {"title": f"Renamed {random.random()}", "tags": ["x"]})
        case 7:
            await book.update(target, {"priority": "high", "position": random.random()})
        case 8:
            batch = f"turn {random.random()}"
            await book.add(TaskDraft("Of the model"), actor="model", batch=batch)
            await book.update(target, {"description": "by the model"}, actor="model", batch=batch)


@pytest.mark.spec("X-73")
async def test_book_batch_of_a_model_is_one_undo_step(book: TaskBook) -> None:
    mine = await book.add(TaskDraft("Mine"))
    await book.add(TaskDraft("One"), actor="model", batch="turn 1")
    await book.add(TaskDraft("Two"), actor="model", batch="turn 1")
    await book.delete(mine.id, actor="model", batch="turn 1")
    result = await book.undo(actor="model")
    assert result is not None
    assert result.batch == "turn 1"
    assert [task.title for task in (await book.list()).tasks] == ["Mine"]


@pytest.mark.spec("X-73")
async def test_book_undo_of_a_completion_takes_the_next_occurrence_with_it(book: TaskBook) -> None:
    task = await book.add(TaskDraft("Rent", recurrence="every month"))
    await book.complete(task.id)
    await book.undo()
    assert await shown(book) == [facts(task)]


@pytest.mark.spec("X-73")
async def test_book_undo_after_thirty_days_finds_nothing(book: TaskBook, clock: FakeClock) -> None:
    await book.add(TaskDraft("Old"))
    clock.jump(30 * DAY)
    assert await book.undo() is not None
    await book.add(TaskDraft("Older"))
    clock.jump(30 * DAY + 1)
    assert await book.undo() is None


@pytest.mark.spec("X-73")
async def test_book_undo_of_a_step_that_was_overtaken_is_refused(book: TaskBook) -> None:
    task = await book.add(TaskDraft("One"), batch="first")
    await book.update(task.id, {"title": "Two"})
    assert (await refused(book.undo(batch="first"))).name == "undo_overtaken"
    assert (await book.get(task.id)).title == "Two"


async def test_book_complete_with_a_zone_nobody_knows_goes_by_the_present_one(book: TaskBook) -> None:
    due = Due(date(2026, 11, 17), None, "Mars/Olympus")
    task = await book.add(TaskDraft("Far", due=due, recurrence="FREQ=DAILY"))
    await book.complete(task.id)
    (following,) = (await book.list(TaskQuery(status="pending"))).tasks
    assert following.due == Due(date(2026, 11, 18), None, "Mars/Olympus")


async def test_book_changes_are_told_on_the_bus(book: TaskBook, bus: Bus) -> None:
    task = await book.add(TaskDraft("Told"))
    await book.complete(task.id)
    await book.undo()
    kinds = [(type(event), getattr(event, "task_id", None)) for event in bus.history]
    assert kinds == [(TaskChanged, task.id), (TaskChanged, task.id), (TasksChanged, None)]


async def test_book_due_shows_how_a_date_is_read(book: TaskBook) -> None:
    assert book.due("nächsten Freitag") == Due(date(2026, 11, 20), None, "Europe/Berlin")
    with pytest.raises(InvalidInput):
        book.due("sometime")
