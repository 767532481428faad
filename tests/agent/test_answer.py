"""Events and the answer they add up to."""

from __future__ import annotations

from portal_desktop.agent.answer import Answer
from portal_desktop.messages import Note, PartDelta, PartEnd, PartStart, Text, Thinking, ToolCall, TurnEvent

EVENTS: list[TurnEvent] = [
    PartStart(0, "thinking"),
    PartDelta(0, "h"),
    PartDelta(0, "m"),
    PartEnd(0, Thinking("hm", 1.5)),
    PartStart(1, "tool_call", "c", "look"),
    PartDelta(1, '{"a'),
    PartEnd(1, ToolCall("c", "look", {"a": 1})),
    PartEnd(2, Note("n")),
    PartStart(3, "text"),
    PartDelta(3, "be"),
    PartDelta(3, "gun"),
]


def test_answer_replay_leads_to_the_same_state_at_every_point() -> None:
    for length in range(len(EVENTS) + 1):
        first, second = Answer(), Answer()
        for event in EVENTS[:length]:
            first.apply(event)
        for event in first.replay():
            second.apply(event)
        assert second.parts() == first.parts()
        assert second.open_parts() == first.open_parts()


def test_answer_open_call_carries_a_problem() -> None:
    answer = Answer()
    for event in EVENTS[4:6]:
        answer.apply(PartStart(0, "tool_call", "c", "look") if isinstance(event, PartStart) else PartDelta(0, '{"a'))
    (call,) = answer.parts()
    assert isinstance(call, ToolCall)
    assert call.problem
    assert call.raw == '{"a'


def test_answer_delta_after_the_end_opens_the_text_again() -> None:
    answer = Answer([Text("old")])
    answer.apply(PartDelta(0, " and new"))
    assert answer.parts() == (Text("old and new"),)
    assert answer.open_parts()
