"""The provider that plays a script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from portal_desktop.errors import InvalidInput, ProviderError
from portal_desktop.messages import (
    Finish,
    FinishReason,
    PartDelta,
    PartEnd,
    PartStart,
    Phase,
    Progress,
    StreamError,
    Text,
    ToolCall,
    Usage,
    user,
)
from portal_desktop.providers.base import ChatRequest
from portal_desktop.providers.scripted import (
    Call,
    Count,
    End,
    Fail,
    News,
    Say,
    ScriptedProvider,
    Silence,
    Step,
    Think,
    Wait,
)
from tests.providers.contract import Turn, check_complete, check_stream
from tests.providers.test_contract import TURNS
from tests.support.clock import FakeClock
from tests.support.streams import events_of, outcome

REQUEST = ChatRequest("demo", (user("hi"),))


async def test_stream_plays_steps_in_order_with_indexes_of_its_own() -> None:
    provider = ScriptedProvider(
        script=[[News(Phase.LOADING), Say("abc", size=2), Call("look", {"a": 1}, id="x"), Count(Usage(3, 4))]]
    )
    call = ToolCall("x", "look", {"a": 1})
    assert [event async for event in provider.stream(REQUEST)][:8] == [
        Progress(Phase.LOADING),
        PartStart(0, "text"),
        PartDelta(0, "ab"),
        PartDelta(0, "c"),
        PartEnd(0, Text("abc")),
        PartStart(1, "tool_call", "x", "look"),
        PartEnd(1, call),
        *[event async for event in ScriptedProvider(script=[[Count(Usage(3, 4))]]).stream(REQUEST)][:1],
    ]
    assert provider.requests == [REQUEST]
    assert provider.remaining == ()


async def test_stream_end_follows_from_the_calls_and_carries_usage() -> None:
    provider = ScriptedProvider(script=[[Call("a"), Count(Usage(1, 2))], [End(FinishReason.LENGTH, warning="w")]])
    events = [event async for event in provider.stream(REQUEST)]
    assert events[-1] == Finish(FinishReason.TOOL_CALLS, "demo", Usage(1, 2))
    events = [event async for event in provider.stream(REQUEST)]
    assert events == [Finish(FinishReason.LENGTH, "demo", None, "w")]


async def test_stream_beyond_the_script_ends_in_an_error_and_unplayed_responses_stay_visible() -> None:
    provider = ScriptedProvider(script=[[Say("a")], [Say("b")]])
    assert len(provider.remaining) == 2
    assert (await provider.complete(REQUEST)).message.text == "a"
    assert provider.remaining == ([Say("b")],)
    assert (await provider.complete(REQUEST)).message.text == "b"
    events = [event async for event in provider.stream(REQUEST)]
    assert isinstance(events[-1], StreamError)
    assert events[-1].error.name == "server_failed"


async def test_stream_repeat_starts_again() -> None:
    provider = ScriptedProvider(script=[[Say("a")], [Say("b")]], repeat=True)
    assert [(await provider.complete(REQUEST)).message.text for _ in range(5)] == ["a", "b", "a", "b", "a"]


async def test_stream_delays_follow_the_clock(fake_clock: FakeClock) -> None:
    provider = ScriptedProvider(script=[[Wait(5), Think("ab", size=1, delay=2)]], clock=fake_clock)
    seen: list[float] = []

    async def read() -> None:
        async for event in provider.stream(REQUEST):
            if isinstance(event, PartDelta):
                seen.append(fake_clock.monotonic())

    reading = asyncio.create_task(read())
    await fake_clock.advance(60)
    await reading
    assert seen == [1007, 1009]


@pytest.mark.parametrize("patient", [True, False])
async def test_stream_silence_asks_patience(patient: bool, fake_clock: FakeClock) -> None:
    async def ask(seconds: float) -> bool:
        assert seconds == 30
        return patient

    provider = ScriptedProvider(script=[[Silence(30), Say("late")]], clock=fake_clock)
    whole = asyncio.create_task(provider.complete(ChatRequest("demo", (user("hi"),), patience=ask)))
    await fake_clock.advance(31)
    if patient:
        assert (await whole).message.text == "late"
    else:
        with pytest.raises(ProviderError) as caught:
            await whole
        assert caught.value.name == "timeout"


async def test_complete_raises_what_the_stream_ends_in() -> None:
    provider = ScriptedProvider(script=[[Say("a"), Fail(ProviderError("connection_lost", server="S"))]])
    with pytest.raises(ProviderError, match="stopped in the middle"):
        await provider.complete(REQUEST)


async def test_response_may_be_made_from_the_request() -> None:
    provider = ScriptedProvider(script=[lambda request: [Say(request.messages[-1].text.upper())]])
    assert (await provider.complete(REQUEST)).message.text == "HI"


async def test_model_facts_of_an_unknown_name_is_model_missing() -> None:
    provider = ScriptedProvider()
    assert (await provider.model_facts("demo")).tools
    with pytest.raises(ProviderError) as caught:
        await provider.model_facts("other")
    assert caught.value.name == "model_missing"


@pytest.mark.parametrize(
    ("request_", "name"), [(ChatRequest("", (user("x"),)), "no_model"), (ChatRequest("demo", ()), "no_messages")]
)
async def test_unusable_request_is_refused_as_by_every_provider(request_: ChatRequest, name: str) -> None:
    provider = ScriptedProvider(script=[[Say("a")]])
    (event,) = [event async for event in provider.stream(request_)]
    assert isinstance(event, StreamError)
    assert event.error.name == name
    with pytest.raises(InvalidInput):
        await provider.complete(request_)
    assert provider.requests == []
    assert len(provider.remaining) == 1


REFUSALS = {401: "auth_failed", 404: "model_missing", 429: "rate_limited", 500: "server_failed", 503: "server_busy"}


def steps_of(turn: Turn) -> list[Step]:
    """Return a turn of the contract as a script."""
    names = {"server": "S", "model": "m", "seconds": 1}
    if turn.status:
        return [Fail(ProviderError(REFUSALS[turn.status], **names))]
    steps: list[Step] = [Think(turn.thinking, size=3)] if turn.thinking else []
    steps += [Say(turn.text, size=3)] if turn.text else []
    steps += [Call(name, arguments, id=f"id{number}") for number, (name, arguments) in enumerate(turn.calls)]
    if turn.cut or turn.error:
        return [*steps, Fail(ProviderError("cut_off" if turn.cut else "server_error_event", **names))]
    return [*steps, Count(Usage(10, 5)), End(FinishReason.LENGTH if turn.length else None)]


@pytest.mark.spec("R-01")
@pytest.mark.parametrize(("turn", "expected"), [pytest.param(t, e, id=i) for i, t, e in TURNS])
async def test_stream_of_a_turn_comes_to_what_the_contract_says(turn: Turn, expected: list[Any]) -> None:
    events = await events_of(ScriptedProvider(script=[steps_of(turn)]), REQUEST)
    check_stream(events)
    assert outcome(events).brief == expected


@pytest.mark.spec("R-01")
async def test_complete_returns_what_the_stream_adds_up_to() -> None:
    script = [steps_of(Turn("Hello", thinking="hm", calls=[("add", {"a": 1})]))] * 2
    provider = ScriptedProvider(script=script)
    await check_complete(provider, REQUEST, lambda: events_of(provider, REQUEST))
