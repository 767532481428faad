"""What goes to a server: one builder, one check, for every provider."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from portal_desktop.errors import InvalidInput
from portal_desktop.messages import (
    Attachment,
    Failure,
    Message,
    Note,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    ToolSpec,
    assistant,
    user,
)
from portal_desktop.providers.base import ChatRequest
from portal_desktop.providers.messages import (
    NOT_RUN,
    WireMessage,
    check_request,
    outgoing,
    to_ollama,
    to_openai,
    tools_to_wire,
    wire_rounds,
)

SYSTEM = Message(Role.SYSTEM, (Text("Be brief."),))
CALL_A, CALL_B = ToolCall("a", "add", {"n": 1}), ToolCall("b", "list", {})
BUILDERS: Sequence[Callable[[Sequence[Message]], list[dict[str, Any]]]] = (to_openai, to_ollama)


def answered(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


@pytest.mark.spec("P-12", "P-43")
@pytest.mark.parametrize(
    ("history", "system", "prompt", "expected"),
    [
        ((), "", "hi", (user("hi"),)),
        ((), "Be brief.", "hi", (SYSTEM, user("hi"))),
        ((user("a"), assistant("b")), "Be brief.", "hi", (SYSTEM, user("a"), assistant("b"), user("hi"))),
        ((SYSTEM, user("a")), "Other.", "hi", (SYSTEM, user("a"), user("hi"))),
        ((user("a"), SYSTEM), "Be brief.", "", (SYSTEM, user("a"), SYSTEM)),
        ((user("hi"),), "", "hi", (user("hi"),)),
        ((user("hi"), assistant("b")), "", "hi", (user("hi"), assistant("b"))),
        ((user("hi"), assistant("b"), user("c")), "", "hi", (user("hi"), assistant("b"), user("c"), user("hi"))),
    ],
)
def test_outgoing_messages_follow_the_rules(
    history: Sequence[Message], system: str, prompt: str, expected: Sequence[Message]
) -> None:
    kept = copy.deepcopy(list(history))
    given = list(history)
    assert outgoing(given, system=system, prompt=prompt) == tuple(expected)
    assert given == kept


@pytest.mark.spec("P-12", "P-43")
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((Text("a"),), [WireMessage("assistant", "a")]),
        ((Thinking("t"), Text("a"), Text("b")), [WireMessage("assistant", "ab", "t")]),
        (
            (Text("a"), CALL_A, CALL_B, ToolReturn("a", "add", "1"), ToolReturn("b", "list", "2"), Text("c")),
            [
                WireMessage("assistant", "a", calls=(CALL_A, CALL_B)),
                WireMessage("tool", "1", call_id="a", name="add"),
                WireMessage("tool", "2", call_id="b", name="list"),
                WireMessage("assistant", "c"),
            ],
        ),
        (
            (CALL_A, ToolReturn("a", "add", "1"), CALL_B, ToolReturn("b", "list", "2")),
            [
                WireMessage("assistant", "", calls=(CALL_A,)),
                WireMessage("tool", "1", call_id="a", name="add"),
                WireMessage("assistant", "", calls=(CALL_B,)),
                WireMessage("tool", "2", call_id="b", name="list"),
            ],
        ),
        (
            (CALL_A, CALL_B, ToolReturn("b", "list", "2"), ToolReturn("a", "add", "1")),
            [
                WireMessage("assistant", "", calls=(CALL_A, CALL_B)),
                WireMessage("tool", "1", call_id="a", name="add"),
                WireMessage("tool", "2", call_id="b", name="list"),
            ],
        ),
        (
            (CALL_A, CALL_B, ToolReturn("a", "add", "1")),
            [
                WireMessage("assistant", "", calls=(CALL_A, CALL_B)),
                WireMessage("tool", "1", call_id="a", name="add"),
                WireMessage("tool", NOT_RUN, call_id="b", name="list"),
            ],
        ),
        ((Thinking("only"), Note("n"), Failure(1, "api", "t", "a"), Attachment("1", "f", "t", 1)), []),
        ((), []),
    ],
    ids=["text", "thinking", "round", "two-rounds", "returns-turned-round", "unanswered-call", "nothing-said", "empty"],
)  # fmt: skip
def test_rounds_of_an_answer_are_cut_as_servers_want_them(parts: Sequence[Part], expected: list[WireMessage]) -> None:
    assert wire_rounds([answered(*parts)]) == expected


@pytest.mark.spec("P-12", "P-43")
@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    "parts",
    [(ToolReturn("x", "add", "1"),), (CALL_A, ToolReturn("x", "add", "1")), (ToolReturn("a", "add", "1"), CALL_A)],
    ids=["no-call", "other-call", "before-its-call"],
)
def test_builder_refuses_a_result_without_its_call(build: Any, parts: Sequence[Part]) -> None:
    with pytest.raises(InvalidInput) as caught:
        build([user("a"), answered(*parts)])
    assert caught.value.name == "orphan_tool_return"


@pytest.mark.spec("P-12", "P-43")
def test_builders_write_calls_as_their_dialect_wants_them() -> None:
    history = [answered(Thinking("t"), CALL_A, ToolReturn("a", "add", "1"))]
    assert to_openai(history)[0]["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"n": 1}'}}
    ]
    assert to_ollama(history) == [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": {"n": 1}}}]},
        {"role": "tool", "content": "1", "tool_name": "add", "tool_call_id": "a"},
    ]  # fmt: skip


@pytest.mark.spec("X-30")
def test_builders_send_thoughts_back_only_when_told_to() -> None:
    history = [answered(Thinking("secret"), Text("a"))]
    assert "secret" not in json.dumps([to_openai(history), to_ollama(history)])
    assert to_ollama(history, thinking=True)[0]["thinking"] == "secret"


def test_builders_send_a_broken_call_as_an_empty_one() -> None:
    broken = ToolCall("a", "add", {}, "not JSON", "{'n'")
    assert to_openai([answered(broken)])[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def _random_history(chance: random.Random) -> list[Message]:
    history: list[Message] = [SYSTEM] if chance.random() < 0.3 else []
    for turn in range(chance.randint(1, 5)):
        history.append(user(chance.choice(["hi", "ü😀", "", "a\nb"]) + str(turn)))
        parts: list[Part] = []
        for part in range(chance.randint(0, 4)):
            kind = chance.choice(["text", "thinking", "calls", "note"])
            if kind == "text":
                parts.append(Text(f"t{part}"))
            elif kind == "thinking":
                parts.append(Thinking(f"k{part}"))
            elif kind == "note":
                parts.append(Note("n"))
            else:
                calls = [ToolCall(f"c{turn}-{part}-{n}", "add", {"n": n}) for n in range(chance.randint(1, 3))]
                answers = [ToolReturn(call.id, call.name, "r") for call in calls if chance.random() < 0.8]
                parts += [*calls, *chance.sample(answers, len(answers))]
        history.append(answered(*parts))
    return history


@pytest.mark.spec("P-12", "P-43")
@pytest.mark.parametrize("build", BUILDERS)
def test_builder_on_a_thousand_histories_keeps_its_promises(build: Any) -> None:
    chance = random.Random(12)
    for _ in range(1000):
        history = _random_history(chance)
        kept = copy.deepcopy(history)
        wired = build(history)
        assert history == kept
        assert json.dumps(wired) == json.dumps(build(tuple(history)))
        asked = [call["id"] for message in wired for call in message.get("tool_calls", ())]
        given = [message["tool_call_id"] for message in wired if message["role"] == "tool"]
        assert asked == given
        for before, after in zip([None, *wired], wired, strict=False):
            if after["role"] == "tool":
                assert before is not None
                assert before["role"] == "tool" or before.get("tool_calls")
        said = "".join(m["content"] for m in wired if m["role"] == "assistant")
        assert said == "".join(m.text for m in history if m.role is Role.ASSISTANT)
        assert [m["content"] for m in wired if m["role"] == "user"] == [m.text for m in history if m.role is Role.USER]


def test_tools_are_told_with_an_adapted_schema() -> None:
    tool = ToolSpec("add", "Adds.", {"type": "object"})
    assert tools_to_wire([tool], lambda schema: {**schema, "x": 1})[0]["function"] == {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "x": 1},
    }


@pytest.mark.spec("R-15")
@pytest.mark.parametrize(
    ("request_", "name", "field"),
    [
        (ChatRequest("", (user("a"),)), "no_model", ""),
        (ChatRequest("  ", (user("a"),)), "no_model", ""),
        (ChatRequest("m", ()), "no_messages", ""),
        (ChatRequest("m", (SYSTEM,)), "no_messages", ""),
        (ChatRequest("m", (user("a"), Message(Role.USER, ()))), "invalid_field", "messages[1].parts"),
        (ChatRequest("m", (Message(Role.USER, (CALL_A,)),)), "invalid_field", "messages[0].parts"),
        (ChatRequest("m", (user("a"), answered(ToolReturn("x", "add", "1")))), "orphan_tool_return", ""),
        (ChatRequest("m", (user("a"),), tools=(ToolSpec("", "d", {"type": "object"}),)), "invalid_field", "tools[0].name"),
        (ChatRequest("m", (user("a"),), tools=(ToolSpec("t", "d", {}),)), "invalid_field", "tools[0].parameters"),
    ],
)  # fmt: skip
def test_request_that_no_server_could_use_is_refused(request_: ChatRequest, name: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_request(request_)
    assert caught.value.name == name
    assert caught.value.values.get("field", "") == field


def test_request_that_a_server_can_use_is_let_through() -> None:
    check_request(ChatRequest("m", (SYSTEM, user("a"), answered(), user("b"))))
