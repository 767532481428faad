"""The tasks page over the real book."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import time as clock_time
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtTest import QAbstractItemModelTester

from portal_desktop.storage.tasks import Due
from portal_desktop.tasks import TaskDraft
from portal_desktop.ui.tasks.model import Line, Order, Section, TasksModel, task_lines
from portal_desktop.ui.tasks.wording import ordinal, recurrence_text
from tests.support.desk import ScriptedCore, Windows, until
from tests.support.pace import allowed

pytestmark = pytest.mark.gui


def titles(windows: Windows) -> list[str]:
    return [line.task.title if line.task else line.section.value for line in windows.rooms.tasks_page.model.lines()]


async def add(windows: Windows, title: str, days: int | None = None, at: clock_time | None = None) -> int:
    today = windows.core.book.now().date()
    due = None if days is None else Due(today + timedelta(days=days), at)
    return (await windows.core.book.add(TaskDraft(title, due=due))).id


@pytest.mark.spec("X-69")
async def test_quick_add_shows_what_it_understood_before_enter(windows: Windows) -> None:
    windows.press("Ctrl+T")
    windows.type("pay rent tomorrow 9am #home !high every month")
    understood = windows.rooms.tasks_page.quick.understood
    day = (windows.core.book.now() + timedelta(days=1)).day
    assert understood == ["pay rent", "tomorrow 09:00", "#home", "high", f"every month on the {ordinal(day)}"]
    assert not windows.rooms.tasks.tasks()
    windows.press("Return")
    await until(lambda: titles(windows) == ["tomorrow", "pay rent"])
    task = windows.rooms.tasks.tasks()[0]
    assert task.tags == ("home",)
    assert task.priority.value == "high"
    assert task.recurrence
    assert windows.rooms.tasks_page.quick.field.text() == ""


async def test_groups_stand_in_the_order_of_days(windows: Windows) -> None:
    model = windows.rooms.tasks_page.model
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning, model)
    await add(windows, "later", 9)
    await add(windows, "plain")
    await add(windows, "tomorrow's", 1)
    await add(windows, "today's", 0)
    await add(windows, "late", -3)
    done = await add(windows, "finished")
    await windows.core.book.complete(done)
    wanted = ["overdue", "late", "today", "today's", "tomorrow", "tomorrow's", "later", "later", "no_date", "plain",
              "completed", "finished"]  # fmt: skip
    await until(lambda: titles(windows) == wanted)
    assert windows.window.rail._pages["tasks"].count == 2


@pytest.mark.spec("X-69")
async def test_keyboard_ticks_renames_deletes_and_undoes(windows: Windows) -> None:
    await add(windows, "first", 0)
    await until(lambda: titles(windows) == ["today", "first"])
    windows.press("Ctrl+T")
    windows.press("Down")
    windows.press("Space")
    await until(lambda: titles(windows) == ["completed", "first"])
    windows.press("Space")
    await until(lambda: titles(windows) == ["today", "first"])
    windows.press("F2")
    windows.type("renamed")
    windows.press("Return")
    await until(lambda: titles(windows) == ["today", "renamed"])
    page = windows.rooms.tasks_page
    page.list.go_first()
    windows.press("Delete")
    await until(lambda: titles(windows) == [])
    assert page.stack.currentWidget() is page._empty
    windows.window.toast._action.click()
    await until(lambda: titles(windows) == ["today", "renamed"])


async def test_undo_key_takes_the_last_change_back(windows: Windows) -> None:
    task = await add(windows, "first", 0)
    await windows.core.book.update(task, {"title": "second"})
    await until(lambda: titles(windows) == ["today", "second"])
    windows.window.show_page("tasks")
    windows.rooms.tasks_page.list.go_first()
    windows.press("Ctrl+Z")
    await until(lambda: titles(windows) == ["today", "first"])


async def test_change_by_another_process_appears_within_a_second(windows: Windows, tmp_path: Path) -> None:
    windows.core.watch()
    other = ScriptedCore(tmp_path)
    await other.database.open()
    await other.book.add(TaskDraft("from the terminal"))
    begun = time.monotonic()
    await until(lambda: "from the terminal" in titles(windows), 3)
    assert time.monotonic() - begun < 1.5
    await other.stop()


async def test_filter_finds_by_word_and_tag_and_says_when_nothing_fits(windows: Windows) -> None:
    await windows.core.book.add(TaskDraft("Water the ficus", tags=["garden"]))
    await windows.core.book.add(TaskDraft("Pay rent", tags=["home"]))
    await until(lambda: len(titles(windows)) == 3)
    page = windows.rooms.tasks_page
    page.filter.setText("#gar")
    assert titles(windows) == ["no_date", "Water the ficus"]
    page.filter.setText("zzz")
    assert page.stack.currentWidget() is page._no_hits
    page.filter.clear()
    assert len(titles(windows)) == 3


async def test_sort_by_title_is_one_group_and_is_remembered(windows: Windows) -> None:
    await add(windows, "b", 0)
    await add(windows, "a", 5)
    windows.rooms.tasks_page._sort(Order.TITLE)
    await until(lambda: titles(windows) == ["open", "a", "b"])
    assert windows.places.text("tasks/order") == "title"


async def test_chip_of_a_chat_opens_that_chat(windows: Windows) -> None:
    chat = await windows.core.history.create(title="Garden")
    await windows.core.book.add(TaskDraft("Water", conversation_id=chat.id))
    await until(lambda: titles(windows) == ["no_date", "Water"])
    page = windows.rooms.tasks_page
    await until(lambda: page.model.line(1).chips)
    places = page._delegate.chip_places(page.model.line(1), QRectF(0, 0, 800, 42))
    assert [chip.text for chip, _ in places] == ["from “Garden”"]
    page._delegate.chip_clicked.emit(places[0][0])
    await until(lambda: windows.panel.model.conversation_id == chat.id)
    assert windows.window.page == "chat"


def test_model_checkstate_belongs_to_items_only(app: object) -> None:
    model = TasksModel(lambda _task, _title: None, lambda _task, _done: None)
    model.replace([Line(Section.TODAY, count="1")])
    assert model.data(model.index(0), Qt.ItemDataRole.CheckStateRole) is None
    assert not model.setData(model.index(0), "x")


@pytest.mark.spec("X-69")
async def test_two_thousand_tasks_filter_within_50_ms(windows: Windows) -> None:
    task = await windows.core.book.add(TaskDraft("Call the plumber", tags=["home"]))
    many = [replace(task, id=number, title=f"Task {number} of the list") for number in range(2000)]
    now = windows.core.book.now()
    begun = time.process_time()
    lines = task_lines(many, now=now, words="1999")
    assert time.process_time() - begun < allowed(0.05)
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=21", "every month on the 21st"),
        ("FREQ=DAILY", "every day"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "every 2 weeks on Mon"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"),
        ("FREQ=YEARLY", "every year"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day"),
        ("FREQ=HOURLY", "repeats"),
    ],
)
def test_recurrence_text_plain_rules_read_as_words(rule: str, words: str) -> None:
    assert recurrence_text(rule) == words


@pytest.mark.parametrize(("number", "text"), [(1, "1st"), (12, "12th"), (22, "22nd"), (23, "23rd"), (30, "30th")])
def test_ordinal_english_endings(number: int, text: str) -> None:
    assert ordinal(number) == text
