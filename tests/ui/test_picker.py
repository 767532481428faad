"""The picker shows what was found, and the empty chat says how far the search has come."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from portal_desktop.providers.base import ModelFacts
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import Search, facts_text
from tests.support.desk import Windows, running_core, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


@pytest.mark.spec("X-25")
async def test_picker_lists_found_models_by_server_with_facts(windows: Windows) -> None:
    picker = windows.panel.picker
    QAbstractItemModelTester(picker.model, QAbstractItemModelTester.FailureReportingMode.Warning, picker)
    windows.panel.choose_model()
    shown = [(line.title, line.facts) for line in picker.model.lines()]
    assert shown[0][0] == "Ollama · on this computer"
    assert shown[1] == ("qwen3:8b", "8B · Q4_K_M · 40k context · 5.2 GB · tools · thinking · loaded")
    assert "nomic-embed-text" not in dict(shown)
    windows.type("llama", picker.field)
    assert [line.title for line in picker.model.lines()] == ["Ollama · on this computer", "llama3.2:3b"]
    windows.press("Return", picker.field)
    assert windows.panel.composer.model.text() == "llama3.2:3b"
    assert not picker.isVisible()


async def test_first_model_needs_no_choice(windows: Windows) -> None:
    assert windows.panel.effective_model() == "ollama/qwen3:8b"
    assert windows.panel.header.place.text() == "On this computer"


async def test_thinking_switch_is_there_only_for_models_that_think(windows: Windows) -> None:
    assert windows.panel.composer.thinking.isVisible()
    windows.panel.picker.chosen.emit("ollama/llama3.2:3b")
    assert not windows.panel.composer.thinking.isVisible()
    assert windows.panel.composer.reasoning == "auto"


@pytest.mark.spec("X-05")
async def test_empty_chat_without_models_says_what_to_do_and_looks_again(look: Look, tmp_path: Path) -> None:
    async with running_core(tmp_path, models=()) as core:
        windows = Windows(core, look)
        await windows.open()
        assert windows.rooms.found.state is Search.NONE
        assert "Start Ollama" in windows.panel.welcome.text
        looked: list[Search] = []
        windows.rooms.found.changed.connect(lambda: looked.append(windows.rooms.found.state))
        windows.panel.welcome._again.click()
        await until(lambda: looked[-1:] == [Search.NONE])
        assert Search.LOOKING in looked
        windows.panel.composer.set_text("hello")
        windows.press("Return", windows.panel.composer.field)
        await until(windows.panel.picker.isVisible)
        assert windows.panel.composer.text == "hello"
        windows.panel.picker.close()
        await windows.close()


@pytest.mark.spec("X-05")
async def test_empty_chat_offers_four_suggestions_that_fill_the_composer(windows: Windows) -> None:
    assert len(windows.panel.welcome.cards) == 4
    for card in windows.panel.welcome.cards:
        card.click()
        assert windows.panel.composer.text == card.message
    assert "Found 1 server, 2 models" in windows.panel.welcome.text


def test_facts_text_unknown_facts_are_left_out() -> None:
    assert facts_text(ModelFacts("m", "e")) == ""
