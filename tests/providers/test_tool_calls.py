"""Arguments and calls that are not what they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal_desktop.messages import PartEnd, PartStart, StreamEvent, Text, ToolCall
from portal_desktop.providers.parts import PartsBuilder
from portal_desktop.providers.tool_calls import (
    CUT_OFF,
    CallAssembler,
    offered_name,
    parse_arguments,
    rescue,
    rescue_calls,
)
from tests.support.streams import OTHER, TOOL


@pytest.mark.spec("R-12")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        (' \n{"a":1}\n', {"a": 1}),
        ('{"a":1}\nI called it.', {"a": 1}),
        ('{"a":1}{"a":1}', {"a": 1}),
        ('```json\n{"a": "`"}\n```', {"a": "`"}),
        (json.dumps(json.dumps({"a": 1})), {"a": 1}),
        ("{'a': 'it', 'b': None}", {"a": "it", "b": None}),
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"a":"\\ud800\\u0000"}', {"a": "\ufffd\ufffd"}),
        ('{"a":["\\ud800",{"b":"\\u0000"}]}', {"a": ["\ufffd", {"b": "\ufffd"}]}),
    ],
)
def test_arguments_with_one_possible_meaning_are_read(text: str, expected: dict[str, Any]) -> None:
    assert parse_arguments(text) == (expected, "")


@pytest.mark.spec("R-12")
@pytest.mark.parametrize(
    "text",
    ['{"a":', "[1]", "1", '"word"', "true", '{"a":NaN}', '{"a":1}{"a":2}', "[" * 100_000, "{'a': f()}", "{'a': 1", "{1: 'x'}", "{'a': {1,2}}", "nonsense"],
)  # fmt: skip
def test_arguments_with_no_or_two_meanings_are_a_problem(text: str) -> None:
    arguments, problem = parse_arguments(text)
    assert arguments == {}
    assert problem


@pytest.mark.parametrize(
    ("name", "expected"),
    [("add", "add"), ("functions.add", "add"), ("Add", "add"), ("tools.ADD", "add"), ("addd", "addd"), ("x", "x")],
)
def test_name_a_model_meant_is_found_among_the_offered(name: str, expected: str) -> None:
    assert offered_name(name, {"add", "x", "X"} if name == "x" else {"add", "other"}) == expected


def test_name_that_may_mean_two_tools_is_left_alone() -> None:
    assert offered_name("ADD", {"add", "Add"}) == "ADD"


@pytest.mark.parametrize(
    ("text", "left", "calls"),
    [
        ('<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>', "", [("add", {"a": 1})]),
        (
            'Hm. <tool_call>{"name":"add","arguments":"{\\"a\\": 1}"}</tool_call> Done.',
            "Hm.  Done.",
            [("add", {"a": 1})],
        ),
        ('[TOOL_REQUEST]{"name":"add","parameters":{"a":1}}[END_TOOL_REQUEST]', "", [("add", {"a": 1})]),
        ('<tool_call>{"name":"add","arguments":{"a":1}}', "", [("add", {"a": 1})]),
        ('```\n{"name":"look_up","arguments":{"q":"x"}}\n```', "", [("look_up", {"q": "x"})]),
        ('<tool_call>{"name":"fly"}</tool_call>', None, []),
        ("<tool_call>{nonsense}</tool_call>", None, []),
        ('Like this: ```json\n{"name":"add"}\n```', None, []),
        ('{"name":"add","arguments":{}}', None, []),
        ("plain", None, []),
    ],
)
def test_calls_written_as_text_are_rescued_when_their_tool_was_offered(
    text: str, left: str | None, calls: list[Any]
) -> None:
    assert rescue_calls(text, (TOOL, OTHER)) == (text if left is None else left, calls)
    assert rescue_calls(text, ()) == (text, [])


def test_rescue_in_a_response_with_real_calls_does_nothing() -> None:
    parts = PartsBuilder()
    parts.call("add", {})
    parts.text('<tool_call>{"name":"add"}</tool_call>')
    assert rescue(parts, (TOOL,)) == []


def test_rescue_in_a_response_replaces_its_text() -> None:
    parts = PartsBuilder()
    events: list[StreamEvent] = [*parts.text('One. <tool_call>{"name":"add"}</tool_call>')]
    events += [*rescue(parts, (TOOL,)), *parts.finish()]
    ended = [event.part for event in events if isinstance(event, PartEnd)]
    assert ended[0] == Text("One.")
    assert isinstance(ended[1], ToolCall)


def test_assembler_shows_a_call_as_soon_as_its_arguments_begin() -> None:
    calls = CallAssembler(PartsBuilder(), {"add"})
    assert calls.feed({"index": 0, "id": "i", "function": {"name": "add", "arguments": ""}}) == []
    shown = calls.feed({"index": 0, "function": {"arguments": "{"}})
    assert shown[0] == PartStart(0, "tool_call", "i", "add")


def test_assembler_cut_at_the_length_limit_keeps_the_whole_calls() -> None:
    calls = CallAssembler(PartsBuilder())
    calls.feed({"index": 0, "id": "i", "function": {"name": "add", "arguments": '{"a":1}'}})
    calls.feed({"index": 1, "id": "j", "function": {"name": "add", "arguments": '{"a"'}})
    ended = [event.part for event in calls.finish(cut=True) if isinstance(event, PartEnd)]
    assert ended == [ToolCall("i", "add", {"a": 1}), ToolCall("j", "add", {}, CUT_OFF, '{"a"')]


@pytest.mark.parametrize(
    "delta", [{}, {"function": None}, {"index": "x", "id": 5, "function": {"name": None, "arguments": 7}}]
)
def test_assembler_on_a_delta_of_nonsense_does_not_fail(delta: Any) -> None:
    calls = CallAssembler(PartsBuilder())
    calls.feed(delta)
    calls.finish()
    assert calls.count == 1
