"""Lines, events, JSON, text and counts."""

from __future__ import annotations

import ast
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import portal_desktop
from portal_desktop.messages import Usage
from portal_desktop.providers.wire import (
    LIMIT,
    Events,
    Lines,
    Malformed,
    Tolerance,
    as_count,
    clean,
    parse_json,
    parse_object,
    usage_from_ollama,
    usage_from_openai,
)
from tests.streams.openai import WAYS


def lines_of(pieces: list[bytes]) -> list[bytes]:
    lines = Lines()
    out = [line for piece in pieces for line in lines.feed(piece)]
    last = lines.end()
    return out if last is None else [*out, last]


def data_of(pieces: list[bytes]) -> list[tuple[str, bytes]]:
    events = Events()
    out = [event for piece in pieces for event in events.feed(piece)]
    return [(event.event, event.data) for event in [*out, *events.end()]]


GOLDEN = (
    '{"a":"eins\u2028zwei\u2029drei\u0085vier"}\n'
    '{"b":"😀 \\u0000 ünïcode"}\r\n'
    '\n{"c":"\x0b\x0c\x1c"}\n{"last":"without end"}'
).encode()


@pytest.mark.spec("R-08")
@pytest.mark.parametrize("at", range(len(GOLDEN) + 1))
def test_lines_cut_at_each_byte_give_the_same(at: int) -> None:
    expected = [
        '{"a":"eins\u2028zwei\u2029drei\u0085vier"}'.encode(),
        '{"b":"😀 \\u0000 ünïcode"}'.encode(),
        b"",
        b'{"c":"\x0b\x0c\x1c"}',
        b'{"last":"without end"}',
    ]
    assert lines_of([GOLDEN[:at], GOLDEN[at:]]) == expected


@pytest.mark.spec("R-11")
def test_lines_at_ten_thousand_random_splits_give_the_same() -> None:
    chance = random.Random(11)
    expected = lines_of([GOLDEN])
    for _ in range(10_000):
        cuts = sorted(chance.sample(range(len(GOLDEN) + 1), chance.randint(1, 6)))
        edges = [0, *cuts, len(GOLDEN)]
        assert lines_of([GOLDEN[a:b] for a, b in pairwise(edges)]) == expected


@pytest.mark.spec("R-11")
def test_lines_without_a_last_newline_give_the_last_line_once() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntwo") == [b"one"]
    assert lines.end() == b"two"
    assert lines.end() is None


@pytest.mark.spec("R-13")
@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize(("size", "accepted"), [(LIMIT - 1, True), (LIMIT, True), (LIMIT + 1, False)])
def test_lines_around_the_limit_are_judged_by_their_length(size: int, accepted: bool, pieces: int) -> None:
    lines = Lines()
    data = b"first\n" + b"x" * size + b"\nlater\n"
    step = len(data) // pieces + 1
    out = [line for start in range(0, len(data), step) for line in lines.feed(data[start : start + step])]
    assert lines.overflow is not accepted
    assert [len(line) for line in out] == ([5, size, 5] if accepted else [5])


@pytest.mark.spec("R-13")
def test_lines_beyond_the_limit_hold_nothing_back() -> None:
    lines = Lines()
    for _ in range(20):
        lines.feed(b"x" * (LIMIT // 8))
    assert lines.overflow
    assert lines._pending == []
    assert lines.end() is None


SSE_CASES: list[tuple[str, bytes, list[tuple[str, bytes]]]] = [
    ("S1-lf", b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    ("S1-crlf", b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
    ("S1-cr", b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
    ("S1-mixed", b"data: a\r\n\ndata: b\n\rdata: c\r\r", [("", b"a"), ("", b"b"), ("", b"c")]),
    ("S2-no-space", b"data:a\n\n", [("", b"a")]),
    ("S2-two-spaces", b"data:  a\n\n", [("", b" a")]),
    ("S3-several-lines", b"data: a\ndata:\ndata: c\n\n", [("", b"a\n\nc")]),
    ("S4-comment", b":\n\n: OPENROUTER PROCESSING\n\ndata: a\n\n", [("", b"a")]),
    ("S4-comment-inside", b"data: a\n: hm\ndata: b\n\n", [("", b"a\nb")]),
    ("S5-event", b"event: x\ndata: a\n\ndata: b\n\n", [("x", b"a"), ("", b"b")]),
    ("S5-event-without-data", b"event: x\n\ndata: b\n\n", [("", b"b")]),
    ("S5-unknown", b"colour: red\nthing\nid: 1\nretry: 30\nretry: soon\ndata: a\n\n", [("", b"a")]),
    ("S6-no-blank-line", b"data: a\n", [("", b"a")]),
    ("S6-no-newline", b"data: a", [("", b"a")]),
    ("S7-done-spaces", b"data: [DONE]  \n\n", [("", b"[DONE]  ")]),
    ("S8-empty-data", b"data:\n\ndata: \n\n", [("", b""), ("", b"")]),
    ("S8-field-without-colon", b"data\n\ndata: a\n\n", [("", b""), ("", b"a")]),
    ("S9-error-event", b'event: error\ndata: {"message":"no"}\n\n', [("error", b'{"message":"no"}')]),
    ("S10-bare", b'{"error":"no"}\n', [("", b'{"error":"no"}')]),
    ("S10-bare-no-newline", b'{"error":"no"}', [("", b'{"error":"no"}')]),
    ("S11-several", b"data: a\n\ndata: b\n\ndata: c\n\n", [("", b"a"), ("", b"b"), ("", b"c")]),
    ("S12-nul", b"data: a\x00b\n\nid: 1\x002\ndata: c\n\n", [("", b"a\x00b"), ("", b"c")]),
    ("T16-bom", b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
    (
        "T3-separators",
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\n\n".encode(),
        [("", "a\u2028b\u2029c\u0085d\x0be\x0cf".encode())],
    ),
    ("standard-stock", b"data: YHOO\ndata: +2\ndata: 10\n\n", [("", b"YHOO\n+2\n10")]),
    (
        "standard-four-blocks",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
        [("", b"first event"), ("", b"second event"), ("", b" third event")],
    ),
    ("standard-empty-strings", b"data\n\ndata\ndata\n\ndata:", [("", b""), ("", b"\n"), ("", b"")]),
    ("standard-same-event", b"data:test\n\ndata: test\n\n", [("", b"test"), ("", b"test")]),
]


@pytest.mark.spec("R-09", "P-11")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("data", "expected"), [pytest.param(d, e, id=i) for i, d, e in SSE_CASES])
def test_events_of_a_standard_case_are_as_the_standard_says(
    data: bytes, expected: list[tuple[str, bytes]], way: Any
) -> None:
    assert data_of(way(data)) == expected


@pytest.mark.spec("R-09")
def test_events_keep_the_last_id_and_the_retry_time() -> None:
    events = Events()
    first, second = events.feed(b"id: 7\nretry: 250\ndata: a\n\ndata: b\n\n")
    assert (first.id, first.retry) == ("7", 250)
    assert second.id == "7"


@pytest.mark.spec("R-09")
def test_events_on_a_comment_hear_the_server() -> None:
    events = Events()
    events.feed(b": alive")
    assert not events.heard
    events.feed(b"\n")
    assert events.heard


@pytest.mark.spec("R-12")
def test_events_tell_the_offset_of_their_data() -> None:
    events = Events()
    got = events.feed(b": hm\ndata: a\n\nevent: x\ndata: b\n\n")
    assert [event.offset for event in got] == [5, 23]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e400}',
        '{"a":' + "9" * 5000 + "}",
        "{",
        "",
        "nul",
        '{"a":1}x',
    ],
    ids=["deep", "nan", "infinity", "1e400", "huge-int", "cut", "empty", "word", "trailing"],
)
def test_json_that_is_none_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_json(text)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":"\x01\x00"}', {"a": "\x01\x00"}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":1.5e3}', {"a": 1500.0}),
    ],
    ids=["T2-bad-utf8", "control", "duplicate", "float"],
)
def test_json_with_a_slip_is_read(data: bytes, value: object) -> None:
    assert parse_json(data) == value


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"'])
def test_json_that_is_no_object_is_malformed_as_one(text: str) -> None:
    with pytest.raises(Malformed, match="object"):
        parse_object(text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("plain", "plain"), ("ü😀", "ü😀"), ("a\x00b", "a\ufffdb"), ("a\ud800b", "a\ufffdb"), ("\u2028", "\u2028")],
)
def test_text_for_storage_is_cleaned_of_what_it_cannot_hold(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    cleaned.encode()


def test_tolerance_beyond_three_ends_and_names_each_place() -> None:
    tolerance = Tolerance()
    assert [tolerance.note(n, "x") for n in range(4)] == [True, True, True, False]
    assert "byte 2: x" in tolerance.warning
    assert Tolerance().warning == ""


@pytest.mark.parametrize(
    ("value", "count"), [(3, 3), (3.0, 3), (True, None), (-1, None), (1.5, None), ("3", None), (None, None)]
)
def test_count_of_a_json_value_is_a_whole_number_or_unknown(value: object, count: int | None) -> None:
    assert as_count(value) == count


@pytest.mark.spec("R-14")
@pytest.mark.parametrize(
    ("usage", "timings", "expected"),
    [
        (None, None, None),
        ({}, None, None),
        ({"total_tokens": 9}, None, None),
        ({"prompt_tokens": None, "completion_tokens": None}, None, None),
        ({"prompt_tokens": 3}, None, Usage(3, 0)),
        ({"completion_tokens": 4}, None, Usage(0, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 99}, None, Usage(3, 4)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            None,
            Usage(10, 5, 8, 2),
        ),
        ({"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": None}, None, Usage(1, 1)),
        ({"prompt_tokens": True, "completion_tokens": "x"}, None, None),
        (None, {"prompt_n": 4, "cache_n": 6, "predicted_n": 3}, Usage(10, 3, 6)),
        ({"prompt_tokens": 1, "completion_tokens": 2}, {"prompt_n": 4, "predicted_n": 3}, Usage(1, 2)),
        ([1], "x", None),
    ],
)
def test_usage_of_openai_counts_is_computed_by_the_rule(usage: Any, timings: Any, expected: Usage | None) -> None:
    assert usage_from_openai(usage, timings) == expected


@pytest.mark.spec("R-14")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({}, None),
        ({"prompt_eval_count": 3}, Usage(3, 0)),
        ({"eval_count": 4}, Usage(0, 4)),
        ({"prompt_eval_count": 3, "eval_count": 4}, Usage(3, 4)),
    ],
)
def test_usage_of_ollama_counts_is_computed_by_the_rule(line: Any, expected: Usage | None) -> None:
    assert usage_from_ollama(line) == expected


@pytest.mark.spec("R-14")
def test_usage_is_calculated_in_one_module_only() -> None:
    package = Path(portal_desktop.__file__).parent
    names = {"prompt_tokens_details", "predicted_n", "prompt_eval_count"}
    readers = [
        file.relative_to(package).as_posix()
        for file in sorted(package.rglob("*.py"))
        if any(name in (text := file.read_text("utf-8")) for name in names)
        and any(isinstance(n, ast.Constant) and n.value in names for n in ast.walk(ast.parse(text)))
    ]
    assert readers == ["providers/wire.py"]


def test_usage_added_over_rounds_keeps_unknown_apart_from_zero() -> None:
    assert Usage(1, 2) + Usage(3, 4, 5) == Usage(4, 6, 5, None)
    assert json.dumps((Usage(1, 2) + Usage(0, 0)).cached_tokens) == "null"
