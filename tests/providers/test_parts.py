"""Parts, their indexes, and think tags."""

from __future__ import annotations

from itertools import count

import pytest

from portal_desktop.messages import Part, PartDelta, PartEnd, PartStart, StreamEvent, Text, Thinking, ToolCall
from portal_desktop.providers.parts import PartsBuilder


def folded(events: list[StreamEvent]) -> list[Part]:
    """Check the order of the events and return the parts by index."""
    kinds: dict[int, str] = {}
    shown: dict[int, str] = {}
    parts: dict[int, Part] = {}
    for event in events:
        match event:
            case PartStart(index=index, part=kind):
                assert index == len(kinds)
                kinds[index], shown[index] = kind, ""
            case PartDelta(index=index, text=text):
                assert index not in parts
                assert text
                shown[index] += text
            case PartEnd(index=index, part=part):
                assert index in kinds
                assert index not in parts
                parts[index] = part
    assert set(parts) == set(kinds)
    return [parts[index] for index in sorted(parts)]


def built(pieces: list[str]) -> list[Part]:
    parts = PartsBuilder()
    events = [event for piece in pieces for event in parts.text(piece)]
    return folded(events + parts.finish())


TAGS: list[tuple[str, str, list[Part]]] = [
    ("normal", "<think>why</think>because", [Thinking("why"), Text("because")]),
    ("newlines", "\n<think>\nwhy\n</think>\n\nbecause\n", [Thinking("why"), Text("because\n")]),
    ("unclosed", "<think>why and why", [Thinking("why and why")]),
    ("half-closed", "<think>why</thi", [Thinking("why</thi")]),
    ("closing-only", "why</think>\n\nbecause", [Thinking("why"), Text("because")]),
    ("empty", "<think>\n\n</think>\n\nanswer", [Text("answer")]),
    ("thinking-tag", "<thinking>a</thinking>b", [Thinking("a"), Text("b")]),
    ("lesser-inside", "<think>1 < 2 <b> </b></think>yes < no", [Thinking("1 < 2 <b> </b>"), Text("yes < no")]),
    ("later-tag-is-text", "See <think>this</b>", [Text("See <think>this</b>")]),
    ("in-code", "Use `</think>` as tag", [Text("Use `</think>` as tag")]),
    ("in-fence", "```\nx</think>\n```", [Text("```\nx</think>\n```")]),
    ("twice", "<think>a</think><think>b</think>c", [Thinking("a"), Thinking("b"), Text("c")]),
    ("no-answer", "<think>a</think>\n", [Thinking("a")]),
    ("plain", "just text", [Text("just text")]),
    ("looks-like", "<thin air>", [Text("<thin air>")]),
    ("ends-in-lesser", "a <", [Text("a <")]),
    ("leading-space", "  indented", [Text("  indented")]),
    ("unicode", "<think>ü😀</think>é", [Thinking("ü😀"), Text("é")]),
]


@pytest.mark.spec("X-30")
@pytest.mark.parametrize(("text", "expected"), [pytest.param(t, e, id=i) for i, t, e in TAGS])
def test_think_tags_cut_at_each_character_give_the_same_parts(text: str, expected: list[Part]) -> None:
    assert built([text]) == expected
    assert built(list(text)) == expected
    for at in range(1, len(text)):
        assert built([text[:at], text[at:]]) == expected, at


@pytest.mark.spec("X-30")
def test_think_field_before_text_is_a_part_of_its_own() -> None:
    parts = PartsBuilder()
    events = [
        *parts.thinking("a"),
        *parts.thinking("b"),
        *parts.text("\n\nc"),
        *parts.text("</think>d"),
        *parts.finish(),
    ]
    assert folded(events) == [Thinking("ab"), Text("c</think>d")]


@pytest.mark.spec("X-30")
def test_think_part_without_an_answer_is_noticed() -> None:
    parts = PartsBuilder()
    parts.thinking("hm")
    parts.finish()
    assert parts.ended_thinking


def test_parts_with_calls_between_texts_keep_their_order() -> None:
    parts = PartsBuilder()
    events = [*parts.text("a"), *parts.call("f", {"x": 1}, call_id="1"), *parts.text("b"), *parts.finish()]
    assert folded(events) == [Text("a"), ToolCall("1", "f", {"x": 1}), Text("b")]


def test_parts_with_two_open_calls_keep_them_apart() -> None:
    numbers = count(1)
    parts = PartsBuilder(lambda: f"new{next(numbers)}")
    first, events = parts.start_call("f")
    second, more = parts.start_call("g", "given")
    events += [*more, *parts.call_delta(first, "{"), *parts.call_delta(second, "{}"), *parts.call_delta(first, "}")]
    events += parts.end_call(first, {}) + parts.end_call(second, {})
    assert folded(events) == [ToolCall("new1", "f", {}), ToolCall("given", "g", {})]


def test_parts_without_an_id_get_one_of_ours() -> None:
    first, second = PartsBuilder().call("f", {}), PartsBuilder().call("f", {})
    assert isinstance(first[0], PartStart)
    assert isinstance(second[0], PartStart)
    assert first[0].call_id.startswith("call_")
    assert first[0].call_id != second[0].call_id


def test_parts_with_dirty_text_are_cleaned() -> None:
    assert built(["a\x00", "\ud800b"]) == [Text("a\ufffd\ufffdb")]


def test_parts_with_replaced_text_end_as_told() -> None:
    parts = PartsBuilder()
    events = parts.text("draft")
    assert parts.open_text == "draft"
    parts.replace_text("final")
    assert folded(events + parts.finish()) == [Text("final")]


def test_parts_of_white_space_alone_are_none() -> None:
    assert built([" \n", "\t"]) == []
