"""What of a conversation is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal_desktop.agent import context
from portal_desktop.agent.context import NO_RESULT, build, message_tokens, sendable
from portal_desktop.messages import (
    Failure,
    Message,
    Note,
    Part,
    Role,
    Text,
    ToolCall,
    ToolReturn,
    ToolSpec,
    assistant,
    user,
)

CALL = ToolCall("c", "look", {"a": 1})
RETURN = ToolReturn("c", "look", "seen")


def test_build_orders_system_history_answer_and_closing() -> None:
    built = build(
        system="Rules", history=[user("a"), assistant("b"), user("c")], answer=[Text("half")], closing="Go on."
    )
    assert [(message.role, message.text) for message in built.messages] == [
        (Role.SYSTEM, "Rules"),
        (Role.USER, "a"),
        (Role.ASSISTANT, "b"),
        (Role.USER, "c"),
        (Role.ASSISTANT, "half"),
        (Role.USER, "Go on."),
    ]
    assert built.manifest.dropped_messages == 0
    assert built.manifest.limit is None


def test_build_unknown_length_budgets_with_4096_and_invents_no_limit() -> None:
    manifest = build(system="", history=[user("x" * 100_000)], context_length=None).manifest
    assert manifest.budget == 4096 - 1024
    assert manifest.limit is None
    assert not manifest.too_long
    assert manifest.free_characters is None


def test_build_known_length_too_short_for_newest_message_says_so_and_keeps_it() -> None:
    built = build(system="", history=[user("old"), user("x" * 10_000)], context_length=1000)
    assert built.manifest.too_long
    assert built.messages == (user("x" * 10_000),)


def test_build_drops_oldest_whole_turns_never_a_result_from_its_call() -> None:
    turns = [
        message
        for number in range(20)
        for message in (
            user(f"{number} " + "q" * 300),
            Message(
                Role.ASSISTANT, (replace(CALL, id=f"c{number}"), replace(RETURN, call_id=f"c{number}"), Text("r" * 300))
            ),
        )
    ]
    built = build(system="s", history=[*turns, user("now")], context_length=2000)
    assert built.messages[1].role is Role.USER
    assert built.messages[-1] == user("now")
    kept = built.messages[1:]
    assert 4 < len(kept) < len(turns)
    assert kept == tuple([*turns, user("now")][-len(kept) :])
    assert built.manifest.dropped_messages == len(turns) + 1 - len(kept)
    assert built.manifest.tokens <= built.manifest.budget


def test_sendable_removes_remarks_and_pairs_calls_with_results() -> None:
    lost = replace(CALL, id="lost")
    message = Message(
        Role.ASSISTANT,
        (CALL, lost, RETURN, Note("n"), Failure(1, "api", "t", "a"), ToolReturn("orphan", "look", "x"), Text("b")),
    )
    assert sendable(message).parts == (CALL, lost, RETURN, Text("b"), ToolReturn("lost", "look", NO_RESULT, ok=False))


def test_build_counts_tools_system_history_and_answer_apart() -> None:
    tools = [ToolSpec("look", "Looks.", {"type": "object"})]
    manifest = build(system="s" * 40, history=[user("h" * 40)], answer=[Text("a" * 40)], tools=tools).manifest
    assert [(entry.part, entry.tokens) for entry in manifest.entries] == [
        ("system", 10),
        ("tool schemas", 7),
        ("history", 14),
        ("answer so far", 14),
    ]
    assert manifest.tokens == 14 + 7 + 14 + 14


PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, st.text(max_size=400)),
    st.builds(ToolCall, st.sampled_from("abc"), st.just("look"), st.just({"a": 1})),
    st.builds(ToolReturn, st.sampled_from("abc"), st.just("look"), st.text(max_size=400)),
    st.builds(Note, st.text(max_size=20)),
)
HISTORY = st.lists(
    st.one_of(
        st.builds(user, st.text(min_size=1, max_size=400)),
        st.builds(Message, st.just(Role.ASSISTANT), st.lists(PARTS, max_size=5).map(tuple)),
    ),
    max_size=15,
)


@settings(max_examples=200, deadline=None)
@given(history=HISTORY, newest=st.text(min_size=1, max_size=200), length=st.integers(512, 5000))
def test_build_any_history_stays_in_budget_keeps_newest_and_pairs(
    history: list[Message], newest: str, length: int
) -> None:
    before = list(history)
    built = build(system="Rules.", history=[*history, user(newest)], context_length=length)
    assert history == before
    assert built.messages[-1] == user(newest)
    assert built.manifest.tokens == sum(map(message_tokens, built.messages))
    assert built.manifest.tokens <= built.manifest.budget
    for message in built.messages:
        calls = {part.id for part in message.parts if isinstance(part, ToolCall)}
        assert calls == {part.call_id for part in message.parts if isinstance(part, ToolReturn)}


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("日本語", 3), ("ab日", 2), ("é" * 8, 2)]
)
def test_estimate_tokens_counts_four_letters_or_one_wide_character(text: str, tokens: int) -> None:
    assert context.estimate_tokens(text) == tokens
