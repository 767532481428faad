"""Undo in a tool's line: one click takes back what the turn changed, and the link goes when it no longer can."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal_desktop.messages import Status
from portal_desktop.providers.scripted import Call, End, Say
from portal_desktop.tasks import TaskQuery
from portal_desktop.ui.look import Look
from portal_desktop.ui.transcript.message import Action
from tests.support.desk import Windows, running_core, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]

FICUS = Call("add_task", {"title": "Water the ficus"})


async def ask(windows: Windows, *calls: Call) -> None:
    """Send a message whose answer makes these calls."""
    windows.core.play([*calls, End()], [Say("Done."), End()])
    windows.panel.focus_input()
    windows.type("do it")
    windows.press("Return")
    await until(windows.panel.model.messages)
    await until(lambda: not windows.panel.model.running and answer_status(windows) is Status.COMPLETE)


def answer_status(windows: Windows) -> Status:
    return windows.panel.model.messages()[-1].status


def links(windows: Windows) -> int:
    return len(windows.offered(Action.UNDO))


async def titles(windows: Windows, *, deleted: bool = False) -> list[str]:
    return [task.title for task in (await windows.core.book.list(TaskQuery(deleted=deleted))).tasks]


async def test_undo_clicked_moves_the_added_task_to_the_trash_and_takes_the_link_away(windows: Windows) -> None:
    await ask(windows, FICUS)
    await until(lambda: links(windows) == 1)
    windows.click(Action.UNDO)
    await until(lambda: links(windows) == 0)
    assert await titles(windows) == []
    assert await titles(windows, deleted=True) == ["Water the ficus"]
    await until(lambda: windows.window.toast.text == "Undone: “Water the ficus”")
    assert windows.window.toast.isVisible()
    assert windows.errors == []


async def test_undo_of_several_changes_takes_all_of_the_turn_back_and_says_so(windows: Windows) -> None:
    await ask(windows, FICUS, Call("add_task", {"title": "Buy soil"}), Call("list_tasks", {}))
    await until(lambda: links(windows) == 2)
    windows.click(Action.UNDO)
    await until(lambda: links(windows) == 0)
    assert await titles(windows) == []
    await until(lambda: windows.window.toast.text == "All changes of this answer undone: 2 tasks")


async def test_undo_of_a_task_changed_since_is_offered_again_once_the_newer_change_is_undone(windows: Windows) -> None:
    await ask(windows, FICUS)
    await until(lambda: links(windows) == 1)
    (task,) = (await windows.core.book.list()).tasks
    await windows.core.book.update(task.id, {"title": "Water it twice"})
    await until(lambda: links(windows) == 0)
    await windows.core.book.undo()
    await until(lambda: links(windows) == 1)


@pytest.mark.expects_log("undo")
async def test_undo_overtaken_before_the_link_was_gone_is_refused_in_words(windows: Windows) -> None:
    await ask(windows, FICUS)
    await until(lambda: links(windows) == 1)
    (task,) = (await windows.core.book.list()).tasks
    await windows.core.book.update(task.id, {"title": "Water it twice"})
    windows.click(Action.UNDO)
    await until(lambda: windows.errors)
    assert [error.name for error in windows.errors] == ["undo_overtaken"]
    assert await titles(windows) == ["Water it twice"]


async def test_undo_is_still_offered_after_a_restart(look: Look, tmp_path: Path) -> None:
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        await ask(windows, FICUS)
        await windows.close()
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        await until(lambda: links(windows) == 1)
        windows.click(Action.UNDO)
        await until(lambda: links(windows) == 0)
        assert await titles(windows) == []
        await windows.close()
