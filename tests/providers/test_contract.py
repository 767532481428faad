"""What every provider promises, whatever it speaks on the wire."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from portal_desktop.errors import InvalidInput, ProviderError
from portal_desktop.messages import Message, PartDelta, Role, Text, ToolCall, ToolReturn, ToolSpec, Usage, user
from portal_desktop.net import Network
from portal_desktop.providers import messages
from portal_desktop.providers.base import ChatRequest, Deadlines
from tests.providers.contract import SERVED, STAGES, ServedStage, Stage, Turn, check_complete, check_stream
from tests.servers.base import Hold
from tests.support.streams import HISTORY, TOOL, ask, events_of, outcome, run


@pytest.fixture(params=list(STAGES))
async def stage(request: pytest.FixtureRequest, network: Network) -> AsyncIterator[Stage]:
    async with STAGES[request.param](network) as made:
        yield made


@pytest.fixture(params=list(SERVED))
async def served(request: pytest.FixtureRequest, network: Network) -> AsyncIterator[ServedStage]:
    async with SERVED[request.param](network) as made:
        yield made


def asked(stage: Stage, *said: Message, **options: Any) -> ChatRequest:
    return ask(*said, model=stage.model, **options)


TURNS = [
    ("text", Turn("Hello there"), [("text", "Hello there"), "stop"]),
    ("unicode", Turn("Grüße 😀 \u2028 日本"), [("text", "Grüße 😀 \u2028 日本"), "stop"]),
    ("thinking", Turn("yes", thinking="because"), [("thinking", "because"), ("text", "yes"), "stop"]),
    ("call", Turn(calls=[("add", {"a": 1})]), [("call", "id0", "add", {"a": 1}), "tool_calls"]),
    ("text-and-call", Turn("So: ", calls=[("add", {})]), [("text", "So: "), ("call", "id0", "add", {}), "tool_calls"]),
    (
        "parallel-calls",
        Turn(calls=[("add", {"a": 1}), ("add", {"a": 2})]),
        [("call", "id0", "add", {"a": 1}), ("call", "id1", "add", {"a": 2}), "tool_calls"],
    ),
    ("length", Turn("Hel", length=True), [("text", "Hel"), "length"]),
    ("cut", Turn("Hel", cut=True), [("text", "Hel"), "cut_off"]),
    ("error-inside", Turn("Hel", error="boom"), [("text", "Hel"), "server_error_event"]),
    ("401", Turn(status=401), ["auth_failed"]),
    ("404", Turn(status=404, error="model 'm' not found"), ["model_missing"]),
    ("429", Turn(status=429), ["rate_limited"]),
    ("500", Turn(status=500), ["server_failed"]),
    ("503", Turn(status=503), ["server_busy"]),
]


@pytest.mark.spec("R-01", "P-43", "T-27")
@pytest.mark.parametrize(("turn", "expected"), [pytest.param(t, e, id=i) for i, t, e in TURNS])
async def test_stream_of_a_turn_comes_to_the_same_with_every_provider(
    stage: Stage, turn: Turn, expected: list[Any]
) -> None:
    stage.play(turn)
    events = await events_of(stage.provider, asked(stage, tools=(TOOL,)))
    check_stream(events)
    assert outcome(events).brief == expected


@pytest.mark.spec("R-01")
async def test_last_event_carries_model_reason_and_usage(stage: Stage) -> None:
    stage.play(Turn("Hello"))
    ended = await run(stage.provider, asked(stage))
    assert (ended.end, ended.model) == ("stop", stage.model)
    assert isinstance(ended.usage, Usage)
    assert ended.usage.prompt_tokens > 0
    assert ended.usage.completion_tokens > 0


@pytest.mark.spec("R-01", "P-12", "R-14")
async def test_complete_sends_and_returns_what_stream_does(stage: Stage) -> None:
    history = (
        Message(Role.SYSTEM, (Text("Be brief."),)),
        user("ü😀"),
        Message(Role.ASSISTANT, (ToolCall("c", "add", {"a": 1}), ToolReturn("c", "add", "2"), Text("2"))),
        user("again"),
    )
    request = asked(stage, *history, tools=(TOOL,))
    kept = copy.deepcopy(request)
    stage.play(Turn("Hello", thinking="hm"))
    stage.play(Turn("Hello", thinking="hm"))
    await check_complete(stage.provider, request, lambda: events_of(stage.provider, request))
    first, second = stage.bodies()
    assert first == second
    assert request == kept


@pytest.mark.spec("R-15")
@pytest.mark.parametrize(
    ("broken", "name", "code"),
    [
        (ChatRequest("", HISTORY), "no_model", 1003),
        (ChatRequest("m", ()), "no_messages", 1004),
        (ChatRequest("m", (user("a"), Message(Role.ASSISTANT, (ToolReturn("x", "f", "1"),)))), "orphan_tool_return", 1005),
        (ChatRequest("m", HISTORY, tools=(ToolSpec("", "", {"type": "object"}),)), "invalid_field", 1001),
    ],
)  # fmt: skip
async def test_request_that_cannot_be_used_is_refused_alike_and_unsent(
    stage: Stage, broken: ChatRequest, name: str, code: int
) -> None:
    streamed = (await run(stage.provider, broken)).error
    with pytest.raises(InvalidInput) as caught:
        await stage.provider.complete(broken)
    assert isinstance(streamed, InvalidInput)
    for error in (streamed, caught.value):
        assert (error.name, error.code) == (name, code)
    assert (streamed.title, streamed.advice) == (caught.value.title, caught.value.advice)
    assert stage.bodies() == []


@pytest.mark.spec("R-15")
async def test_check_that_refuses_everything_stops_every_provider(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: Message) -> None:
        raise InvalidInput("busy")

    monkeypatch.setattr(messages, "_check_returns", refuse)
    assert (await run(stage.provider, asked(stage))).end == "busy"
    assert stage.bodies() == []


@pytest.mark.spec("R-01")
@pytest.mark.parametrize("at", ["first", "middle"])
async def test_closing_the_iterator_closes_the_connection(served: ServedStage, at: str) -> None:
    served.play(Turn("some text" if at == "middle" else "", gate=Hold(asyncio.Event())))
    reading = asyncio.create_task(events_of(served.provider, asked(served)))
    while not served.bodies():
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.03)
    started = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    request = served.server.requests[-1]
    await asyncio.wait_for(request.gone.wait(), 2)
    assert request.gone_at - started < 0.1


@pytest.mark.spec("R-01")
async def test_stream_abandoned_after_its_first_text_closes_the_connection(served: ServedStage) -> None:
    served.play(Turn("some text", gate=Hold(asyncio.Event())))
    stream: Any = served.provider.stream(asked(served))
    async for event in stream:
        if isinstance(event, PartDelta):
            break
    await stream.aclose()
    await asyncio.wait_for(served.server.requests[-1].gone.wait(), 2)


@pytest.mark.spec("P-13")
async def test_silence_beyond_the_clock_is_a_timeout_with_the_text_kept(served: ServedStage) -> None:
    served.play(Turn("some text", gate=Hold(asyncio.Event())))
    ended = await run(served.provider, asked(served, deadlines=Deadlines(1, 1, 0.15)))
    assert ended.brief == [("text", "some text"), "timeout"]


@pytest.mark.spec("R-12")
async def test_streams_at_the_same_time_do_not_mix(stage: Stage) -> None:
    texts = [f"answer {n} " * 10 for n in range(20)]
    for text in texts:
        stage.play(Turn(text))
    ended = await asyncio.gather(*(run(stage.provider, asked(stage)) for _ in texts))
    assert sorted(one.brief[0][1] for one in ended) == sorted(texts)


@pytest.mark.spec("R-01")
async def test_models_of_a_provider_are_those_of_its_server(stage: Stage) -> None:
    listed = await stage.provider.list_models()
    assert stage.model in [facts.id for facts in listed]
    facts = await stage.provider.model_facts(stage.model)
    assert facts.full_id == f"fake/{stage.model}"
    assert facts.streaming


@pytest.mark.spec("R-01")
async def test_facts_of_a_model_that_is_not_there_are_an_error(stage: Stage) -> None:
    with pytest.raises(ProviderError) as caught:
        await stage.provider.model_facts("no-such-model")
    assert caught.value.name == "model_missing"


@pytest.mark.spec("R-01")
async def test_provider_of_a_server_that_is_down_says_so_everywhere(served: ServedStage) -> None:
    await served.server.stop()
    assert (await run(served.provider, asked(served))).end == "server_unreachable"
    with pytest.raises(ProviderError) as caught:
        await served.provider.list_models()
    assert caught.value.name == "server_unreachable"


async def test_provider_closed_twice_is_closed(stage: Stage) -> None:
    await stage.provider.close()
    await stage.provider.close()
