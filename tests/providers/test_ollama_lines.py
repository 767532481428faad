"""The conformance cases of Ollama's chat lines: each fixture whole, byte by byte and torn at random places."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from portal_desktop.messages import (
    Finish,
    PartDelta,
    PartEnd,
    PartStart,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
    ToolSpec,
    UsageReport,
)
from portal_desktop.providers.base import Endpoint, ProviderKind
from portal_desktop.providers.ollama_lines import ONLY_THOUGHT, ChatLines
from portal_desktop.providers.wire import LIMIT
from tests.servers import ollama_talk as talk

ENDPOINT = Endpoint("ollama", ProviderKind.OLLAMA, "Ollama", "http://127.0.0.1:11434")
M = "qwen3:8b"
USAGE = ("usage", 26, 12)
STOP = ("finish", "stop", "")
CALLS = ("finish", "tool_calls", "")


@dataclass(frozen=True)
class Case:
    name: str
    stream: bytes
    expected: tuple[tuple[Any, ...], ...]


def text(value: str) -> tuple[str, str]:
    return ("text", value)


def thought(value: str) -> tuple[str, str]:
    return ("thinking", value)


def called(name: str, arguments: dict[str, Any] | None = None) -> tuple[str, str, dict[str, Any]]:
    return ("call", name, arguments or {})


def failed(name: str) -> tuple[str, str]:
    return ("error", name)


def join(*lines: bytes) -> bytes:
    return b"".join(lines)


ADD = talk.call("add_task", {"title": "Buy milk"})
LIST = talk.call("list_tasks")

CASES = (
    Case("plain answer", join(*talk.answer(M, "Hel", "lo.")), (text("Hello."), USAGE, STOP)),
    Case("L1 call in a line that is not the last", join(talk.said(M, calls=[ADD]), talk.done(M)), (called("add_task", {"title": "Buy milk"}), USAGE, CALLS)),
    Case("L2 call in the last line only", join(talk.said(M, "I will. "), talk.done(M, calls=[ADD])), (text("I will. "), called("add_task", {"title": "Buy milk"}), USAGE, CALLS)),
    Case("L3 several lines with calls, all index 0", join(talk.said(M, calls=[ADD]), talk.said(M, calls=[LIST]), talk.done(M)), (called("add_task", {"title": "Buy milk"}), called("list_tasks"), USAGE, CALLS)),
    Case("L3 two calls in one line", join(talk.said(M, calls=[ADD, LIST]), talk.done(M)), (called("add_task", {"title": "Buy milk"}), called("list_tasks"), USAGE, CALLS)),
    Case("L4 calls without ids", join(talk.said(M, calls=[talk.call("a", call_id=None), talk.call("a", call_id=None)]), talk.done(M)), (called("a"), called("a"), USAGE, CALLS)),
    Case("L5 thinking, then content", join(talk.said(M, thinking="Let me "), talk.said(M, thinking="see."), talk.said(M, "Yes."), talk.done(M)), (thought("Let me see."), text("Yes."), USAGE, STOP)),
    Case("L5 thinking and content in one line", join(talk.said(M, "Yes.", thinking="Hm."), talk.done(M)), (thought("Hm."), text("Yes."), USAGE, STOP)),
    Case("L5 thinking only", join(talk.said(M, thinking="Hm."), talk.done(M)), (thought("Hm."), USAGE, ("finish", "stop", ONLY_THOUGHT))),
    Case("L5 thinking, call, thinking, text", join(talk.said(M, thinking="a"), talk.said(M, calls=[LIST]), talk.said(M, thinking="b"), talk.said(M, "c"), talk.done(M)), (thought("a"), called("list_tasks"), thought("b"), text("c"), USAGE, CALLS)),
    Case("think tags in the content", join(talk.said(M, "<th"), talk.said(M, "ink>Hm.</thi"), talk.said(M, "nk>Yes."), talk.done(M)), (thought("Hm."), text("Yes."), USAGE, STOP)),
    Case("think tag never closed", join(talk.said(M, "<think>Hm, "), talk.said(M, "and so on"), talk.done(M)), (thought("Hm, and so on"), USAGE, ("finish", "stop", ONLY_THOUGHT))),
    Case("L6 error line first", talk.error("model runner has unexpectedly stopped"), (failed("server_error_event"),)),
    Case("L6 error line in the middle", join(talk.said(M, "Well, "), talk.error("out of memory")), (text("Well, "), failed("server_error_event"))),
    Case("L6 nothing after an error line counts", join(talk.error("gone"), talk.done(M, "late")), (failed("server_error_event"),)),
    Case("L7 end without done", talk.said(M, "Well, "), (text("Well, "), failed("cut_off"))),
    Case("L7 end inside a line", join(talk.said(M, "Well, "), talk.said(M, "more")[:40]), (text("Well, "), failed("cut_off"))),
    Case("L7 nothing at all", b"", (failed("empty_answer"),)),
    Case("L7 blank lines only", b"\n\r\n\n", (failed("empty_answer"),)),
    Case("L8 done_reason without done", join(talk.said(M, "Yes."), talk.line(M, {"role": "assistant", "content": ""}, done_reason="stop")), (text("Yes."), STOP)),
    Case("L9 done twice", join(talk.said(M, "Yes."), talk.done(M), talk.done(M)), (text("Yes."), USAGE, STOP)),
    Case("L9 text after done", join(talk.said(M, "Yes."), talk.done(M), talk.said(M, "No.")), (text("Yes."), USAGE, STOP)),
    Case("L9 text in the last line", join(talk.said(M, "Y"), talk.done(M, "es.")), (text("Yes."), USAGE, STOP)),
    Case("L10 metrics missing", join(talk.said(M, "Yes."), talk.line(M, {"content": ""}, done=True)), (text("Yes."), STOP)),
    Case("L10 prompt count left out because it is 0", join(talk.said(M, "Yes."), talk.done(M, prompt_eval_count=0)), (text("Yes."), ("usage", 0, 12), STOP)),
    Case("L10 metrics that are no counts", join(talk.said(M, "Yes."), talk.line(M, {}, done=True, eval_count="many", prompt_eval_count=-3)), (text("Yes."), STOP)),
    Case("L11 length", join(talk.said(M, "Yes"), talk.done(M, reason="length")), (text("Yes"), USAGE, ("finish", "length", ""))),
    Case("L11 absent", join(talk.said(M, "Yes."), talk.done(M, reason=None)), (text("Yes."), USAGE, STOP)),
    Case("L11 load", talk.line(M, {"content": ""}, done=True, done_reason="load"), (("finish", "stop", "Ollama only loaded the model."),)),
    Case("L11 unload", talk.line(M, {"content": ""}, done=True, done_reason="unload"), (("finish", "stop", "Ollama only unloaded the model."),)),
    Case("L11 unknown word", join(talk.said(M, "Yes."), talk.done(M, reason="tired")), (text("Yes."), USAGE, ("finish", "unknown", ""))),
    Case("L12 blank lines between", join(b"\n", talk.said(M, "Y"), b"\n\n", talk.said(M, "es."), b"  \n", talk.done(M)), (text("Yes."), USAGE, STOP)),
    Case("L12 CRLF", join(*talk.answer(M, "Y", "es.")).replace(b"\n", b"\r\n"), (text("Yes."), USAGE, STOP)),
    Case("L12 last line without its end", join(*talk.answer(M, "Yes.")).rstrip(b"\n"), (text("Yes."), USAGE, STOP)),
    Case("byte order mark", b"\xef\xbb\xbf" + join(*talk.answer(M, "Yes.")), (text("Yes."), USAGE, STOP)),
    Case("L21 event stream of another protocol", b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n', (failed("not_a_model_server"),)),
    Case("L21 whole answer of another protocol", b'{"id":"x","object":"chat.completion","choices":[{"message":{"content":"Hi"}}]}', (failed("not_a_model_server"),)),
    Case("L21 web page", b"<!DOCTYPE html>\n<html><body>nginx</body></html>\n", (failed("not_a_model_server"),)),
    Case("empty last line", talk.done(M), (USAGE, failed("empty_answer"))),
    Case("line separators stay in the text", join(*talk.answer(M, "a\u2028b", "c\u2029\u0085d\x0b\x0c")), (text("a\u2028bc\u2029\u0085d\x0b\x0c"), USAGE, STOP)),
    Case("multi-byte text", join(*talk.answer(M, "日本 ", "😀 é")), (text("日本 😀 é"), USAGE, STOP)),
    Case("bytes that are no UTF-8", join(talk.said(M, "aXb").replace(b"aXb", b"a\xffb"), talk.done(M)), (text("a\ufffdb"), USAGE, STOP)),
    Case("NUL and lone surrogate", join(b'{"message":{"content":"a\\u0000b\\ud800c"},"done":false}\n', talk.done(M)), (text("a\ufffdb\ufffdc"), USAGE, STOP)),
    Case("one unreadable line is told", join(talk.said(M, "Y"), b"{broken\n", talk.said(M, "es."), talk.done(M)), (text("Yes."), USAGE, ("finish", "stop", "Ollama: 1 unreadable line was left out (byte "))),
    Case("three unreadable lines are told", join(talk.said(M, "Yes."), b"x\n[]\n5\n", talk.done(M)), (text("Yes."), USAGE, ("finish", "stop", "Ollama: 3 unreadable lines were left out (byte "))),
    Case("a fourth unreadable line fails", join(talk.said(M, "Yes."), b"x\n" * 4, talk.done(M)), (text("Yes."), failed("malformed"))),
    Case("objects that are no chat line count as unreadable", join(b'{"status":"pulling"}\n' * 4, talk.done(M)), (failed("malformed"),)),
    Case("message missing or of another type", join(b'{"done":false}\n{"message":null,"done":false}\n{"message":"x","done":false}\n', *talk.answer(M, "Yes.")), (text("Yes."), USAGE, STOP)),
    Case("content null", join(b'{"message":{"content":null},"done":false}\n', *talk.answer(M, "Yes.")), (text("Yes."), USAGE, STOP)),
    Case("unknown keys are passed over", join(talk.line(M, {"content": "Yes."}, done=False, logprobs=[{"token": "x"}], future={"a": 1}), talk.done(M)), (text("Yes."), USAGE, STOP)),
    Case("arguments as a text", join(b'{"message":{"tool_calls":[{"function":{"name":"a","arguments":"{\\"b\\": 1}"}}]},"done":false}\n', talk.done(M)), (called("a", {"b": 1}), USAGE, CALLS)),
    Case("arguments missing or null", join(b'{"message":{"tool_calls":[{"function":{"name":"a"}},{"function":{"name":"b","arguments":null}}]},"done":false}\n', talk.done(M)), (called("a"), called("b"), USAGE, CALLS)),
    Case("fifty calls in one turn", join(talk.said(M, calls=[talk.call(f"t{n}", {"n": n}, call_id=f"c{n}") for n in range(50)]), talk.done(M)), (*(called(f"t{n}", {"n": n}) for n in range(50)), USAGE, CALLS)),
    Case("call with length as the reason", join(talk.said(M, calls=[LIST]), talk.done(M, reason="length")), (called("list_tasks"), USAGE, CALLS)),
    Case("error object instead of a text", b'{"error":{"message":"no","code":500}}\n', (failed("server_error_event"),)),
    Case("call written into the text", join(talk.said(M, 'Sure. <tool_call>{"name": "add_task", "arguments": {"title": "x"}}</tool_call>'), talk.done(M)), (text("Sure."), called("add_task", {"title": "x"}), USAGE, CALLS)),
    Case("name with a prefix and other capitals", join(talk.said(M, calls=[talk.call("functions.Add_Task")]), talk.done(M)), (called("add_task"), USAGE, CALLS)),
    Case("context overflow inside the stream", talk.error("the input length exceeds the context length"), (failed("context_too_long"),)),
)  # fmt: skip


def reading(pieces: Iterable[bytes]) -> list[StreamEvent]:
    numbers = iter(range(1000))
    tools = [ToolSpec("add_task", "", {"type": "object"})]
    lines = ChatLines(ENDPOINT, M, tools, new_id=lambda: f"own_{next(numbers)}")
    events = [event for piece in pieces for event in lines.feed(piece)]
    return events if lines.finished else events + lines.end()


def heard(events: Iterable[StreamEvent]) -> list[tuple[Any, ...]]:
    """What a reader is told, without the places at which the deltas were cut; checks the order of events on the way."""
    told: list[tuple[Any, ...]] = []
    open_parts: dict[int, str] = {}
    begun = 0
    for event in events:
        match event:
            case PartStart(index=index):
                assert index == begun
                begun += 1
                open_parts[index] = ""
            case PartDelta(index=index, text=delta):
                open_parts[index] += delta
            case PartEnd(index=index, part=part):
                said = open_parts.pop(index)
                told.append(_part(part, said))
            case UsageReport(usage=usage):
                told.append(("usage", usage.prompt_tokens, usage.completion_tokens))
            case Finish():
                told.append(("finish", event.reason.value, event.warning))
            case StreamError(error=error):
                told.append(("error", error.name))
    assert not open_parts
    return told


def _part(part: object, said: str) -> tuple[Any, ...]:
    match part:
        case Text(text=whole):
            assert said.startswith(whole)
            return ("text", whole)
        case Thinking(text=whole):
            return ("thinking", whole)
        case ToolCall(name=name, arguments=arguments):
            return ("call", name, dict(arguments))
    raise AssertionError(part)


def assert_heard(events: list[StreamEvent], case: Case) -> None:
    told = heard(events)
    for one, expected in zip(told, case.expected, strict=True):
        if one[0] == "finish":
            assert one[:2] == expected[:2]
            assert one[2].startswith(expected[2])
            assert bool(one[2]) == bool(expected[2])
        else:
            assert one == expected


def torn(stream: bytes, seed: int) -> list[bytes]:
    chooser = random.Random(seed)
    places = sorted(chooser.sample(range(len(stream) + 1), min(len(stream) + 1, chooser.randint(1, 12))))
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


@pytest.mark.spec("P-10", "P-43", "R-12")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_chat_lines_whole_give_the_expected_events(case: Case) -> None:
    assert_heard(reading([case.stream]), case)


@pytest.mark.spec("R-08", "P-43")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_chat_lines_byte_by_byte_give_the_same_events(case: Case) -> None:
    assert_heard(reading(bytes([byte]) for byte in case.stream), case)


@pytest.mark.spec("R-08")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_chat_lines_torn_anywhere_give_the_same_events(case: Case) -> None:
    for seed in range(15):
        assert_heard(reading(torn(case.stream, seed)), case)


@pytest.mark.spec("X-30")
def test_chat_lines_think_tags_cut_at_every_byte_give_the_same_two_parts() -> None:
    said = "<think>Hm, let me see.</think>Yes."
    for place in range(len(said) + 1):
        stream = join(talk.said(M, said[:place]), talk.said(M, said[place:]), talk.done(M))
        assert heard(reading([stream])) == [thought("Hm, let me see."), text("Yes."), USAGE, STOP]


def test_chat_lines_calls_of_old_servers_get_ids_of_their_own() -> None:
    stream = join(talk.said(M, calls=[talk.call("a", call_id=None), talk.call("b", call_id="given")]), talk.done(M))
    calls = [event.part for event in reading([stream]) if isinstance(event, PartEnd)]
    assert [call.id for call in calls if isinstance(call, ToolCall)] == ["own_0", "given"]


def test_chat_lines_call_with_unreadable_arguments_carries_the_problem() -> None:
    stream = join(
        b'{"message":{"tool_calls":[{"function":{"name":"a","arguments":"{\\"b\\": "}}]},"done":false}\n', talk.done(M)
    )
    (call,) = [event.part for event in reading([stream]) if isinstance(event, PartEnd)]
    assert isinstance(call, ToolCall)
    assert call.problem
    assert call.raw


@pytest.mark.spec("R-13")
def test_chat_lines_line_beyond_the_limit_keeps_the_text_so_far() -> None:
    lines = ChatLines(ENDPOINT, M)
    events = lines.feed(talk.said(M, "kept"))
    events += lines.feed(b'{"message":{"content":"' + b"x" * LIMIT)
    assert lines.finished
    assert heard(events) == [text("kept"), failed("line_too_long")]


@pytest.mark.spec("R-12")
def test_chat_lines_unreadable_line_is_reported_with_its_place() -> None:
    before = join(talk.said(M, "a"), talk.said(M, "b"))
    finish = reading([before, b"{oops\n", talk.done(M)])[-1]
    assert isinstance(finish, Finish)
    assert f"byte {len(before)}: " in finish.warning


def test_chat_lines_model_name_is_the_one_the_server_used() -> None:
    finish = reading([join(*talk.answer("qwen3:latest", "x"))])[-1]
    assert isinstance(finish, Finish)
    assert finish.model == "qwen3:latest"


@pytest.mark.spec("R-08")
def test_chat_lines_random_bytes_always_end_in_one_final_event() -> None:
    chooser = random.Random(11)
    good = join(*talk.answer(M, "Some", " answer"), talk.said(M, calls=[ADD]))
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(chooser.randint(1, 30)):
            damaged[chooser.randrange(len(damaged))] = chooser.randrange(256)
        events = reading(torn(bytes(damaged), chooser.randrange(10**6)))
        assert sum(isinstance(event, Finish | StreamError) for event in events) == 1
        assert isinstance(events[-1], Finish | StreamError)
        json.dumps(heard(events), ensure_ascii=False).encode()
