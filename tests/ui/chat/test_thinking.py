"""Whether reasoning is shown open is the reader's choice, kept from start to start."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal_desktop.messages import Status
from portal_desktop.providers.scripted import End, Say, Think
from portal_desktop.ui.look import Look
from portal_desktop.ui.transcript.cards import ThinkingItem
from tests.support.desk import Windows, running_core, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


def reasoning(windows: Windows) -> list[ThinkingItem]:
    entries = windows.panel.view.stack.entries
    return [item for entry in entries for item in entry.items if isinstance(item, ThinkingItem)]


async def ask(windows: Windows) -> None:
    windows.core.play([Think("First the beans."), Say("Beans."), End()])
    before = len(windows.panel.model.messages())
    windows.panel.focus_input()
    windows.type("what first?")
    windows.press("Return")
    await until(lambda: len(windows.panel.model.messages()) == before + 2 and not windows.panel.model.running)
    await until(lambda: windows.panel.model.messages()[-1].status is Status.COMPLETE)
    windows.panel.view.flush()


@pytest.mark.spec("X-63")
async def test_reasoning_opened_is_open_after_a_restart_with_text_and_duration(look: Look, tmp_path: Path) -> None:
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        await ask(windows)
        assert [item.is_open for item in reasoning(windows)] == [False]
        label = reasoning(windows)[0].label()
        windows.click("toggle_thinking")
        await windows.close()
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        (item,) = reasoning(windows)
        assert item.is_open
        assert item.label() == label == "Thought for 1 s"
        assert "First the beans." in item.spoken()
        windows.click("toggle_thinking")
        await ask(windows)
        assert [each.is_open for each in reasoning(windows)] == [False, False]
        await windows.close()
