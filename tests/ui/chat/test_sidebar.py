"""The list of chats: groups, marks, search, deletion with undo."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from portal_desktop.messages import Message, Role, Source, Status, Text
from portal_desktop.ui.chat.sidebar.model import Kind
from tests.support.desk import Windows, until

pytestmark = pytest.mark.gui


def titles(windows: Windows) -> list[str]:
    return [line.title for line in windows.rooms.chats.model.lines()]


@pytest.mark.spec("X-56")
async def test_sidebar_model_passes_qts_tester_through_every_change(windows: Windows) -> None:
    model = windows.rooms.chats.model
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning, model)
    history = windows.core.history
    made = [await history.create(title=f"chat {number}") for number in range(5)]
    await until(lambda: len(titles(windows)) == 6)
    await history.pin(made[2].id)
    await until(lambda: titles(windows)[:2] == ["Pinned", "chat 2"])
    await history.rename(made[0].id, "renamed")
    await until(lambda: "renamed" in titles(windows))
    await history.delete(made[4].id)
    await until(lambda: "chat 4" not in titles(windows))
    windows.rooms.chats.search("nothing like it")
    await until(lambda: titles(windows) == ["Nothing found"])
    windows.rooms.chats.search("")
    await until(lambda: "renamed" in titles(windows))


@pytest.mark.spec("X-56")
async def test_delete_offers_undo_and_undo_restores_the_pin(windows: Windows) -> None:
    made = await windows.core.history.create(title="Letter")
    await windows.core.history.pin(made.id)
    await until(lambda: "Letter" in titles(windows))
    windows.rooms.chat.delete(made.id)
    await until(lambda: "Letter" not in titles(windows))
    assert "Letter" in windows.window.toast.text
    windows.window.toast._action.click()
    await until(lambda: titles(windows)[:2] == ["Pinned", "Letter"])


async def test_search_finds_a_message_and_enter_opens_it(windows: Windows) -> None:
    made = await windows.core.history.create(title="Garden")
    await windows.core.conversations.add_message(
        made.id, None, Message(Role.USER, (Text("where do beans go"),)), status=Status.COMPLETE, source=Source.WINDOW
    )
    windows.press("Ctrl+K")
    windows.type("beans")
    await until(lambda: any(line.kind is Kind.HIT for line in windows.rooms.chats.model.lines()))
    windows.press("Return")
    await until(lambda: windows.panel.model.conversation_id == made.id)
    assert windows.texts() == ["where do beans go"]


async def test_next_and_previous_chat_by_key(windows: Windows) -> None:
    made = [await windows.core.history.create(title=f"chat {number}") for number in range(3)]
    await until(lambda: len(titles(windows)) == 4)
    windows.press("Ctrl+Shift+Down")
    await until(lambda: windows.panel.model.conversation_id == made[2].id)
    windows.press("Ctrl+Shift+Down")
    await until(lambda: windows.panel.model.conversation_id == made[1].id)
    windows.press("Ctrl+Shift+Up")
    await until(lambda: windows.panel.model.conversation_id == made[2].id)


async def test_narrow_window_turns_the_sidebar_into_an_overlay(windows: Windows) -> None:
    page = windows.rooms.chat
    assert page.sidebar.isVisible()
    windows.window.resize(800, 700)
    await until(lambda: not page.sidebar.isVisible())
    assert page.panel.width() == page.width()
    windows.press("Ctrl+B")
    assert page.sidebar.isVisible()
    assert page.panel.width() == page.width()
    windows.window.resize(1280, 800)
    await until(lambda: page.panel.width() < page.width())
    windows.window.resize(600, 700)
    await until(lambda: windows.panel.composer.width() > windows.panel.width() - 20)


async def test_rename_in_the_list_keeps_the_users_title(windows: Windows) -> None:
    made = await windows.core.history.create(title="old")
    await until(lambda: "old" in titles(windows))
    model = windows.rooms.chats.model
    row = next(row for row, line in enumerate(model.lines()) if line.conversation == made.id)
    assert model.setData(model.index(row), "  new  ")
    await until(lambda: "new" in titles(windows))
    assert (await windows.core.history.get(made.id)).title_edited
