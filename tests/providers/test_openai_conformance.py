"""Every case of the conformance list that is about OpenAI-style streams, each in three ways of cutting its bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal_desktop.messages import Usage
from portal_desktop.net import Network
from portal_desktop.providers.openai import OpenAIProvider
from tests.servers.base import chunked
from tests.servers.openai import FakeOpenAI, stream
from tests.streams.openai import DONE, WAYS, call, chunk, end, say, sse, think, usage
from tests.support.streams import OTHER, TOOL, Outcome, ask, no_key, run

T, K = "text", "thinking"
ROLE = chunk({"role": "assistant", "content": None})
CALLS = end("tool_calls")


def added(a: Any = 1, call_id: str = "i1", name: str = "add") -> tuple[str, str, str, Any]:
    return ("call", call_id, name, {"a": a} if a != "problem" else a)


STREAMS: list[tuple[str, bytes, list[Any]]] = [
    # transport and event stream
    ("T1-multibyte", say("Grüße 😀 日本") + end(), [(T, "Grüße 😀 日本"), "stop"]),
    (
        "T2-invalid-utf8",
        say("a") + chunk({"content": "bXc"}).replace(b"X", b"\xff") + end(),
        [(T, "ab\ufffdc"), "stop"],
    ),
    ("T3-separators", say("a\u2028b\u2029c\u0085d") + end(), [(T, "a\u2028b\u2029c\u0085d"), "stop"]),
    (
        "T3-raw-controls",
        chunk({"content": "aXb"}).replace(b"X", b"\x0b\x0c\x1c") + end(),
        [(T, "a\x0b\x0c\x1cb"), "stop"],
    ),
    ("T8-no-done", say("a") + chunk({}, "stop"), [(T, "a"), "stop"]),
    ("T16-bom", b"\xef\xbb\xbf" + say("a") + end(), [(T, "a"), "stop"]),
    ("S1-crlf", (say("a", "b") + end()).replace(b"\n", b"\r\n"), [(T, "ab"), "stop"]),
    ("S1-cr", (say("a", "b") + end()).replace(b"\n", b"\r"), [(T, "ab"), "stop"]),
    ("S2-no-space", (say("a") + end()).replace(b"data: ", b"data:"), [(T, "a"), "stop"]),
    ("S3-several-data", b'data: {"choices":\ndata: [{"delta":{"content":"a"}}]}\n\n' + end(), [(T, "a"), "stop"]),
    ("S4-comments", b": OPENROUTER PROCESSING\n\n" + say("a") + b":\n\n" + end(), [(T, "a"), "stop"]),
    ("S5-fields", b"id: 1\nevent: message\nretry: 10\nfoo: bar\nnocolon\n" + say("a") + end(), [(T, "a"), "stop"]),
    ("S6-no-last-blank", say("a") + chunk({}, "stop").rstrip(), [(T, "a"), "stop"]),
    ("S7-done-spaces", say("a") + chunk({}, "stop") + b"data: [DONE]  \n\n", [(T, "a"), "stop"]),
    ("S7-done-twice", say("a") + end() + DONE, [(T, "a"), "stop"]),
    ("S7-data-after-done", say("a") + end() + say("late"), [(T, "a"), "stop"]),
    ("S8-empty-data", b"data:\n\n" + say("a") + b"data: \n\n" + end(), [(T, "a"), "stop"]),
    (
        "S9-error-object",
        say("a") + b'event: error\ndata: {"error":{"message":"boom"}}\n\n',
        [(T, "a"), "server_error_event"],
    ),
    ("S9-error-string", say("a") + b'event: error\ndata: "boom"\n\n', [(T, "a"), "server_error_event"]),
    ("S9-error-words", say("a") + b"event: error\ndata: boom <b>\n\n", [(T, "a"), "server_error_event"]),
    ("S10-bare-error", say("a") + b'{"error":{"message":"boom"}}\n', [(T, "a"), "server_error_event"]),
    ("S11-together", say("a", "b", "c", "d") + end(), [(T, "abcd"), "stop"]),
    ("S12-nul", say("a\x00b") + end(), [(T, "a\ufffdb"), "stop"]),
    # chat
    ("O1-role-first", ROLE + say("a") + end(), [(T, "a"), "stop"]),
    ("O1-no-role", say("a") + end(), [(T, "a"), "stop"]),
    ("O1-role-always", chunk({"role": "assistant", "content": "a"}) * 2 + end(), [(T, "aa"), "stop"]),
    (
        "O1-content-kinds",
        chunk({"content": None}) + chunk({"content": ""}) + chunk({}) + say("a") + end(),
        [(T, "a"), "stop"],
    ),
    ("O2-no-choices-first", sse({"choices": [], "prompt_filter_results": []}) + say("a") + end(), [(T, "a"), "stop"]),
    ("O2-no-choices-middle", say("a") + sse({"choices": []}) + say("b") + end(), [(T, "ab"), "stop"]),
    ("O3-choices-missing", sse({"id": "x"}) + say("a") + sse({"object": "moderation"}) + end(), [(T, "a"), "stop"]),
    ("O4-delta-missing", sse({"choices": [{"index": 0}]}) + say("a") + end(), [(T, "a"), "stop"]),
    ("O4-delta-null", sse({"choices": [{"index": 0, "delta": None}]}) + say("a") + end(), [(T, "a"), "stop"]),
    ("O6-null-then-done", say("a") + DONE, [(T, "a"), "stop"]),
    ("O6-neither", say("a"), [(T, "a"), "cut_off"]),
    ("O6-neither-nothing", ROLE, ["empty_answer"]),
    ("O7-finish-twice", say("a") + chunk({}, "stop") + chunk({}, "stop") + DONE, [(T, "a"), "stop"]),
    ("O8-stop-with-calls", call(0, "i1", "add", '{"a":1}') + end("stop"), [added(), "tool_calls"]),
    ("O8-calls-with-none", say("a") + CALLS, [(T, "a"), "stop"]),
    ("O8-length", say("a") + end("length"), [(T, "a"), "length"]),
    ("O8-length-in-arguments", call(0, "i1", "add", '{"a":') + end("length"), [added("problem"), "length"]),
    ("O8-length-before-arguments", call(0, "i1", "add", "") + end("length"), [added("problem"), "length"]),
    ("O8-content-filter", say("a") + end("content_filter"), [(T, "a"), "content_filter"]),
    ("O8-error", say("a") + end("error"), [(T, "a"), "server_error_event"]),
    ("O8-unknown", say("a") + end("eos_token"), [(T, "a"), "unknown"]),
    ("O9-reasoning-content", think("x", "y") + say("a") + end(), [(K, "xy"), (T, "a"), "stop"]),
    ("O9-reasoning", think("x", "y", field="reasoning") + say("a") + end(), [(K, "xy"), (T, "a"), "stop"]),
    (
        "O9-reasoning-details",
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "x"}]}) + say("a") + end(),
        [(K, "x"), (T, "a"), "stop"],
    ),
    (
        "O9-both-fields",
        chunk({"reasoning": "x", "reasoning_content": "x"}) + say("a") + end(),
        [(K, "x"), (T, "a"), "stop"],
    ),
    ("O9-tags", say("<th", "ink>x", "</thi", "nk>a") + end(), [(K, "x"), (T, "a"), "stop"]),
    ("O9-tag-unclosed", say("<think>x y") + end(), [(K, "x y"), "stop"]),
    ("O9-tag-closing-only", say("x y</th", "ink>\n\na") + end(), [(K, "x y"), (T, "a"), "stop"]),
    ("O9-together", chunk({"reasoning_content": "x", "content": "a"}) + end(), [(K, "x"), (T, "a"), "stop"]),
    (
        "O10-unknown-keys",
        chunk({"content": "a", "x": 1}, logprobs={"content": []}, obfuscation="zz", service_tier="d") + end(),
        [(T, "a"), "stop"],
    ),
    (
        "O11-second-choice",
        sse({"choices": [{"index": 1, "delta": {"content": "no"}}]}) + say("a") + end(),
        [(T, "a"), "stop"],
    ),
    ("O12-error-first", sse({"error": {"message": "boom", "code": 500}}), ["server_error_event"]),
    (
        "O12-error-middle",
        say("a") + sse({"error": {"message": "boom", "type": "server_error"}}),
        [(T, "a"), "server_error_event"],
    ),
    (
        "O12-error-with-choices",
        say("a") + chunk({"content": "b"}, "error", error={"code": 502, "message": "down"}),
        [(T, "ab"), "server_error_event"],
    ),
    ("O12-error-string", say("a") + sse({"error": "boom"}), [(T, "a"), "server_error_event"]),
    ("O12-code-429", sse({"error": {"code": "429", "message": "slow"}}), ["rate_limited"]),
    ("O12-code-401", sse({"error": {"code": 401, "message": "key"}}), ["auth_failed"]),
    (
        "O13-refusal",
        chunk({"refusal": "I can"}) + chunk({"refusal": "not"}) + end(),
        [(T, "I cannot"), "content_filter"],
    ),
    (
        "O14-list",
        chunk({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}) + end(),
        [(T, "ab"), "stop"],
    ),
    (
        "O14-list-with-thinking",
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}]}) + say("a") + end(),
        [(K, "x"), (T, "a"), "stop"],
    ),
    (
        "O15-progress",
        sse({"choices": [], "prompt_progress": {"total": 8, "processed": 4}}) + say("a") + end(),
        [(T, "a"), "stop"],
    ),
    (
        "O-message-for-delta",
        sse({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}),
        [(T, "a"), "stop"],
    ),
    (
        "O-function-call",
        chunk({"function_call": {"name": "add", "arguments": '{"a":1}'}}) + end("function_call"),
        [added(call_id="*"), "tool_calls"],
    ),
    # calls
    (
        "C1-pieces",
        call(0, "i1", "add", "") + call(0, None, None, '{"a"') + call(0, None, None, ":1}") + CALLS,
        [added(), "tool_calls"],
    ),
    (
        "C2-parallel-interleaved",
        call(0, "i1", "add", "")
        + call(1, "i2", "add", "")
        + call(1, None, None, '{"a":')
        + call(0, None, None, '{"a":')
        + call(1, None, None, "2}")
        + call(0, None, None, "1}")
        + CALLS,
        [added(), added(2, "i2"), "tool_calls"],
    ),
    (
        "C3-no-index",
        call(None, "i1", "add", '{"a"') + call(None, None, None, ":1}") + call(None, "i2", "add", '{"a":2}') + CALLS,
        [added(), added(2, "i2"), "tool_calls"],
    ),
    (
        "C4-same-index",
        call(0, "i1", "add", '{"a":1}') + call(0, "i2", "add", '{"a":2}') + CALLS,
        [added(), added(2, "i2"), "tool_calls"],
    ),
    ("C5-known-id", call(0, "i1", "add", '{"a"') + call(1, "i1", None, ":1}") + CALLS, [added(), "tool_calls"]),
    ("C6-index-jumps", call(0, "i1", "add", '{"a"') + call(3, None, None, ":1}") + CALLS, [added(), "tool_calls"]),
    ("C7-no-id", call(0, None, "add", '{"a"') + call(0, None, None, ":1}") + CALLS, [added(call_id="*"), "tool_calls"]),
    (
        "C7-no-id-all-index-0",
        call(0, None, "add", '{"a":1}') + call(0, None, "add", '{"a":2}') + CALLS,
        [added(call_id="*"), added(2, "*"), "tool_calls"],
    ),
    ("C8-id-repeated", call(0, "i1", "add", '{"a"') + call(0, "i1", None, ":1}") + CALLS, [added(), "tool_calls"]),
    ("C8-id-empty-later", call(0, "i1", "add", '{"a"') + call(0, "", None, ":1}") + CALLS, [added(), "tool_calls"]),
    ("C8-id-later", call(0, None, "add") + call(0, "i1", None, '{"a":1}') + CALLS, [added(), "tool_calls"]),
    ("C9-name-repeated", call(0, "i1", "add", '{"a"') + call(0, "i1", "add", ":1}") + CALLS, [added(), "tool_calls"]),
    ("C9-name-empty", call(0, "i1", "add", "") + call(0, None, "", '{"a":1}') + CALLS, [added(), "tool_calls"]),
    (
        "C9-name-pieces",
        call(0, "i1", "a") + call(0, None, "dd") + call(0, None, None, '{"a":1}') + CALLS,
        [added(), "tool_calls"],
    ),
    (
        "C9-name-grows",
        call(0, "i1", "a") + call(0, None, "add") + call(0, None, None, '{"a":1}') + CALLS,
        [added(), "tool_calls"],
    ),
    ("C10-whole", call(0, "i1", "add", '{"a":1}') + CALLS, [added(), "tool_calls"]),
    ("C11-object", call(0, "i1", "add", {"a": 1}) + CALLS, [added(), "tool_calls"]),
    ("C11-empty", call(0, "i1", "add", "") + CALLS, [("call", "i1", "add", {}), "tool_calls"]),
    ("C11-missing", call(0, "i1", "add") + CALLS, [("call", "i1", "add", {}), "tool_calls"]),
    ("C11-null", call(0, "i1", "add", "null") + CALLS, [("call", "i1", "add", {}), "tool_calls"]),
    ("C11-list", call(0, "i1", "add", [1]) + CALLS, [added("problem"), "tool_calls"]),
    ("C12-white-space", call(0, "i1", "add", ' { "a" : 1 }\n') + CALLS, [added(), "tool_calls"]),
    ("C12-trailing-text", call(0, "i1", "add", '{"a":1} done') + CALLS, [added(), "tool_calls"]),
    ("C12-two-objects", call(0, "i1", "add", '{"a":1}{"a":2}') + CALLS, [added("problem"), "tool_calls"]),
    ("C12-same-object-twice", call(0, "i1", "add", '{"a":1}{"a":1}') + CALLS, [added(), "tool_calls"]),
    ("C12-single-quotes", call(0, "i1", "add", "{'a': 1}") + CALLS, [added(), "tool_calls"]),
    ("C12-fence", call(0, "i1", "add", '```json\n{"a":1}\n```') + CALLS, [added(), "tool_calls"]),
    ("C12-string-in-string", call(0, "i1", "add", json.dumps('{"a":1}')) + CALLS, [added(), "tool_calls"]),
    ("C12-truncated", call(0, "i1", "add", '{"a":') + CALLS, [added("problem"), "tool_calls"]),
    ("C12-duplicate-keys", call(0, "i1", "add", '{"a":2,"a":1}') + CALLS, [added(), "tool_calls"]),
    ("C12-nan", call(0, "i1", "add", '{"a":NaN}') + CALLS, [added("problem"), "tool_calls"]),
    ("C12-deep", call(0, "i1", "add", "[" * 3000) + CALLS, [added("problem"), "tool_calls"]),
    ("C13-unknown-name", call(0, "i1", "fly", '{"a":1}') + CALLS, [added(name="fly"), "tool_calls"]),
    ("C13-prefix", call(0, "i1", "functions.add", '{"a":1}') + CALLS, [added(), "tool_calls"]),
    ("C13-case", call(0, "i1", "ADD", '{"a":1}') + CALLS, [added(), "tool_calls"]),
    (
        "C14-text-around",
        say("one ") + call(0, "i1", "add") + say("two") + call(1, "i2", "add", '{"a":2}') + say("three") + CALLS,
        [(T, "one "), ("call", "i1", "add", {}), (T, "two"), added(2, "i2"), (T, "three"), "tool_calls"],
    ),
    (
        "C15-tool-call-tag",
        say('Well <tool_call>{"name":"add","arguments":{"a":1}}</tool_call>') + end(),
        [(T, "Well"), added(call_id="*"), "tool_calls"],
    ),
    (
        "C15-tool-request",
        say('[TOOL_REQUEST]{"name":"add","arguments":{"a":1}}[END_TOOL_REQUEST]') + end(),
        [(T, ""), added(call_id="*"), "tool_calls"],
    ),
    (
        "C15-fence",
        say('```json\n{"name":"add","arguments":{"a":1}}\n```') + end(),
        [(T, ""), added(call_id="*"), "tool_calls"],
    ),
    (
        "C15-not-offered",
        say('<tool_call>{"name":"fly"}</tool_call>') + end(),
        [(T, '<tool_call>{"name":"fly"}</tool_call>'), "stop"],
    ),
    (
        "C17-duplicates",
        call(0, "i1", "add", '{"a":1}') + call(1, "i2", "add", '{"a":1}') + CALLS,
        [added(), added(call_id="i2"), "tool_calls"],
    ),
    (
        "C18-custom",
        chunk(
            {"tool_calls": [{"index": 0, "id": "i1", "type": "custom", "custom": {"name": "add", "input": '{"a":1}'}}]}
        )
        + CALLS,
        [added(), "tool_calls"],
    ),
    # a full context, told in the stream
    (
        "X-llama-event",
        sse({"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long"}}),
        ["context_too_long"],
    ),
    (
        "X-lmstudio-event",
        b'event: error\ndata: {"error":{"message":"Reached context length of 4096; n_keep: 13055>= n_ctx: 4096"}}\n\n',
        ["context_too_long"],
    ),
    ("X-openai-event", sse({"error": {"code": "context_length_exceeded", "message": "m"}}), ["context_too_long"]),
]


async def _run(network: Network, pieces: list[bytes], **options: Any) -> Outcome:
    async with FakeOpenAI() as server:
        server.script(stream(chunked(pieces)))
        return await run(OpenAIProvider(server.endpoint(), network, no_key), ask(tools=(TOOL, OTHER), **options))


@pytest.mark.spec("P-11", "R-12", "R-32")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("data", "expected"), [pytest.param(d, e, id=i) for i, d, e in STREAMS])
async def test_stream_of_a_conformance_case_comes_to_the_same_however_cut(
    data: bytes, expected: list[Any], way: Any, network: Network
) -> None:
    assert (await _run(network, way(data))).brief == expected


@pytest.mark.spec("R-14")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(say("a") + chunk({}, "stop") + usage(7, 3) + DONE, Usage(7, 3), id="O5-after-finish"),
        pytest.param(
            chunk({"content": "a"}, usage={"prompt_tokens": 7, "completion_tokens": 1})
            + chunk({"content": "b"}, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2})
            + DONE,
            Usage(7, 2),
            id="O5-every-chunk",
        ),
        pytest.param(chunk({"content": "a"}, usage=None) + end(), None, id="O5-null"),
        pytest.param(
            say("a") + chunk({}, "stop", timings={"prompt_n": 5, "cache_n": 2, "predicted_n": 4}) + DONE,
            Usage(7, 4, 2),
            id="O5-timings",
        ),
        pytest.param(
            say("a")
            + chunk({}, "stop")
            + usage(7, 3, prompt_tokens_details={"cached_tokens": 5}, completion_tokens_details={"reasoning_tokens": 2})
            + DONE,
            Usage(7, 3, 5, 2),
            id="O5-details",
        ),
    ],
)
async def test_usage_in_a_stream_is_the_last_one_told(data: bytes, expected: Usage | None, network: Network) -> None:
    assert (await _run(network, [data])).usage == expected


@pytest.mark.spec("X-30")
async def test_stream_that_only_thinks_says_so_at_its_end(network: Network) -> None:
    ended = await _run(network, [say("<think>hm") + end()])
    assert "while thinking" in ended.warning
    assert ended.brief == [(K, "hm"), "stop"]


async def test_stream_without_a_reason_warns_of_it(network: Network) -> None:
    assert "why it stopped" in (await _run(network, [say("a") + DONE])).warning


async def test_stream_with_prompt_progress_reports_its_share(network: Network) -> None:
    steps = [sse({"choices": [], "prompt_progress": {"total": 8, "processed": n}}) for n in (2, 8)]
    assert (await _run(network, [*steps, say("a"), end()])).progress == (0.25, 1.0)


@pytest.mark.spec("R-12")
@pytest.mark.parametrize("bad", [1, 3])
async def test_stream_with_few_unreadable_lines_goes_on_and_tells(bad: int, network: Network) -> None:
    ended = await _run(network, [say("a"), b"data: {bad\n\n" * bad, say("b"), end()])
    assert ended.brief == [(T, "ab"), "stop"]
    assert f"byte {len(say('a'))}" in ended.warning


@pytest.mark.spec("R-12")
async def test_stream_with_a_fourth_unreadable_line_fails_with_their_offsets(network: Network) -> None:
    ended = await _run(network, [say("a"), b"data: {bad\n\n" * 4, say("b"), end()])
    assert ended.brief == [(T, "a"), "malformed"]
    assert ended.error is not None
    assert ended.error.technical.count("byte ") == 4


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":NaN}', b'{"a":1e400}', b'{"a":' + b"9" * 5000 + b"}"])
async def test_stream_with_a_hostile_line_survives_it(line: bytes, network: Network) -> None:
    ended = await _run(network, [say("a"), b"data: " + line + b"\n\n", say("b"), end()])
    assert ended.brief == [(T, "ab"), "stop"]
    assert "unreadable" in ended.warning


async def test_calls_by_the_dozen_are_all_there(network: Network) -> None:
    """C16: 50 calls in one turn."""
    data = b"".join(call(n, f"i{n}", "add", json.dumps({"a": n})) for n in range(50))
    ended = await _run(network, [data, CALLS])
    assert ended.brief == [*(added(n, f"i{n}") for n in range(50)), "tool_calls"]


@pytest.mark.parametrize(("size", "fits"), [(1_000_000, True), (5_000_000, False)])
async def test_call_with_long_arguments_is_whole_or_a_problem(size: int, fits: bool, network: Network) -> None:
    """C16: 1 MB of arguments; row 21 of the bad inputs: 5 MB."""
    text = json.dumps({"q": "x" * size})
    pieces = [call(0, None, None, text[i : i + 50_000]) for i in range(0, len(text), 50_000)]
    ended = await _run(network, [call(0, "i1", "look_up", ""), *pieces, CALLS])
    if fits:
        assert ended.brief == [("call", "i1", "look_up", {"q": "x" * size}), "tool_calls"]
    else:
        assert ended.brief == [("call", "i1", "look_up", "problem"), "tool_calls"]


async def test_stream_naming_its_model_reports_it(network: Network) -> None:
    assert (await _run(network, [say("a"), end()], model="asked")).model == "m"
