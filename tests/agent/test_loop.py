"""The turn: what it asks, in which order it tells, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from portal_desktop.agent.answer import Answer
from portal_desktop.agent.approval import ApprovalRequest, Decision
from portal_desktop.agent.loop import Agent, Limits, TurnSpec
from portal_desktop.agent.phases import KEEP_WAITING
from portal_desktop.clock import SystemClock
from portal_desktop.errors import IllegalTransition, ProviderError
from portal_desktop.messages import (
    Failure,
    FinishReason,
    Message,
    Mode,
    Note,
    Part,
    PartEnd,
    PartStart,
    Phase,
    PhaseChanged,
    Role,
    Status,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    TurnEvent,
    TurnFinished,
    Usage,
    assistant,
    user,
)
from portal_desktop.providers.base import ChatRequest
from portal_desktop.providers.scripted import (
    Call,
    Count,
    End,
    Fail,
    Hold,
    News,
    Say,
    ScriptedProvider,
    Silence,
    Step,
    Think,
)
from tests.support.clock import FakeClock
from tests.support.toolbox import Toolbox, risky, tool

SPEC = TurnSpec("demo", (user("What is it?"),), system="Be brief.", mode=Mode.ACT)


class Played:
    """A turn that has been read to its end."""

    def __init__(self, events: Sequence[TurnEvent], resume: Sequence[Part] = ()) -> None:
        self.events = list(events)
        answer = Answer(resume)
        for event in events:
            answer.apply(event)
        self.parts = answer.parts()
        last = self.events[-1]
        assert isinstance(last, TurnFinished)
        self.end = last
        self.phases = [event.phase for event in events if isinstance(event, PhaseChanged)]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def notes(self) -> list[str]:
        return [part.text for part in self.parts if isinstance(part, Note)]

    @property
    def returns(self) -> list[ToolReturn]:
        return [part for part in self.parts if isinstance(part, ToolReturn)]


def provider_of(*responses: Any, clock: Any = None) -> ScriptedProvider:
    return ScriptedProvider(script=list(responses), clock=clock)


async def play(
    provider: ScriptedProvider, tools: Toolbox | None = None, spec: TurnSpec = SPEC, clock: Any = None
) -> Played:
    agent = Agent(provider, tools or Toolbox(), clock or SystemClock())
    played = Played([event async for event in agent.run(spec)], spec.resume)
    assert not provider.remaining
    return played


def pairs(request: ChatRequest) -> list[tuple[str, str]]:
    """Return the ids of calls and results in the order in which the request holds them."""
    parts = [part for message in request.messages for part in message.parts]
    return [
        ("call", part.id) if isinstance(part, ToolCall) else ("return", part.call_id)
        for part in parts
        if isinstance(part, ToolCall | ToolReturn)
    ]


async def test_turn_plain_answer_tells_every_phase_once_and_ends_complete() -> None:
    played = await play(provider_of([Think("hm"), Say("It is ", size=2), Say("so.")]))
    assert played.text == "It is so."
    assert played.end.status is Status.COMPLETE
    assert played.phases == [Phase.CONNECTING, Phase.THINKING, Phase.WRITING, Phase.DONE]
    assert [part.kind for part in played.parts] == ["thinking", "text", "text"]


@pytest.mark.spec("P-20")
async def test_turn_three_tools_in_sequence_fourth_request_holds_all_pairs_and_the_question() -> None:
    tools = Toolbox(tool("one", "1"), tool("two", "2"), tool("three", "3"))
    provider = provider_of(
        [Call("one", {"value": "a"})], [Call("two")], [Say("now"), Call("three")], [Say("All done.")]
    )
    played = await play(provider, tools)
    last = provider.requests[3]
    assert pairs(last) == [
        (kind, call.id) for call in [p for p in played.parts if isinstance(p, ToolCall)] for kind in ("call", "return")
    ]
    assert len({call for _, call in pairs(last)}) == 3
    assert last.messages[1] == user("What is it?")
    assert [tool_return.content for tool_return in played.returns] == ["1", "2", "3"]
    assert played.text == "nowAll done."


@pytest.mark.spec("P-20")
async def test_turn_at_round_limit_last_request_has_no_tools_and_a_note_says_so() -> None:
    tools = Toolbox(tool("look"))
    rounds = [[Call("look", {"value": str(n)})] for n in range(8)]
    provider = provider_of(*rounds, [Say("What I know.")])
    played = await play(provider, tools)
    assert [len(request.tools) for request in provider.requests] == [1] * 8 + [0]
    assert played.text == "What I know."
    assert played.notes == ["Stopped calling tools after 8 rounds."]
    assert played.end.status is Status.COMPLETE


async def test_turn_model_calls_on_without_tools_calls_are_answered_not_run() -> None:
    tools = Toolbox(tool("look"))
    provider = provider_of([Call("look")], [Call("look"), Say("well")])
    played = await play(provider, tools, replace(SPEC, limits=Limits(rounds=1)))
    assert len(tools.ran) == 1
    assert [back.ok for back in played.returns] == [True, False]
    assert played.notes == ["Stopped calling tools after 1 round."]


async def test_turn_parallel_calls_stand_before_all_their_returns() -> None:
    played = await play(
        provider_of([Say("both"), Call("a", id="x"), Call("b", id="y")], [Say("ok")]), Toolbox(tool("a"), tool("b"))
    )
    assert [part.kind for part in played.parts] == [
        "text",
        "tool_call",
        "tool_call",
        "tool_return",
        "tool_return",
        "text",
    ]
    starts = [event.index for event in played.events if isinstance(event, PartStart)]
    ends = [event.index for event in played.events if isinstance(event, PartEnd)]
    assert starts == ends == [0, 1, 2, 3, 4, 5]


async def test_turn_same_id_in_two_rounds_gets_ids_of_its_own() -> None:
    provider = provider_of([Call("a", id="call_0")], [Call("a", {"value": "2"}, id="call_0")], [Say("ok")])
    await play(provider, Toolbox(tool("a")))
    ids = [call for kind, call in pairs(provider.requests[2]) if kind == "call"]
    assert len(set(ids)) == 2
    assert pairs(provider.requests[2]) == [(kind, call) for call in ids for kind in ("call", "return")]


@pytest.mark.parametrize(
    ("given", "ran"), [("functions.look_up", "look_up"), ("Look_Up", "look_up"), ("LOOK", None), ("nothing", None)]
)
async def test_turn_tool_name_nearly_right_is_repaired_only_when_unambiguous(given: str, ran: str | None) -> None:
    tools = Toolbox(tool("look_up"), tool("look"), tool("Look"))
    provider = provider_of([Call(given)], [Say("ok")])
    played = await play(provider, tools)
    assert [call.name for call in tools.ran] == ([ran] if ran else [])
    assert played.returns[0].ok == bool(ran)
    if not ran:
        assert "look_up" in played.returns[0].content


async def test_turn_call_with_problem_is_told_to_the_model_and_never_run() -> None:
    tools = Toolbox(tool("look"))
    provider = provider_of([Call("look", problem="the arguments are no JSON")], [Say("sorry")])
    played = await play(provider, tools)
    assert not tools.ran
    assert "the arguments are no JSON" in played.returns[0].content
    assert played.end.status is Status.COMPLETE


async def test_turn_length_limit_inside_arguments_last_call_is_not_run() -> None:
    tools = Toolbox(tool("look"))
    provider = provider_of([Call("look", {"value": "1"}), Call("look", {}), End(FinishReason.LENGTH)], [Say("ok")])
    played = await play(provider, tools)
    assert [call.arguments for call in tools.ran] == [{"value": "1"}]
    assert "length limit" in played.returns[1].content


async def test_turn_chat_mode_offers_no_tools() -> None:
    provider = provider_of([Say("hello")])
    await play(provider, Toolbox(tool("look")), replace(SPEC, mode=Mode.CHAT))
    assert provider.requests[0].tools == ()


@pytest.mark.spec("X-34")
async def test_turn_same_call_for_ever_ends_after_three() -> None:
    tools = Toolbox(tool("look", "nothing new"))
    provider = ScriptedProvider(script=[[Call("look", {"value": "x"})]], repeat=True)
    agent = Agent(provider, tools, SystemClock())
    played = Played([event async for event in agent.run(SPEC)])
    assert len(tools.ran) == 3
    assert played.notes == ["Stopped calling tools: the same call gave the same result 3 times in a row."]
    assert provider.requests[-1].tools == ()


async def test_turn_same_call_with_new_results_goes_on() -> None:
    numbers = iter(range(9))

    async def count(arguments: Any, context: Any) -> object:
        return next(numbers)

    provider = provider_of(*[[Call("look")]] * 5, [Say("ok")])
    played = await play(provider, Toolbox(tool("look", count)))
    assert not played.notes
    assert len(played.returns) == 5


@pytest.mark.spec("X-34")
@pytest.mark.parametrize(
    ("limits", "script", "note"),
    [
        (Limits(calls=2), [[Call("a"), Call("b"), Call("a")], [Say("ok")]], "has used its 2 tool calls"),
        (Limits(tool_seconds=5), [[Call("slow")], [Say("ok")]], "have run for 5 seconds"),
        (Limits(tokens=100), [[Call("a"), Count(Usage(90, 20))]], "budget of 100 tokens"),
        (Limits(rounds=1), [[Call("a")], [Say("ok")]], "after 1 round"),
    ],
)
async def test_turn_each_budget_ends_with_a_text_of_its_own(
    limits: Limits, script: list[list[Step]], note: str, fake_clock: FakeClock
) -> None:
    async def slow(arguments: Any, context: Any) -> object:
        await fake_clock.sleep(60)
        return "late"

    tools = Toolbox(tool("a"), tool("b"), tool("slow", slow))
    turn = asyncio.create_task(play(provider_of(*script), tools, replace(SPEC, limits=limits), fake_clock))
    await fake_clock.advance(61)
    played = await turn
    assert len(played.notes) == 1
    assert note in played.notes[0]
    assert note in (played.end.warnings[0] if limits.tokens else played.notes[0])
    assert played.end.status is Status.COMPLETE


@pytest.mark.spec("X-34")
async def test_turn_waiting_for_the_user_is_no_tool_time(fake_clock: FakeClock) -> None:
    async def slow_yes(request: ApprovalRequest) -> Decision:
        await fake_clock.sleep(200)
        return Decision.ALLOW

    spec = replace(SPEC, approve=slow_yes, limits=Limits(tool_seconds=100))
    turn = asyncio.create_task(play(provider_of([Call("run")], [Say("ok")]), Toolbox(risky("run")), spec, fake_clock))
    await fake_clock.advance(201)
    played = await turn
    assert not played.notes
    assert played.returns[0].ok


async def test_turn_approval_denied_tool_is_not_run_and_the_model_is_told() -> None:
    tools = Toolbox(risky("run"))
    provider = provider_of([Call("run")], [Say("ok")])
    played = await play(provider, tools)
    assert not tools.ran
    assert "did not allow" in played.returns[0].content
    assert Phase.WAITING in played.phases
    assert Phase.TOOL not in played.phases


async def test_turn_approval_without_click_for_300_s_is_denied_and_the_model_is_told(fake_clock: FakeClock) -> None:
    tools = Toolbox(risky("run"))
    asked: list[ApprovalRequest] = []
    withdrawn = []

    async def never(request: ApprovalRequest) -> Decision:
        asked.append(request)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            withdrawn.append(request)
            raise
        return Decision.ALLOW

    provider = provider_of([Call("run", {"value": "x"})], [Say("ok")])
    turn = asyncio.create_task(play(provider, tools, replace(SPEC, approve=never), fake_clock))
    await fake_clock.advance(299.9)
    assert asked
    assert not withdrawn
    assert asked[0].call.arguments == {"value": "x"}
    await fake_clock.advance(0.2)
    played = await turn
    assert withdrawn == asked
    assert not tools.ran
    assert "did not answer within 300 seconds" in played.returns[0].content


async def test_turn_ask_when_of_a_tool_decides_with_the_earlier_calls() -> None:
    seen: list[tuple[object, int]] = []

    def second_time(arguments: Any, earlier: Sequence[ToolCall]) -> str | None:
        seen.append((arguments, len(earlier)))
        return "It is the second time." if earlier else None

    reasons = []

    async def yes(request: ApprovalRequest) -> Decision:
        reasons.append(request.reason)
        return Decision.ALLOW

    tools = Toolbox(tool("add", ask_when=second_time))
    await play(provider_of([Call("add"), Call("add")], [Say("ok")]), tools, replace(SPEC, approve=yes))
    assert seen == [({}, 0), ({}, 1)]
    assert reasons == ["It is the second time."]
    assert len(tools.ran) == 2


@pytest.mark.spec("T-16")
async def test_turn_error_shows_catalogue_words_and_masked_short_details() -> None:
    key = "sk-canary-1234567890abcdef"
    error = ProviderError("server_failed", server="Fake", technical=f"canary <b>{key}</b>\x00 " + "x" * 400)
    agent = Agent(
        provider_of([Fail(error)]), Toolbox(), SystemClock(), redact=lambda text: text.replace(key, "[masked]")
    )
    played = Played([event async for event in agent.run(SPEC)])
    part = played.parts[0]
    assert isinstance(part, Failure)
    assert played.end.status is Status.ERROR
    assert played.end.error is error
    assert "canary" not in part.title + part.advice
    assert "[masked]" in part.details
    assert key not in part.details
    assert len(part.details) <= 200
    assert played.phases[-1] is Phase.FAILED


async def test_turn_error_after_text_is_interrupted_and_keeps_the_text() -> None:
    error = ProviderError("connection_lost", server="Fake")
    played = await play(provider_of([Say("half an ans"), Call("look"), Fail(error)]), Toolbox(tool("look")))
    assert played.end.status is Status.INTERRUPTED
    assert played.text == "half an ans"
    assert [part.kind for part in played.parts] == ["text", "tool_call", "tool_return", "failure"]
    assert not played.returns[0].ok


async def test_turn_empty_answer_is_an_error_that_says_so() -> None:
    played = await play(provider_of([Say("  ")]))
    assert isinstance(played.parts[-1], Failure)
    assert played.end.error is not None
    assert played.end.error.name == "empty_answer"


@pytest.mark.spec("T-15")
async def test_turn_empty_answer_with_fallback_shows_the_apps_own_words() -> None:
    played = await play(provider_of([]), spec=replace(SPEC, fallback="I can do five things."))
    assert played.parts == (Note("I can do five things."),)
    assert played.end.status is Status.COMPLETE


async def test_turn_thinking_only_says_that_there_was_no_answer() -> None:
    played = await play(provider_of([Think("hm")]))
    assert isinstance(played.parts[0], Thinking)
    assert "gave no answer" in played.notes[0]


async def test_turn_known_context_too_small_fails_before_asking() -> None:
    provider = ScriptedProvider()
    spec = replace(SPEC, context_length=600, messages=(user("word " * 2000),))
    played = Played([event async for event in Agent(provider, Toolbox(), SystemClock()).run(spec)])
    assert played.end.error is not None
    assert played.end.error.name == "context_too_long"
    assert not provider.requests


@pytest.mark.spec("X-32")
async def test_turn_walks_through_every_phase_one_at_a_time(fake_clock: FakeClock) -> None:
    async def yes(request: ApprovalRequest) -> Decision:
        return Decision.ALLOW

    patient = []

    async def wait_on(seconds: float) -> bool:
        patient.append(seconds)
        return True

    provider = provider_of(
        [
            News(Phase.QUEUED),
            News(Phase.LOADING),
            News(Phase.READING, fraction=0.25),
            News(Phase.READING, fraction=0.5),
            Silence(120),
            Think("hm"),
            Say("so"),
            Call("run"),
        ],
        [Say("ok")],
        clock=fake_clock,
    )
    spec = replace(SPEC, approve=yes, patience=wait_on)
    turn = asyncio.create_task(play(provider, Toolbox(risky("run")), spec, fake_clock))
    await fake_clock.advance(121)
    played = await turn
    changes = [event for event in played.events if isinstance(event, PhaseChanged)]
    assert [(change.phase, change.detail, change.fraction) for change in changes] == [
        (Phase.CONNECTING, "Scripted", None),
        (Phase.QUEUED, "", None),
        (Phase.LOADING, "", None),
        (Phase.READING, "", 0.25),
        (Phase.READING, "", 0.5),
        (Phase.WAITING, KEEP_WAITING, None),
        (Phase.READING, "", 0.5),
        (Phase.THINKING, "", None),
        (Phase.WRITING, "", None),
        (Phase.WAITING, "Run", None),
        (Phase.TOOL, "Run", None),
        (Phase.CONNECTING, "Scripted", None),
        (Phase.WRITING, "", None),
        (Phase.DONE, "", None),
    ]
    assert patient == [120]
    assert changes[3].started == changes[4].started == changes[6].started


@pytest.mark.spec("X-32")
async def test_turn_unattended_fails_when_a_clock_runs_out(fake_clock: FakeClock) -> None:
    turn = asyncio.create_task(play(provider_of([Silence(120)], clock=fake_clock), clock=fake_clock))
    await fake_clock.advance(121)
    played = await turn
    assert played.end.error is not None
    assert played.end.error.name == "timeout"


STOPS: list[tuple[Phase, list[Step]]] = [
    (Phase.CONNECTING, []),
    (Phase.QUEUED, [News(Phase.QUEUED)]),
    (Phase.LOADING, [News(Phase.LOADING)]),
    (Phase.READING, [News(Phase.READING, fraction=0.1)]),
    (Phase.THINKING, [Think("hm")]),
    (Phase.WRITING, [Say("so far")]),
]


@pytest.mark.spec("X-33")
@pytest.mark.parametrize(("phase", "steps"), STOPS)
async def test_stop_in_each_phase_keeps_the_text_and_closes_the_stream(phase: Phase, steps: list[Step]) -> None:
    provider = provider_of([*steps, Hold(asyncio.Event())])
    agent = Agent(provider, Toolbox(), SystemClock())
    events: list[TurnEvent] = []
    loop = asyncio.get_running_loop()
    stopped = 0.0
    async for event in agent.run(SPEC):
        events.append(event)
        if isinstance(event, PhaseChanged) and event.phase is phase:
            loop.call_later(0.02, agent.stop)
            stopped = loop.time() + 0.02
        if isinstance(event, TurnFinished):
            assert loop.time() - stopped < 0.2
    played = Played(events)
    assert played.end.status is Status.STOPPED
    assert played.phases[-1] is Phase.STOPPED
    assert provider.closed_streams == 1
    assert loop.time() - stopped < 1.0
    assert played.text == ("so far" if phase is Phase.WRITING else "")


@pytest.mark.spec("X-33")
@pytest.mark.parametrize("waiting", [False, True])
async def test_stop_while_a_tool_runs_or_waits_cancels_it_and_keeps_the_pair(waiting: bool) -> None:
    async def for_ever(arguments: Any, context: Any) -> object:
        await asyncio.Event().wait()
        return ""

    async def never(request: ApprovalRequest) -> Decision:
        await asyncio.Event().wait()
        return Decision.ALLOW

    tools = Toolbox(risky("run") if waiting else tool("run", for_ever))
    agent = Agent(provider_of([Call("run", id="c")]), tools, SystemClock())
    phase = Phase.WAITING if waiting else Phase.TOOL
    events = []
    async for event in agent.run(replace(SPEC, approve=never)):
        events.append(event)
        if isinstance(event, PhaseChanged) and event.phase is phase:
            asyncio.get_running_loop().call_later(0.02, agent.stop)
    played = Played(events)
    assert tools.cancelled == ([] if waiting else ["c"])
    assert played.end.status is Status.STOPPED
    assert [(back.call_id, back.ok) for back in played.returns] == [("c", False)]


async def test_stop_before_the_start_ends_at_once() -> None:
    provider = provider_of([Say("never")])
    agent = Agent(provider, Toolbox(), SystemClock())
    agent.stop()
    played = Played([event async for event in agent.run(SPEC)])
    assert played.end.status is Status.STOPPED
    assert not provider.requests


@pytest.mark.spec("T-32")
async def test_agent_runs_once_only() -> None:
    agent = Agent(provider_of([Say("x")]), Toolbox(), SystemClock())
    assert [event async for event in agent.run(SPEC)]
    with pytest.raises(IllegalTransition):
        await anext(agent.run(SPEC))


async def test_agent_closed_iterator_cancels_the_stream() -> None:
    provider = provider_of([Say("x"), Hold(asyncio.Event())])
    events: Any = Agent(provider, Toolbox(), SystemClock()).run(SPEC)
    await anext(events)
    await asyncio.sleep(0)
    await events.aclose()
    assert provider.closed_streams == 1


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("old", "new", "whole"),
    [
        ("The quick brown f", "ox jumps.", "The quick brown fox jumps."),
        ("The quick brown fox", "quick brown fox jumps.", "The quick brown fox jumps."),
        ("The quick brown fox", "\n\nThe quick brown fox jumps.", "The quick brown fox jumps."),
        ("It costs 10", "0 apples", "It costs 100 apples"),
        ("One. Two. ", "Three.", "One. Two. Three."),
    ],
)
async def test_resume_grows_the_last_text_without_the_overlap(old: str, new: str, whole: str, size: int) -> None:
    spec = replace(SPEC, resume=(Text(old),), resume_prompt="Go on.")
    provider = provider_of([Say(new, size=size)])
    played = await play(provider, spec=spec)
    assert played.parts == (Text(whole),)
    assert provider.requests[0].messages[-2:] == (assistant(old), user("Go on."))
    assert played.end.status is Status.COMPLETE


async def test_resume_request_carries_no_remarks_of_the_app() -> None:
    spec = replace(
        SPEC, messages=(user("a"), Message(Role.ASSISTANT, (Note("n"), Failure(1, "api", "t", "a"))), user("b"))
    )
    provider = provider_of([Say("ok")])
    await play(provider, spec=spec)
    assert provider.requests[0].messages[1:] == (user("a"), user("b"))


async def test_resume_cut_again_keeps_words_that_were_held_back() -> None:
    spec = replace(SPEC, resume=(Text("yes or no? "),), resume_prompt="Go on.")
    error = ProviderError("connection_lost", server="S")
    played = await play(provider_of([Say("yes", size=1), Fail(error)]), spec=spec)
    assert played.text == "yes or no? yes"
    assert played.end.status is Status.INTERRUPTED


async def test_thinking_keeps_how_long_it_took(fake_clock: FakeClock) -> None:
    provider = provider_of([Think("ab", size=1, delay=6), Say("so")], clock=fake_clock)
    turn = asyncio.create_task(play(provider, clock=fake_clock))
    await fake_clock.advance(20)
    assert (await turn).parts == (Thinking("ab", 12.0), Text("so"))
