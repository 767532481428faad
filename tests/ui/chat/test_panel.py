"""The chat panel over a real core: what the user does and what then stands in the window and in the database."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from portal_desktop.agent.approval import Decision
from portal_desktop.errors import ProviderError
from portal_desktop.messages import Failure, Phase, Status, ToolReturn
from portal_desktop.providers.scripted import Call, End, Fail, Hold, News, Say, Think
from portal_desktop.tasks import TaskDraft
from portal_desktop.ui.look import Look
from tests.support.desk import Windows, running_core, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


async def answered(windows: Windows) -> None:
    def done() -> bool:
        messages = windows.panel.model.messages()
        return len(messages) > 1 and messages[-1].status is not Status.STREAMING and not windows.panel.model.running

    await until(done)


async def send(windows: Windows, text: str) -> None:
    windows.panel.focus_input()
    windows.type(text)
    windows.press("Return")
    await until(windows.panel.model.messages)


@pytest.mark.spec("T-28")
async def test_panel_enter_after_typing_adds_task_and_shows_green_badge(windows: Windows) -> None:
    windows.core.play([Call("add_task", {"title": "Water the ficus"}), End()], [Say("Done."), End()])
    await send(windows, "add watering the ficus")
    await answered(windows)
    answer = windows.panel.model.messages()[-1]
    assert list(answer.tool_titles.values()) == ["Added task"]
    assert list(answer.tool_details.values()) == ["Water the ficus"]
    assert [part.ok for part in answer.parts if isinstance(part, ToolReturn)] == [True]
    assert windows.panel.composer.text == ""
    await until(lambda: [task.title for task in windows.rooms.tasks.tasks()] == ["Water the ficus"])


@pytest.mark.spec("T-28")
async def test_panel_failing_tool_shows_red_badge_with_reason(windows: Windows) -> None:
    windows.core.play([Call("complete_task", {"task_id": 77}), End()], [Say("Sorry."), End()])
    await send(windows, "complete 77")
    await answered(windows)
    answer = windows.panel.model.messages()[-1]
    assert list(answer.tool_titles.values()) == ["Could not complete the task"]
    assert [part.ok for part in answer.parts if isinstance(part, ToolReturn)] == [False]


async def test_composer_shift_enter_breaks_line_and_grows(windows: Windows) -> None:
    field = windows.panel.composer.field
    windows.panel.focus_input()
    low = field.height()
    windows.type("one")
    windows.press("Shift+Return")
    windows.type("two")
    assert windows.panel.composer.text == "one\ntwo"
    assert field.height() > low
    windows.panel.composer.set_text("line\n" * 200)
    assert field.height() <= windows.panel.height() // 3


async def test_composer_stays_editable_while_answer_runs_and_keeps_text(windows: Windows) -> None:
    gate = asyncio.Event()
    windows.core.play([Say("one "), Hold(gate), Say("two"), End()])
    await send(windows, "hello")
    await until(lambda: windows.panel.model.running)
    windows.type("next question")
    windows.press("Return")
    assert windows.panel.composer.text == "next question"
    assert not windows.panel.composer.can_send
    gate.set()
    await answered(windows)
    assert windows.panel.composer.can_send


async def test_panel_scrolled_up_while_streaming_keeps_position(windows: Windows) -> None:
    gate = asyncio.Event()
    windows.core.play([Say("A line of the answer.\n\n" * 120), Hold(gate), Say("More.\n\n" * 80), End()])
    await send(windows, "talk")
    bar = windows.panel.view.verticalScrollBar()
    await until(lambda: bar.maximum() > 1000)
    windows.panel.view.to_end()
    bar.setSliderPosition(bar.value() - 200)
    bar.triggerAction(bar.SliderAction.SliderMove)
    before = windows.panel.view.position()
    assert before
    gate.set()
    await answered(windows)
    assert windows.panel.view.position() == before


@pytest.mark.spec("X-32")
async def test_phase_line_follows_every_phase_of_the_server(windows: Windows) -> None:
    seen: list[str] = []
    windows.panel.model.phase_changed.connect(lambda: seen.append(windows.panel.phase.text))
    gates = [asyncio.Event() for _ in range(5)]
    windows.core.play(
        [
            News(Phase.QUEUED),
            Hold(gates[0]),
            News(Phase.LOADING),
            Hold(gates[1]),
            News(Phase.READING, "", 0.42),
            Hold(gates[2]),
            Think("hm"),
            Hold(gates[3]),
            Say("yes"),
            Hold(gates[4]),
            End(),
        ]
    )
    await send(windows, "hello")
    for words, gate in zip(("Waiting in queue", "Loading", "42%", "Thinking", "Writing"), gates, strict=True):
        await until(lambda words=words: words in windows.panel.phase.text, 0.5 + 1)
        assert windows.panel.phase.isVisible()
        assert windows.panel.phase.stop.isVisible()
        assert "0:0" in windows.panel.phase.text
        gate.set()
    await answered(windows)
    assert not windows.panel.phase.isVisible()
    assert all(text for text in seen)


async def test_escape_while_answering_stops_and_keeps_text(windows: Windows) -> None:
    gate = asyncio.Event()
    windows.core.play([Say("kept text"), Hold(gate), End()])
    await send(windows, "hello")
    await until(lambda: "kept text" in windows.texts())
    windows.press("Esc")
    await until(lambda: windows.panel.model.messages()[-1].status is Status.STOPPED)
    assert "kept text" in windows.texts()
    assert not windows.panel.phase.isVisible()


async def test_failed_answer_shows_card_and_retry_duplicates_no_message(windows: Windows) -> None:
    unreachable = ProviderError("server_unreachable", server="Ollama", address="127.0.0.1:11434")
    windows.core.play([Fail(unreachable)], [Say("back again"), End()])
    await send(windows, "hello")
    await answered(windows)
    failed = windows.panel.model.messages()[-1]
    assert failed.status is Status.ERROR
    assert any(isinstance(part, Failure) for part in failed.parts)
    windows.panel.view.actionTriggered.emit(failed.id, "retry", "")
    await until(lambda: "back again" in windows.texts())
    assert windows.texts() == ["hello", "back again"]


async def test_approval_allowed_by_key_runs_the_call(windows: Windows) -> None:
    book = windows.core.book
    for title in ("one", "two"):
        await book.add(TaskDraft(title))
    calls = [Call("delete_task", {"task_id": number}) for number in (1, 2)]
    windows.core.play([*calls, End()], [Say("Both gone."), End()])
    await send(windows, "delete both")
    await until(lambda: windows.panel.model.messages()[-1].approval is not None)
    assert "Waiting for you" in windows.panel.phase.text
    await until(lambda: any(line.mark == "waiting" for line in windows.rooms.chats.model.lines()))
    windows.press("Ctrl+Return")
    await answered(windows)
    assert list(windows.panel.model.messages()[-1].decisions.values()) == ["Allowed once"]
    assert not (await book.list()).tasks


async def test_approval_denied_keeps_the_task(windows: Windows) -> None:
    for title in ("one", "two"):
        await windows.core.book.add(TaskDraft(title))
    windows.core.play([*[Call("delete_task", {"task_id": n}) for n in (1, 2)], End()], [Say("As you like."), End()])
    await send(windows, "delete both")
    await until(lambda: windows.panel.model.messages()[-1].approval is not None)
    assert windows.panel.model.decide_open(Decision.DENY)
    await answered(windows)
    assert len((await windows.core.book.list()).tasks) == 1


async def test_model_tells_at_most_one_change_per_33_ms(windows: Windows) -> None:
    told: list[float] = []
    loop = asyncio.get_running_loop()
    windows.core.play([Say("word " * 600, size=5, delay=0.0005), End()])
    await send(windows, "talk")
    windows.panel.model.message_changed.connect(lambda _message, _own: told.append(loop.time()))
    await answered(windows)
    gaps = sorted(b - a for a, b in itertools.pairwise(told[:-2]))
    assert len(told) > 5
    assert gaps[len(gaps) // 10] > 0.030


@pytest.mark.spec("T-29")
async def test_restart_brings_back_chat_draft_and_place(look: Look, tmp_path: Path) -> None:
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        core.play([Call("add_task", {"title": "x"}), End()], [Say("A paragraph.\n\n" * 150), End()])
        await send(windows, "talk")
        await answered(windows)
        bar = windows.panel.view.verticalScrollBar()
        await until(lambda: bar.maximum() > 500)
        bar.setSliderPosition(300)
        bar.triggerAction(bar.SliderAction.SliderMove)
        place = windows.panel.view.position()
        windows.panel.focus_input()
        windows.type("an unsent thought")
        told = windows.panel.model.messages()
        await windows.close()
    async with running_core(tmp_path) as core:
        again = Windows(core, look)
        await again.open()
        messages = again.panel.model.messages()
        assert [message.parts for message in messages] == [message.parts for message in told]
        assert messages[-1].tool_titles == told[-1].tool_titles
        assert again.panel.composer.text == "an unsent thought"
        assert again.panel.view.position() == place
        await again.close()


async def test_draft_of_each_chat_is_kept_when_switching(windows: Windows) -> None:
    first = await windows.core.history.create(title="first")
    second = await windows.core.history.create(title="second")
    await windows.panel.open(first.id)
    windows.type("for the first")
    await windows.panel.open(second.id)
    assert windows.panel.composer.text == ""
    windows.type("for the second")
    await until(lambda: windows.spawn.running == 0)
    await windows.panel.open(first.id)
    assert windows.panel.composer.text == "for the first"


async def test_up_in_empty_field_edits_last_message_as_branch(windows: Windows) -> None:
    windows.core.play([Say("first answer"), End()], [Say("second answer"), End()])
    await send(windows, "hello")
    await answered(windows)
    windows.press("Up")
    assert windows.panel.composer.text == "hello"
    windows.type(" again")
    windows.press("Return")
    await until(lambda: "second answer" in windows.texts())
    assert windows.texts() == ["hello again", "second answer"]
    assert windows.panel.model.messages()[0].siblings == (1, 2)


async def test_closing_own_window_never_stops_the_answer(windows: Windows) -> None:
    gate = asyncio.Event()
    windows.core.play([Say("begun "), Hold(gate), Say("and done"), End()])
    await send(windows, "hello")
    await until(lambda: "begun " in windows.texts())
    chat = windows.panel.model.conversation_id
    assert chat is not None
    windows.rooms.open_chat_window(chat)
    own = windows.rooms.windows()[0]
    await until(windows.rooms._panels[-1].model.messages)
    own.close()
    gate.set()
    await answered(windows)
    assert "".join(windows.texts()) == "hellobegun and done"


async def test_answer_in_another_chat_leaves_unread_dot(windows: Windows) -> None:
    gate = asyncio.Event()
    windows.core.play([Say("a"), Hold(gate), Say("b"), End()])
    await send(windows, "hello")
    chat = windows.panel.model.conversation_id
    windows.rooms.new_chat()
    await until(lambda: windows.panel.model.conversation_id is None)

    def mark() -> str:
        return next((line.mark for line in windows.rooms.chats.model.lines() if line.conversation == chat), "")

    await until(lambda: mark() == "running")
    gate.set()
    await until(lambda: mark() == "unread")
