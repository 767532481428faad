"""Turns while the disk is full, over a restart, and with a silent server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.agent.approval import ApprovalRequest, Decision
from portal_desktop.agent.phases import describe
from portal_desktop.clock import Clock, SystemClock
from portal_desktop.errors import StorageError
from portal_desktop.events import StorageTrouble
from portal_desktop.messages import (
    Failure,
    Mode,
    Part,
    PartDelta,
    Phase,
    PhaseChanged,
    Source,
    Status,
    Text,
    ToolReturn,
)
from portal_desktop.net import Network
from portal_desktop.providers.base import Endpoint, ProviderKind
from portal_desktop.providers.openai import OpenAIProvider
from portal_desktop.providers.scripted import Call, Hold, Say, ScriptedProvider
from tests.servers.base import Hold as ServerHold
from tests.servers.base import Reply
from tests.servers.openai import STREAM, FakeOpenAI, answer
from tests.streams import openai as sse
from tests.support.clock import FakeClock
from tests.support.core import Core, core
from tests.support.toolbox import Toolbox, risky, tool


async def full(here: Core, *, is_full: bool) -> None:
    """Let the file grow no further, or again; what SQLite says is what a full disk makes it say."""

    def limit(connection: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if is_full else 2**31}").fetchall()

    await here.database.write(limit)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.spec("X-22")
@pytest.mark.parametrize("ends_while_full", [False, True])
async def test_disk_full_while_streaming_text_stays_and_is_saved_once_there_is_space(
    tmp_path: Path, ends_while_full: bool
) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    text = "word " * 8000
    script = [[Say("Begin. "), Hold(gates[0]), Say(text, size=500), Hold(gates[1]), Say("End."), Hold(gates[2])]]
    async with core(tmp_path, ScriptedProvider(script=script)) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)
        await until(lambda: bool(turn.parts))
        await full(here, is_full=True)
        gates[0].set()
        await until(lambda: any(isinstance(event, StorageTrouble) for event in here.events))
        gates[1].set()
        await until(lambda: "End." in _text(turn.parts))
        assert turn.finished is None
        if ends_while_full:
            gates[2].set()
            assert (await turn.wait()).status is Status.COMPLETE
            assert here.live.turn(turn.conversation_id) is turn
            assert len((await here.history.path(turn.conversation_id))[1].message.text) < len(text)
        await full(here, is_full=False)
        gates[2].set()
        await turn.wait()
        await until(lambda: turn.saved)
        stored = (await here.history.path(turn.conversation_id))[1]
        assert stored.message.text == f"Begin. {text}End." == _text(turn.parts)
        assert stored.status is Status.COMPLETE
        troubles = [event.error_name for event in here.events if isinstance(event, StorageTrouble)]
        assert troubles == ["disk_full"]
        assert here.live.turn(turn.conversation_id) is None


def _text(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


@pytest.mark.spec("X-22")
async def test_disk_full_before_sending_is_told_and_nothing_is_asked(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("ok")]])
    async with core(tmp_path, provider) as here:
        chat = await here.history.create(mode=Mode.CHAT)
        await full(here, is_full=True)
        with pytest.raises(StorageError) as caught:
            await here.live.send(chat.id, "x" * 9000, source=Source.WINDOW)
        assert caught.value.name == "disk_full"
        assert not provider.requests
        await full(here, is_full=False)
        turn = await here.live.send(chat.id, "x" * 9000, source=Source.WINDOW)
        assert (await turn.wait()).status is Status.COMPLETE


@pytest.mark.spec("T-29")
async def test_restart_finds_messages_badges_drafts_branch_and_place(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Call("look", id="c")], [Say("one")], [Say("two")], [Say("three")]])
    async with core(tmp_path, provider, tools=Toolbox(tool("look"))) as here:
        first = await here.live.send(None, "Hi", source=Source.WINDOW, mode=Mode.ACT)
        await first.wait()
        for _ in range(2):
            await (await here.live.regenerate(first.answer_id)).wait()
        chat = first.conversation_id
        await here.history.choose(first.answer_id)
        await here.history.set_draft(chat, "half a thou")
        await here.history.set_scroll(chat, "3:120")
        before = await here.history.path(chat)
    async with core(tmp_path) as here:
        (found,) = await here.history.list()
        assert (found.id, found.draft, found.scroll) == (chat, "half a thou", "3:120")
        after = await here.history.path(chat)
        assert after == before
        assert after[1].id == first.answer_id
        assert len(after[1].siblings) == 3
        assert [part.ok for part in after[1].parts if isinstance(part, ToolReturn)] == [True]


async def test_turns_of_several_chats_run_at_once_and_keep_their_texts_apart(tmp_path: Path) -> None:
    gate = asyncio.Event()
    script = [lambda request: [Hold(gate), Say((request.messages[-1].text + " ") * 50, size=9, delay=0.001)]] * 8
    async with core(tmp_path, ScriptedProvider(script=script)) as here:
        turns = [await here.live.send(None, f"word{n}", source=Source.WINDOW) for n in range(8)]
        assert len(here.live.running()) == 8
        gate.set()
        for number, turn in enumerate(turns):
            await turn.wait()
            stored = (await here.history.path(turn.conversation_id))[1]
            assert stored.message.text == f"word{number} " * 50


async def no_secret() -> None:
    return None


@asynccontextmanager
async def connected(clock: Clock) -> AsyncIterator[tuple[FakeOpenAI, OpenAIProvider]]:
    async with FakeOpenAI() as server:
        network = Network(clock)
        endpoint = Endpoint("fake", ProviderKind.OPENAI, "Fake", f"{server.base_url}/v1")
        yield server, OpenAIProvider(endpoint, network, no_secret)
        await network.close()


@pytest.fixture
async def silent(fake_clock: FakeClock) -> AsyncIterator[tuple[FakeOpenAI, OpenAIProvider]]:
    async with connected(fake_clock) as both:
        yield both


@pytest.mark.spec("T-15")
async def test_task_assistant_silent_server_fails_at_30_s_and_keeps_the_question(
    tmp_path: Path, fake_clock: FakeClock, silent: tuple[FakeOpenAI, OpenAIProvider]
) -> None:
    server, provider = silent
    server.script(Reply([ServerHold(asyncio.Event())], 200, STREAM))
    variables = {"PORTAL_CHAT_DEFAULT_MODEL": "fake/m"}
    async with core(tmp_path, provider, clock=fake_clock, variables=variables) as here:
        chat = await here.history.create(mode=Mode.ACT)

        def choose(connection: Any) -> None:
            connection.execute("UPDATE conversations SET persona = 'tasks' WHERE id = ?", (chat.id,))

        await here.database.write(choose)
        turn = await here.live.send(chat.id, "Add milk", source=Source.WINDOW)
        await until(lambda: bool(server.chats))
        await asyncio.sleep(0.05)
        await fake_clock.advance(28.9)
        await asyncio.sleep(0.05)
        assert turn.finished is None
        await fake_clock.advance(2.0)
        end = await asyncio.wait_for(turn.wait(), 5)
        assert end.error is not None
        assert end.error.name == "timeout"
        asked, failed = await here.history.path(chat.id)
        assert asked.message.text == "Add milk"
        assert failed.status is Status.ERROR
        assert isinstance(failed.parts[0], Failure)
        assert "30 seconds" in failed.parts[0].title


@pytest.mark.spec("X-32")
async def test_silent_server_asks_a_watching_user_and_goes_on(
    tmp_path: Path, fake_clock: FakeClock, silent: tuple[FakeOpenAI, OpenAIProvider]
) -> None:
    server, provider = silent
    gate = asyncio.Event()
    server.script(Reply([ServerHold(gate), sse.say("At last."), sse.end()], 200, STREAM))
    asked: list[float] = []

    async def patient(seconds: float) -> bool:
        asked.append(seconds)
        return True

    variables = {"PORTAL_CHAT_DEFAULT_MODEL": "fake/m"}
    async with core(tmp_path, provider, clock=fake_clock, variables=variables) as here:
        turn = await here.live.send(None, "Hello", source=Source.WINDOW, patience=patient)
        await until(lambda: bool(server.chats))
        await asyncio.sleep(0.05)
        await fake_clock.advance(121)
        await until(lambda: bool(asked))
        gate.set()
        async for event in turn.events():
            if isinstance(event, PartDelta):
                break
        await fake_clock.advance(1)
        assert (await turn.wait()).status is Status.COMPLETE
        assert asked == [pytest.approx(120, abs=2)]


@pytest.mark.spec("X-32")
async def test_phase_follows_a_server_through_a_turn_within_half_a_second(tmp_path: Path) -> None:
    gates = [asyncio.Event() for _ in range(7)]
    told: list[PhaseChanged] = []

    async def allow(request: ApprovalRequest) -> Decision:
        await gates[5].wait()
        return Decision.ALLOW

    async def run(arguments: Any, context: Any) -> object:
        await gates[6].wait()
        return "ran"

    progress = {"total": 100, "cache": 0, "processed": 25, "time_ms": 5}
    steps = [
        ServerHold(gates[1]),
        sse.chunk({"role": "assistant", "content": None}, prompt_progress=progress),
        ServerHold(gates[2]),
        sse.think("hm"),
        ServerHold(gates[3]),
        sse.say("So. "),
        ServerHold(gates[4]),
        sse.call(0, "c", "run", "{}"),
        sse.end("tool_calls"),
    ]
    box = Toolbox(replace(risky("run"), run=run))
    variables = {"PORTAL_CHAT_DEFAULT_MODEL": "fake/m"}
    async with (
        connected(SystemClock()) as (server, provider),
        core(tmp_path, provider, tools=box, variables=variables) as here,
    ):
        server.script(Reply(steps, 200, STREAM, head=[ServerHold(gates[0])]), answer("Done."))
        turn = await here.live.send(None, "Hello", source=Source.WINDOW, mode=Mode.ACT, approve=allow)

        async def listen() -> None:
            async for event in turn.events():
                if isinstance(event, PhaseChanged):
                    told.append(event)

        listening = asyncio.create_task(listen())
        expected = [
            (None, Phase.CONNECTING, "Fake"),
            (1, Phase.READING, ""),
            (2, Phase.THINKING, ""),
            (3, Phase.WRITING, ""),
            (4, Phase.WAITING, "Run"),
            (5, Phase.TOOL, "Run"),
            (6, Phase.DONE, ""),
        ]
        gates[0].set()
        for gate, phase, detail in expected:
            if gate is not None:
                gates[gate].set()
            async with asyncio.timeout(0.5):
                while (turn.phase.phase, turn.phase.detail) != (phase, detail):
                    await asyncio.sleep(0.005)
            words = describe(turn.phase, heard=turn.heard, now=SystemClock().monotonic())
            assert words
        await listening
        assert [event.fraction for event in told if event.phase is Phase.READING] == [0.25]
        assert [event.phase for event in told] == [
            *(phase for _, phase, _ in expected[:-1]),
            Phase.CONNECTING,
            Phase.WRITING,
            Phase.DONE,
        ]


@pytest.mark.expects_log("could not be saved")
async def test_close_with_a_full_disk_gives_up_in_time_and_says_so(tmp_path: Path) -> None:
    gate = asyncio.Event()
    script = [[Say("Begin. "), Hold(gate), Say("word " * 8000)]]
    async with core(tmp_path, ScriptedProvider(script=script)) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)
        await until(lambda: bool(turn.parts))
        await full(here, is_full=True)
        gate.set()
        assert (await turn.wait()).status is Status.COMPLETE
        assert not turn.saved
        await asyncio.wait_for(here.live.close(), 5)
        await full(here, is_full=False)
        assert (await here.history.path(turn.conversation_id))[1].status is Status.STREAMING
