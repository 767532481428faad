"""The real engine with the scripted model, through the same provider the app uses."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.errors import ProviderError
from portal_desktop.messages import (
    Finish,
    FinishReason,
    Message,
    PartDelta,
    PartEnd,
    PartStart,
    Phase,
    Progress,
    Role,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    ToolSpec,
    user,
)
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Sampling
from portal_desktop.providers.engine.engine import Engine
from portal_desktop.providers.engine.launch import engine_command
from portal_desktop.providers.engine.models import ModelFiles
from portal_desktop.providers.engine.provider import EngineProvider
from tests.models.embedder import build_embedder
from tests.models.scripted import CHAINS, CONTEXT, PLAIN_TEMPLATE, SPLIT_TEXT, build_random, build_scripted
from tests.providers.contract import check_complete, check_stream

pytestmark = pytest.mark.integration

ADD = ToolSpec(
    "add_task",
    "Adds a task",
    {
        "type": "object",
        "properties": {"title": {"type": "string"}, "due_date": {"type": "string"}},
        "required": ["title"],
    },
)


@pytest.fixture
async def provider(scripted_model: Path, engine: Engine) -> AsyncIterator[EngineProvider]:
    network = Network(SystemClock())
    embedder = Engine(engine_command(), dict(os.environ), SystemClock(), threads=lambda: 1, embedding=True)
    provider = EngineProvider(ModelFiles(scripted_model.parent), engine, embedder, network)
    yield provider
    await provider.close()
    await network.close()


def ask(text: str, **more: Any) -> ChatRequest:
    return ChatRequest("scripted", (user(text),), sampling=Sampling(temperature=0), **more)


async def events_of(provider: EngineProvider, request: ChatRequest) -> list[StreamEvent]:
    async with aclosing(provider.stream(request)) as events:
        return [event async for event in events]


def parts_of(events: list[StreamEvent]) -> list[object]:
    assert isinstance(events[-1], Finish), events[-1]
    return [event.part for event in events if isinstance(event, PartEnd)]


def error_of(events: list[StreamEvent]) -> ProviderError:
    assert isinstance(events[-1], StreamError), events[-1]
    assert isinstance(events[-1].error, ProviderError)
    return events[-1].error


@pytest.mark.spec("X-26", "R-01")
async def test_stream_text_comes_in_pieces_with_usage_at_the_end(provider: EngineProvider) -> None:
    events = await events_of(provider, ask("Hello"))
    assert parts_of(events) == [Text(CHAINS["text"].text)]
    assert sum(isinstance(event, PartDelta) for event in events) >= 5
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.model) == (FinishReason.STOP, "scripted")
    assert finish.usage is not None
    assert finish.usage.completion_tokens == len(CHAINS["text"].pieces) + 1


async def test_stream_first_time_tells_that_the_model_is_loading_second_time_not(provider: EngineProvider) -> None:
    first = await events_of(provider, ask("Hello"))
    second = await events_of(provider, ask("Hello"))
    assert first[0] == Progress(Phase.LOADING, "scripted")
    assert not any(isinstance(event, Progress) and event.phase is Phase.LOADING for event in second)


@pytest.mark.spec("X-30")
async def test_stream_reasoning_is_a_part_of_its_own(provider: EngineProvider) -> None:
    thinking, text = parts_of(await events_of(provider, ask("please think")))
    assert thinking == Thinking("The user wants me to reason.")
    assert text == Text("Thought about it: yes.")


@pytest.mark.spec("X-26")
async def test_stream_characters_split_over_tokens_arrive_whole(provider: EngineProvider) -> None:
    events = await events_of(provider, ask("emoji"))
    assert parts_of(events) == [Text(f"Look: {SPLIT_TEXT} – done.")]
    assert not any(isinstance(event, PartDelta) and "\ufffd" in event.text for event in events)


@pytest.mark.spec("X-26")
async def test_stream_one_tool_call_arrives_in_fragments_after_its_text(provider: EngineProvider) -> None:
    events = await events_of(provider, ask("add milk", tools=(ADD,)))
    text, call = parts_of(events)
    assert text == Text("I will add that.\n")
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, call.problem) == ("add_task", {"title": "Buy oat milk"}, "")
    starts = [event for event in events if isinstance(event, PartStart) and event.part == "tool_call"]
    assert [start.name for start in starts] == ["add_task"]
    assert sum(isinstance(event, PartDelta) and event.index == starts[0].index for event in events) > 2
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason is FinishReason.TOOL_CALLS


@pytest.mark.spec("X-26")
async def test_stream_two_tool_calls_arrive_apart(provider: EngineProvider) -> None:
    _, one, other = parts_of(await events_of(provider, ask("add both", tools=(ADD,))))
    assert isinstance(one, ToolCall)
    assert isinstance(other, ToolCall)
    assert (one.arguments, other.arguments) == ({"title": "Ring Anna"}, {"title": "Water the plants"})
    assert one.id != other.id


@pytest.mark.spec("X-26")
async def test_stream_after_a_tool_result_answers_in_words(provider: EngineProvider) -> None:
    _, call = parts_of(await events_of(provider, ask("add milk", tools=(ADD,))))
    assert isinstance(call, ToolCall)
    answered = Message(Role.ASSISTANT, (call, ToolReturn(call.id, call.name, "added")))
    request = ChatRequest("scripted", (user("add milk"), answered), tools=(ADD,), sampling=Sampling(temperature=0))
    assert parts_of(await events_of(provider, request)) == [Text(CHAINS["after_tool"].text)]


@pytest.mark.spec("X-26", "R-39")
async def test_stream_endless_closed_early_frees_the_engine(provider: EngineProvider) -> None:
    async with aclosing(provider.stream(ask("long"))) as events:
        seen = 0
        async for event in events:
            seen += isinstance(event, PartDelta)
            if seen == 200:
                break
    before = time.monotonic()
    assert parts_of(await events_of(provider, ask("Hello"))) == [Text(CHAINS["text"].text)]
    assert time.monotonic() - before < 2


@pytest.mark.spec("R-39")
async def test_stream_endless_cancelled_100_times_leaves_no_task_and_no_socket(provider: EngineProvider) -> None:
    await events_of(provider, ask("Hello"))
    files = len(list(Path("/proc/self/fd").iterdir()))
    tasks = len(asyncio.all_tasks())
    for number in range(100):
        using = asyncio.create_task(events_of(provider, ask("long")))
        await asyncio.sleep(0.002 * (1 + number % 5))
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= tasks
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 1


@pytest.mark.spec("P-19")
async def test_stream_model_whose_template_knows_no_tools_answers_without_and_says_so(
    provider: EngineProvider, tmp_path: Path
) -> None:
    provider._files = ModelFiles(tmp_path)
    build_scripted(tmp_path / "scripted.gguf", template=PLAIN_TEMPLATE)
    facts = await provider.model_facts("scripted")
    assert (facts.tools, facts.thinking) == (False, False)
    events = await events_of(provider, ask("add milk", tools=(ADD,)))
    assert parts_of(events) == [Text(CHAINS["text"].text)]
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.warning == "scripted cannot use tools; it answered without them."
    unwarned = (await events_of(provider, ask("Hello")))[-1]
    assert isinstance(unwarned, Finish)
    assert unwarned.warning == ""


async def test_stream_max_tokens_ends_with_length(provider: EngineProvider) -> None:
    request = ChatRequest("scripted", (user("long"),), sampling=Sampling(temperature=0, max_tokens=6))
    finish = (await events_of(provider, request))[-1]
    assert isinstance(finish, Finish)
    assert finish.reason is FinishReason.LENGTH
    assert finish.usage is not None
    assert finish.usage.completion_tokens == 6


@pytest.mark.spec("R-01", "P-12")
async def test_engine_keeps_the_promises_of_every_provider(provider: EngineProvider) -> None:
    for text in ("Hello", "please think", "emoji", "add milk", "add both"):
        check_stream(await events_of(provider, ask(text, tools=(ADD,))))
    for text in ("Hello", "please think", "emoji"):
        request = ask(text)
        await events_of(provider, request)
        await check_complete(provider, request, partial(events_of, provider, request))


async def test_stream_twice_at_once_shares_one_process(provider: EngineProvider) -> None:
    both = await asyncio.gather(provider.complete(ask("Hello")), provider.complete(ask("emoji")))
    assert [answer.message.text for answer in both] == [CHAINS["text"].text, CHAINS["split"].text]


async def test_stream_too_long_for_the_context_is_said_as_that(provider: EngineProvider) -> None:
    assert error_of(await events_of(provider, ask("word " * 8000))).name == "context_too_long"


@pytest.mark.spec("X-26")
async def test_stream_truncated_file_is_not_a_valid_model_file(
    provider: EngineProvider, scripted_model: Path, tmp_path: Path
) -> None:
    provider._files = ModelFiles(tmp_path)
    (tmp_path / "scripted.gguf").write_bytes(scripted_model.read_bytes()[:-5000])
    error = error_of(await events_of(provider, ask("Hello")))
    assert error.title == "scripted.gguf is not a valid model file"


async def test_stream_missing_file_is_model_missing(provider: EngineProvider) -> None:
    error = error_of(await events_of(provider, ChatRequest("absent", (user("a"),))))
    assert error.name == "model_missing"


async def test_stream_file_the_engine_refuses_names_it(provider: EngineProvider, tmp_path: Path) -> None:
    provider._files = ModelFiles(tmp_path)
    path = build_random(tmp_path / "scripted.gguf")
    path.write_bytes(
        path.read_bytes().replace(
            b"general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00llama",
            b"general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00lxxxa",
        )
    )
    error = error_of(await events_of(provider, ask("Hello")))
    assert error.name == "model_not_loaded"
    assert "lxxxa" in error.technical


@pytest.mark.spec("X-26")
async def test_stream_engine_killed_midway_is_explained_and_restarted(provider: EngineProvider, engine: Engine) -> None:
    events: list[StreamEvent] = []
    victim = 0
    async with aclosing(provider.stream(ask("long"))) as stream:
        async for event in stream:
            events.append(event)
            if not victim and isinstance(event, PartDelta) and engine._process is not None:
                victim = engine._process.pid or 0
                os.kill(victim, signal.SIGKILL)
    error = error_of(events)
    assert error.name == "engine_crashed"
    assert "SIGKILL" in error.technical
    assert any(isinstance(event, PartEnd) for event in events)
    assert parts_of(await events_of(provider, ask("Hello"))) == [Text(CHAINS["text"].text)]


async def test_stream_of_random_weights_ends_in_one_final_event(provider: EngineProvider, tmp_path: Path) -> None:
    provider._files = ModelFiles(tmp_path)
    build_random(tmp_path / "random.gguf")
    for seed in range(5):
        request = ChatRequest("random", (user("a"),), sampling=Sampling(temperature=1.5, seed=seed, max_tokens=80))
        events = await events_of(provider, request)
        assert sum(isinstance(event, Finish | StreamError) for event in events) == 1
        for event in events:
            if isinstance(event, PartDelta):
                event.text.encode()


@pytest.mark.spec("P-19")
async def test_list_models_starts_nothing_and_marks_the_loaded_one(provider: EngineProvider, engine: Engine) -> None:
    (model,) = await provider.list_models()
    assert (model.id, model.loaded) == ("scripted", False)
    assert engine.loaded is None
    await events_of(provider, ask("Hello"))
    (model,) = await provider.list_models()
    assert (model.loaded, model.loaded_context) == (True, CONTEXT)
    assert (await provider.model_facts("scripted")).loaded is True


async def test_embed_gives_one_unit_vector_per_text_without_unloading_the_chat_model(
    provider: EngineProvider, engine: Engine, scripted_model: Path, tmp_path: Path
) -> None:
    await events_of(provider, ask("Hello"))
    provider._files = ModelFiles(tmp_path)
    build_embedder(tmp_path / "embedder.gguf")
    assert (await provider.model_facts("embedder")).embedding is True
    vectors = await provider.embed("embedder", ["buy milk", "call anna", "buy milk"])
    assert [len(vector) for vector in vectors] == [64, 64, 64]
    assert sum(value * value for value in vectors[0]) == pytest.approx(1, abs=1e-3)
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-4)
    assert vectors[0] != pytest.approx(vectors[1], abs=1e-2)
    assert engine.loaded == scripted_model


async def test_embed_with_a_chat_model_says_that_it_cannot(provider: EngineProvider) -> None:
    with pytest.raises(ProviderError) as raised:
        await provider.embed("scripted", ["Hello"])
    assert raised.value.name == "not_supported"
    assert await provider.embed("scripted", []) == []


async def test_close_twice_ends_the_engine(provider: EngineProvider, engine: Engine) -> None:
    await events_of(provider, ask("Hello"))
    await provider.close()
    await provider.close()
    assert engine.loaded is None
