"""The events of a turn as text and as JSON lines, and how a turn ends the command."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence

import pytest

from portal_desktop.cli.exits import Exit
from portal_desktop.cli.turns import begin, follow
from portal_desktop.errors import ProviderError
from portal_desktop.messages import (
    FinishReason,
    PartDelta,
    PartEnd,
    PartStart,
    Phase,
    PhaseChanged,
    Status,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    TurnEvent,
    TurnFinished,
    Usage,
    UsageReport,
)
from tests.cli.conftest import Screen


class ScriptedTurn:
    """Tells the events it is given; one that does not end waits to be stopped."""

    conversation_id = 7
    answer_id = 42

    def __init__(self, events: Sequence[TurnEvent]) -> None:
        self._events = events
        self.started = asyncio.Event()
        self._stopped = asyncio.Event()

    async def events(self) -> AsyncIterator[TurnEvent]:
        for event in self._events:
            yield event
            await asyncio.sleep(0)
        if not self._events or not isinstance(self._events[-1], TurnFinished):
            self.started.set()
            await self._stopped.wait()
            yield TurnFinished(Status.STOPPED)

    async def stop(self) -> None:
        self._stopped.set()


WHOLE: list[TurnEvent] = [
    PhaseChanged(Phase.CONNECTING, "Ollama"),
    PhaseChanged(Phase.READING, fraction=0.5),
    PartStart(0, "thinking"),
    PartDelta(0, "Hm"),
    PartEnd(0, Thinking("Hm.")),
    PartStart(1, "text"),
    PartDelta(1, "Let me "),
    PartDelta(1, "see"),
    PartEnd(1, Text("Let me see")),
    PartStart(2, "tool_call", "c1", "add_task"),
    PartDelta(2, '{"title":'),
    PartEnd(2, ToolCall("c1", "add_task", {"title": "Milk"})),
    PartEnd(3, ToolReturn("c1", "add_task", '{"id": 1}')),
    PartStart(4, "text"),
    PartEnd(4, Text("Done.")),
    UsageReport(Usage(1, 1)),
    TurnFinished(Status.COMPLETE, FinishReason.STOP, "m", Usage(10, 5), warnings=("odd",)),
]


@pytest.mark.spec("X-82")
async def test_turn_as_json_is_the_documented_protocol(json_screen: Screen) -> None:
    assert await follow(ScriptedTurn(WHOLE), json_screen.output) is Exit.COMPLETE
    assert json_screen.events == [
        {"event": "phase", "phase": "connecting", "detail": "Ollama"},
        {"event": "phase", "phase": "reading", "detail": "", "fraction": 0.5},
        {"event": "thinking", "delta": "Hm"},
        {"event": "thinking", "delta": "."},
        {"event": "text", "delta": "Let me "},
        {"event": "text", "delta": "see"},
        {"event": "tool_call", "id": "c1", "name": "add_task", "arguments": {"title": "Milk"}},
        {"event": "tool_result", "id": "c1", "ok": True, "result": '{"id": 1}'},
        {"event": "text", "delta": "Done."},
        {"event": "usage", "prompt_tokens": 10, "completion_tokens": 5},
        {"event": "finish", "reason": "stop", "conversation": 7, "message": 42},
    ]


async def test_turn_as_text_is_the_answer_alone_on_standard_output(screen: Screen) -> None:
    assert await follow(ScriptedTurn(WHOLE), screen.output) is Exit.COMPLETE
    assert screen.text == "Let me see\nDone.\n"
    assert screen.asides == "· add_task …\n· add_task: done\n· odd\n"


@pytest.mark.spec("X-82")
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("server_unreachable", Status.ERROR, Exit.NOT_REACHABLE),
        ("auth_failed", Status.ERROR, Exit.REFUSED),
        ("server_failed", Status.ERROR, Exit.FAILED),
        ("cut_off", Status.INTERRUPTED, Exit.CUT_OFF),
        ("server_failed", Status.INTERRUPTED, Exit.CUT_OFF),
    ],
)
async def test_turn_that_fails_ends_with_an_error_and_its_code(
    name: str, status: Status, code: Exit, json_screen: Screen
) -> None:
    error = ProviderError(name, server="Box", address="x")
    turn = ScriptedTurn([PartDelta(0, "lost: no start"), TurnFinished(status, error=error)])
    assert await follow(turn, json_screen.output) is code
    (event,) = json_screen.events
    assert (event["event"], event["code"], event["kind"]) == ("error", error.code, error.kind.value)


@pytest.mark.spec("X-82")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
async def test_turn_on_an_interrupt_is_stopped_and_keeps_its_text(kind: signal.Signals, json_screen: Screen) -> None:
    turn = ScriptedTurn([PartStart(0, "text"), PartDelta(0, "Half")])
    before = signal.getsignal(kind)
    following = asyncio.create_task(follow(turn, json_screen.output))
    await turn.started.wait()
    os.kill(os.getpid(), kind)
    assert await asyncio.wait_for(following, 5) is Exit.CUT_OFF
    assert json_screen.events == [
        {"event": "text", "delta": "Half"},
        {"event": "finish", "reason": "stopped", "conversation": 7, "message": 42},
    ]
    assert signal.getsignal(kind) is before


async def test_turn_not_begun_on_an_interrupt_sends_nothing(screen: Screen) -> None:
    asked = asyncio.Event()

    async def start() -> ScriptedTurn:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    beginning = asyncio.create_task(begin(start, screen.output))
    await asked.wait()
    os.kill(os.getpid(), signal.SIGINT)
    assert await asyncio.wait_for(beginning, 5) is Exit.CUT_OFF
    assert "before anything was sent" in screen.asides


async def test_turn_whose_reader_went_away_is_stopped(screen: Screen) -> None:
    screen.output.closed = True
    turn = ScriptedTurn([PartStart(0, "text"), PartDelta(0, "Half")])
    assert await asyncio.wait_for(follow(turn, screen.output), 5) is Exit.CUT_OFF


async def test_end_of_a_part_that_differs_adds_only_what_is_missing(screen: Screen) -> None:
    events: list[TurnEvent] = [
        PartStart(0, "text"),
        PartDelta(0, "abc"),
        PartEnd(0, Text("abcdef")),
        PartDelta(0, "gh"),
        PartEnd(0, Text("abcdefgh")),
        TurnFinished(Status.COMPLETE, FinishReason.LENGTH),
    ]
    await follow(ScriptedTurn(events), screen.output)
    assert screen.text.replace("\n", "") == "abcdefgh"
