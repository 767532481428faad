"""Every control has a name, a tooltip and a way to it by keyboard."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QComboBox,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QWidget,
)

from portal_desktop.messages import Status
from portal_desktop.providers.scripted import Call, End, Hold, Say
from portal_desktop.tasks import TaskDraft
from tests.support.desk import Windows, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]

CONTROLS = (QAbstractButton, QLineEdit, QPlainTextEdit, QAbstractItemView, QComboBox, QMenu)


def controls(window: QWidget) -> list[QWidget]:
    found = [w for kind in CONTROLS for w in window.findChildren(kind)]
    return [w for w in found if not w.objectName().startswith("qt_")]


def is_own(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    return not (isinstance(parent, QLineEdit) or (isinstance(widget, QAbstractScrollArea) and parent is None))


@pytest.mark.spec("X-08")
async def test_walk_of_every_window_finds_no_unnamed_control(windows: Windows) -> None:
    made = await windows.core.history.create(title="Garden")
    windows.rooms.open_chat_window(made.id)
    await asyncio.sleep(0)
    windows.rooms.open_tasks_window()
    await asyncio.sleep(0)
    windows.panel.header.open_menu()
    unnamed = [
        f"{type(control).__name__} in {type(control.parentWidget()).__name__}"
        for window in [windows.window, *windows.rooms.windows(), windows.panel.picker]
        for control in controls(window)
        if is_own(control) and not control.accessibleName()
    ]
    for window in windows.rooms.windows():
        window.close()
    assert not unnamed


async def test_every_button_has_a_tooltip_and_takes_the_focus_by_tab(windows: Windows) -> None:
    for button in windows.window.findChildren(QAbstractButton):
        if button.objectName().startswith("qt_") or not is_own(button) or button.parent() is windows.panel.view:
            continue
        assert button.toolTip(), button.accessibleName()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus, button.accessibleName()


@pytest.mark.spec("X-08")
async def test_keyboard_alone_does_the_days_work(windows: Windows) -> None:
    """New chat, pick a model, send, stop, approve, add a task: no mouse."""
    gate = asyncio.Event()
    for title in ("one", "two"):
        await windows.core.book.add(TaskDraft(title))
    calls = [Call("delete_task", {"task_id": number}) for number in (1, 2)]
    windows.core.play([Say("words"), Hold(gate), End()], [*calls, End()], [Say("Gone."), End()])
    windows.press("Ctrl+N")
    windows.press("Ctrl+Shift+M")
    await until(windows.panel.picker.isVisible)
    windows.type("llama", windows.panel.picker.field)
    windows.press("Return", windows.panel.picker.field)
    await until(lambda: windows.panel.effective_model() == "ollama/llama3.2:3b")
    windows.press("Ctrl+L")
    windows.type("hello")
    windows.press("Return")
    await until(lambda: "words" in windows.texts())
    windows.press("Esc")
    await until(lambda: windows.panel.model.messages()[-1].status is Status.STOPPED)
    windows.type("delete both")
    windows.press("Return")
    await until(lambda: windows.panel.model.messages()[-1].approval is not None)
    windows.press("Ctrl+Return")
    await until(lambda: "Gone." in windows.texts())
    windows.press("Ctrl+T")
    windows.type("pay rent tomorrow 9am #home")
    windows.press("Return")
    await until(lambda: any(task.title == "pay rent" for task in windows.rooms.tasks.tasks()))
    assert windows.core.scripted.requests[0].model == "llama3.2:3b"


async def test_focus_stays_on_something_when_a_widget_disappears(windows: Windows) -> None:
    windows.core.play([Say("one"), End()])
    windows.panel.focus_input()
    windows.type("hello")
    windows.press("Return")
    await until(lambda: "one" in windows.texts())
    assert windows.window.focusWidget() is windows.panel.composer.field
    windows.rooms.chat.toggle_sidebar()
    assert windows.window.focusWidget() is windows.panel.composer.field
