"""The OpenAI-compatible client against its fake: what it sends, what it tells of a refusal, what it knows of models."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Mapping
from typing import Any

import pytest

from portal_desktop.credentials import Secret
from portal_desktop.errors import ErrorKind, ProviderError
from portal_desktop.messages import Message, PartDelta, Role, Text, ToolCall, ToolReturn, assistant, user
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Deadlines, Sampling
from portal_desktop.providers.openai import OpenAIProvider, api_base
from tests.servers.base import Close, Drip, Flood, Hold, Reply, Wait, json_reply, text_reply
from tests.servers.openai import FakeOpenAI, answer, refusal, stream
from tests.streams.openai import DONE, chunk, end, say, usage
from tests.support.streams import HISTORY, TOOL, ask, events_of, no_key, run

SHORT = Deadlines(connect=1, first_token=0.2, idle=0.2)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def client(server: FakeOpenAI, network: Network) -> OpenAIProvider:
    return OpenAIProvider(server.endpoint(), network, no_key)


# what is sent


@pytest.mark.spec("P-12")
async def test_request_with_everything_set_is_sent_field_by_field(network: Network) -> None:
    history = (
        Message(Role.SYSTEM, (Text("Be brief."),)),
        user("add 1"),
        Message(Role.ASSISTANT, (ToolCall("c1", "add", {"a": 1}), ToolReturn("c1", "add", "2"), Text("It is 2."))),
        user("again"),
    )
    sampling = Sampling(temperature=0.1, top_p=0.9, max_tokens=20, stop=("END",), seed=3)
    async with FakeOpenAI() as server:
        server.script(answer("ok"))
        request = ChatRequest("m", history, tools=(TOOL,), sampling=sampling, reasoning="off", response_schema=SCHEMA)
        await run(client(server, network), request)
        assert server.chats[0].json == {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "add 1"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "2"},
                {"role": "assistant", "content": "It is 2."},
                {"role": "user", "content": "again"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.1,
            "top_p": 0.9,
            "max_tokens": 20,
            "seed": 3,
            "stop": ["END"],
            "tools": [
                {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": TOOL.parameters}}
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
            },
            "return_progress": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }


@pytest.mark.spec("P-12")
async def test_request_without_choices_leaves_them_to_the_server(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(answer("ok"))
        await run(client(server, network))
        assert set(server.chats[0].json) == {"model", "messages", "stream", "stream_options", "return_progress"}


@pytest.mark.spec("P-12")
async def test_complete_and_stream_send_the_same_bytes(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(answer("ok"), answer("ok"))
        provider = client(server, network)
        request = ask(user("a"), assistant("b"), user("ü😀"), tools=(TOOL,))
        streamed = await run(provider, request)
        whole = await provider.complete(request)
        assert server.chats[0].body == server.chats[1].body
        assert whole.message.parts == streamed.parts


@pytest.mark.spec("T-26")
async def test_key_is_sent_as_bearer_and_shown_nowhere(network: Network) -> None:
    async def key() -> Secret:
        return Secret("canary")

    async with FakeOpenAI(key="canary") as server:
        server.script(answer("ok"))
        provider = OpenAIProvider(server.endpoint(), network, key)
        assert (await run(provider)).brief == [("text", "ok"), "stop"]
        assert [facts.id for facts in await provider.list_models()] == ["m"]
        assert "canary" not in repr(provider.__dict__)


@pytest.mark.spec("T-26")
async def test_key_that_is_missing_is_an_error_of_the_key(network: Network) -> None:
    async with FakeOpenAI(key="canary") as server:
        ended = await run(client(server, network))
        assert ended.end == "auth_failed"
        assert ended.error is not None
        assert ended.error.kind is ErrorKind.AUTH
        with pytest.raises(ProviderError) as caught:
            await client(server, network).list_models()
        assert caught.value.name == "auth_failed"


# answers that are no stream


@pytest.mark.spec("R-12", "R-14")
async def test_json_answer_to_a_stream_request_is_one_completion(network: Network) -> None:
    """T6."""
    whole = {
        "model": "m2",
        "choices": [
            {
                "index": 0,
                "message": {
                    "content": "Hi",
                    "reasoning_content": "hm",
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    }
    async with FakeOpenAI() as server:
        server.script(json_reply(whole))
        ended = await run(client(server, network), ask(tools=(TOOL,)))
        assert ended.brief == [("thinking", "hm"), ("text", "Hi"), ("call", "c", "add", {"a": 1}), "tool_calls"]
        assert (ended.model, ended.usage and ended.usage.total_tokens) == ("m2", 7)


@pytest.mark.parametrize(
    ("reply", "name", "shown"),
    [
        (
            text_reply("<html><img src=file:///dev/zero>Log in</html>"),
            "not_a_model_server",
            "<img src=file:///dev/zero>",
        ),
        (text_reply(""), "empty_answer", ""),
        (text_reply("<h1>Not here</h1>", 404), "not_a_model_server", "Not here"),
        (text_reply("x" * 1000, 502), "server_failed", "x" * 200),
        (text_reply("", 500), "server_failed", "HTTP 500"),
        (text_reply("<p>bad</p>", 400), "request_refused", "bad"),
        (stream(), "empty_answer", ""),
        (json_reply({"hello": 1}), "not_a_model_server", ""),
        (json_reply([]), "malformed", "HTTP 200"),
        (Reply([b""], 200, {"content-type": "application/json"}, "length"), "empty_answer", ""),
        (json_reply({"error": {"message": "boom"}}), "server_error_event", "boom"),
    ],
)
async def test_answer_that_is_no_chat_is_told_with_its_beginning(
    reply: Reply, name: str, shown: str, network: Network
) -> None:
    """T7."""
    async with FakeOpenAI() as server:
        server.script(reply)
        ended = await run(client(server, network))
        assert ended.end == name
        assert ended.error is not None
        assert shown in ended.error.technical
        assert len(ended.error.technical) <= 300
        assert "<" not in ended.error.title + ended.error.advice


@pytest.mark.parametrize("header", ["text/event-stream; charset=iso-8859-1", "text/event-stream", "text/plain", ""])
async def test_stream_with_any_charset_header_is_utf8(header: str, network: Network) -> None:
    """T4."""
    async with FakeOpenAI() as server:
        server.script(stream(say("Grüße 😀"), end(), headers={"content-type": header} if header else {}))
        assert (await run(client(server, network))).brief == [("text", "Grüße 😀"), "stop"]


# refusals before the stream

REFUSALS: list[tuple[str, Reply, str, str]] = [
    ("401", refusal(401, "Incorrect key", code="invalid_api_key"), "auth_failed", "auth"),
    ("403", refusal(403, "Forbidden"), "auth_failed", "auth"),
    ("402", refusal(402, "Insufficient credits"), "quota_exceeded", "quota"),
    ("404", refusal(404, "The model `m` does not exist", code="model_not_found"), "model_missing", "model_not_available"),
    ("405", refusal(405, "Method not allowed"), "not_a_model_server", "parse"),
    ("408", refusal(408, "Timeout"), "server_busy", "rate_limited"),
    ("429-quota", refusal(429, "You exceeded your quota", "insufficient_quota", "insufficient_quota"), "quota_exceeded", "quota"),
    ("429", refusal(429, "Slow down"), "rate_limited", "rate_limited"),
    ("400", refusal(400, "max_tokens is too large"), "request_refused", "invalid_request"),
    ("400-filter", refusal(400, "Filtered", code="content_filter"), "content_filtered", "content_filtered"),
    ("422", json_reply({"detail": [{"loc": ["body"], "msg": "field required"}]}, 422), "request_refused", "invalid_request"),
    ("500", refusal(500, "Internal error"), "server_failed", "api"),
    ("503-loading", refusal(503, "Loading model", "unavailable_error"), "server_busy", "rate_limited"),
    ("529", refusal(529, "Overloaded", "overloaded_error"), "server_busy", "rate_limited"),
    ("overflow-llama.cpp", json_reply({"error": {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}}, 400), "context_too_long", "context_too_long"),
    ("overflow-lmstudio-string", json_reply({"error": "Trying to keep the first 13055 tokens when context the overflows. n_keep: 13055>= n_ctx: 4096"}, 400), "context_too_long", "context_too_long"),
    ("overflow-openai", refusal(400, "This model's maximum context length is 8192 tokens", "invalid_request_error", "context_length_exceeded"), "context_too_long", "context_too_long"),
    ("overflow-vllm", json_reply({"object": "error", "message": "This model's maximum context length is 4096 tokens. However, you requested 9000", "type": "BadRequestError", "code": 400}, 400), "context_too_long", "context_too_long"),
    ("error-string", json_reply({"error": "no such thing"}, 400), "request_refused", "invalid_request"),
]  # fmt: skip


@pytest.mark.spec("R-16", "T-26")
@pytest.mark.parametrize(("reply", "name", "kind"), [pytest.param(r, n, k, id=i) for i, r, n, k in REFUSALS])
async def test_refusal_before_the_stream_becomes_its_entry_of_the_catalogue(
    reply: Reply, name: str, kind: str, network: Network
) -> None:
    async with FakeOpenAI() as server:
        server.script(reply)
        ended = await run(client(server, network))
        assert ended.error is not None
        assert (ended.end, ended.error.kind.value) == (name, kind)
        assert isinstance(ended.error, ProviderError)
        assert ended.error.status == reply.status
        assert ended.error.provider == "fake"
        assert "Fake" in ended.error.title or "m" in ended.error.values.values()
        assert server.connections == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), ("3600", 3600.0), ("Wed, 21 Oct 2099 07:28:00 GMT", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503, 529])
async def test_wait_a_server_asks_for_is_kept(
    header: str, seconds: float | None, status: int, network: Network
) -> None:
    """T13."""
    headers = {"retry_after": header} if header else {}
    async with FakeOpenAI() as server:
        server.script(refusal(status, "wait", **headers))
        error = (await run(client(server, network))).error
        assert error is not None
        if "2099" in header:
            assert error.retry_after is not None
            assert error.retry_after > 1e9
        else:
            assert error.retry_after == seconds


# fields a server cannot use


@pytest.mark.parametrize(
    ("message", "param", "options", "gone", "warned"),
    [
        ("Unknown parameter: 'stream_options'", "stream_options", {}, "stream_options", ""),
        ("Unrecognized request argument supplied: return_progress", None, {}, "return_progress", ""),
        ("m does not support tools", None, {"tools": (TOOL,)}, "tools", "cannot use tools"),
        ("tool calling is not enabled", None, {"tools": (TOOL,)}, "tools", "cannot use tools"),
        ("bad", "response_format.type", {"response_schema": SCHEMA}, "response_format", "held to a form"),
        ("Unsupported value", "temperature", {"sampling": Sampling(temperature=0.5)}, "temperature", "temperature"),
        ("chat_template_kwargs: extra fields not permitted", None, {"reasoning": "on"}, "chat_template_kwargs", ""),
        ("streaming is not possible", "stream", {}, "stream", "cannot stream"),
    ],
)
async def test_field_a_server_refuses_is_left_out_and_told(
    message: str, param: str | None, options: Mapping[str, Any], gone: str, warned: str, network: Network
) -> None:
    refused = json_reply({"error": {"message": message, "type": "invalid_request_error", "param": param}}, 400)
    async with FakeOpenAI() as server:
        server.script(refused, answer("ok"))
        ended = await run(client(server, network), ask(**options))
        assert ended.brief == [("text", "ok"), "stop"]
        assert gone in server.chats[0].json
        assert gone not in server.chats[1].json
        assert warned in ended.warning
        assert bool(warned) is bool(ended.warning)


async def test_max_tokens_a_server_has_renamed_is_sent_under_the_new_name(network: Network) -> None:
    async with FakeOpenAI() as server:
        refused = {
            "message": "Use 'max_completion_tokens' instead.",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
        server.script(json_reply({"error": refused}, 400), answer("ok"))
        await run(client(server, network), ask(sampling=Sampling(max_tokens=5)))
        assert server.chats[1].json["max_completion_tokens"] == 5
        assert "max_tokens" not in server.chats[1].json


# streams that break


@pytest.mark.spec("R-12", "P-11")
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(stream(say("a"), Wait(0.02), Close()), [("text", "a"), "connection_lost"], id="T8-cut"),
        pytest.param(stream(say("a"), b'data: {"choi', Wait(0.02), Close()), [("text", "a"), "connection_lost"], id="T8-mid-line"),
        pytest.param(stream(say("a"), b'data: {"choi', framing="close"), [("text", "a"), "cut_off"], id="T8-half-line-then-end"),
        pytest.param(stream(say("a"), framing="close"), [("text", "a"), "cut_off"], id="T8-end-without-length"),
        pytest.param(stream(say("a"), chunk({}, "stop"), Wait(0.02), Close()), [("text", "a"), "stop"], id="T8-after-finish"),
        pytest.param(stream(say("a", "<th"), Wait(0.02), Close()), [("text", "a<th"), "connection_lost"], id="T8-half-a-tag"),
        pytest.param(stream(say("a"), Hold(asyncio.Event())), [("text", "a"), "timeout"], id="T9-stall"),
        pytest.param(stream(say("a"), chunk({}, "stop"), Hold(asyncio.Event())), [("text", "a"), "stop"], id="T9-stall-after-finish"),
        pytest.param(stream(Hold(asyncio.Event())), ["timeout"], id="T9-silent-after-headers"),
        pytest.param(Reply(head=[Hold(asyncio.Event())]), ["timeout"], id="T9-silent-before-headers"),
        pytest.param(stream(say("a"), Drip(b"data: " + b"x" * 200, 0.01)), [("text", "a"), "timeout"], id="T9-drip"),
        pytest.param(stream(say("a"), headers={"content-encoding": "gzip"}), ["encoded_body"], id="T5-encoded"),
        pytest.param(stream(say("a"), b"data: " + b"x" * (8 * 1024 * 1024 + 1) + b"\n\n", say("b"), end()), [("text", "a"), "line_too_long"], id="T12-line"),
        pytest.param(stream(say("a"), Flood(b"x" * 65_536, batch=4)), [("text", "a"), "line_too_long"], id="T12-endless-line"),
    ],
)  # fmt: skip
async def test_stream_that_breaks_keeps_its_text_and_tells_why(
    reply: Reply, expected: list[Any], network: Network
) -> None:
    async with FakeOpenAI() as server:
        server.script(reply)
        deadlines = SHORT if "timeout" in expected or expected[-1] == "stop" else Deadlines(10, 10, 10)
        ended = await run(client(server, network), ask(deadlines=deadlines))
        assert ended.brief == expected


@pytest.mark.spec("R-13")
async def test_endless_line_stops_at_the_limit_with_a_closed_connection(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(stream(say("a"), Flood(b"x" * 65_536, batch=4)))
        assert (await run(client(server, network))).end == "line_too_long"
        await asyncio.wait_for(server.chats[0].gone.wait(), 2)
        assert server.chats[0].sent < 20 * 1024 * 1024


async def test_line_of_almost_eight_mebibytes_is_read(network: Network) -> None:
    """T12."""
    line = chunk({"content": "x" * (8 * 1024 * 1024 - 400)})
    async with FakeOpenAI() as server:
        server.script(stream(line, end()))
        (text, reason) = (await run(client(server, network))).brief
        assert len(text[1]) == 8 * 1024 * 1024 - 400
        assert reason == "stop"


@pytest.mark.spec("R-13")
async def test_answer_beyond_64_megabytes_stops_with_its_text_kept(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(stream(say("a"), Flood(b":" + b"x" * 500_000 + b"\n", batch=2)))
        assert (await run(client(server, network))).brief == [("text", "a"), "answer_too_long"]
        await asyncio.wait_for(server.chats[0].gone.wait(), 2)


async def test_compressed_bomb_is_refused_without_unfolding(network: Network) -> None:
    async with FakeOpenAI() as server:
        bomb = gzip.compress(b"data: x\n\n" * 100_000)
        server.script(Reply([bomb], 200, {"content-type": "text/event-stream", "content-encoding": "gzip"}))
        assert (await run(client(server, network))).end == "encoded_body"


async def test_comments_alone_keep_a_stream_alive(network: Network) -> None:
    """T9."""
    async with FakeOpenAI() as server:
        server.script(stream(*[b": still here\n\n"] * 8, say("a"), end(), pace=0.05))
        assert (await run(client(server, network), ask(deadlines=SHORT))).brief == [("text", "a"), "stop"]


@pytest.mark.spec("P-13")
async def test_first_token_has_a_longer_clock_than_the_next_ones(network: Network) -> None:
    deadlines = Deadlines(connect=1, first_token=5, idle=0.15)
    async with FakeOpenAI() as server:
        server.script(stream(chunk({"role": "assistant"}), Wait(0.4), say("a"), Hold(asyncio.Event())))
        ended = await run(client(server, network), ask(deadlines=deadlines))
        assert ended.brief == [("text", "a"), "timeout"]


@pytest.mark.spec("P-13")
async def test_patience_of_the_request_is_asked(network: Network) -> None:
    asked: list[float] = []

    async def patience(waited: float) -> bool:
        asked.append(waited)
        return len(asked) < 3

    async with FakeOpenAI() as server:
        server.script(stream(Hold(asyncio.Event())))
        ended = await run(client(server, network), ask(deadlines=SHORT, patience=patience))
        assert ended.end == "timeout"
        assert len(asked) == 3


@pytest.mark.spec("R-12")
async def test_twenty_streams_at_once_keep_their_texts_apart(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.default = lambda request: answer(request.json["messages"][-1]["content"] * 20, size=3, pause=0.001)(
            request
        )
        provider = client(server, network)
        ended = await asyncio.gather(*(run(provider, ask(user(f"<{n}>"))) for n in range(20)))
        assert [one.brief for one in ended] == [[("text", f"<{n}>" * 20), "stop"] for n in range(20)]


@pytest.mark.spec("R-12")
async def test_first_connection_that_says_nothing_is_tried_again(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(Reply(head=[Close()]), answer("ok"))
        assert (await run(client(server, network))).brief == [("text", "ok"), "stop"]


@pytest.mark.spec("R-10")
async def test_stream_is_handed_on_while_the_server_still_speaks(network: Network) -> None:
    gate = asyncio.Event()
    async with FakeOpenAI() as server:
        server.script(stream(say("first"), Hold(gate), say("second"), end()))
        got: list[str] = []
        async for event in client(server, network).stream(ask()):
            if isinstance(event, PartDelta):
                got.append(event.text)
                gate.set()
        assert got == ["first", "second"]


@pytest.mark.parametrize("at", ["connected", "thinking", "text", "call"])
async def test_closing_a_stream_closes_its_connection_within_100_ms(at: str, network: Network) -> None:
    """T10."""
    before = {
        "connected": [chunk({"role": "assistant"})],
        "thinking": [chunk({"reasoning_content": "x"})],
        "text": [say("a")],
        "call": [chunk({"tool_calls": [{"index": 0, "id": "i", "function": {"name": "add", "arguments": "{"}}]})],
    }
    async with FakeOpenAI() as server:
        server.script(stream(*before[at], Hold(asyncio.Event())))
        reading = asyncio.create_task(events_of(client(server, network)))
        while not server.chats:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(server.chats[0].gone.wait(), 2)
        assert server.chats[0].gone_at - started < 0.1


# models


async def test_model_list_of_llama_cpp_tells_trained_context_and_size(network: Network) -> None:
    meta = {"n_ctx_train": 32768, "n_params": 7_615_616_512, "size": 4_683_073_536}
    props = {
        "default_generation_settings": {"n_ctx": 8192},
        "modalities": {"vision": True},
        "chat_template_caps": {"supports_tools": True},
    }
    async with FakeOpenAI(models=[{"id": "q", "meta": meta}], props=props) as server:
        facts = await client(server, network).model_facts("q")
        assert (facts.context_length, facts.loaded_context) == (32768, 8192)
        assert (facts.parameters, facts.size_bytes) == ("7.6B", 4_683_073_536)
        assert (facts.vision, facts.tools, facts.loaded) == (True, True, True)
        assert facts.full_id == "fake/q"


async def test_model_list_that_tells_nothing_leaves_everything_unknown(network: Network) -> None:
    async with FakeOpenAI() as server:
        facts = await client(server, network).model_facts("m")
        assert (facts.context_length, facts.loaded_context, facts.tools, facts.vision, facts.loaded) == (None,) * 5


async def test_model_list_of_vllm_tells_its_context(network: Network) -> None:
    async with FakeOpenAI(models=[{"id": "q", "max_model_len": 4096}]) as server:
        assert (await client(server, network).list_models())[0].context_length == 4096


async def test_model_that_is_not_listed_is_missing(network: Network) -> None:
    async with FakeOpenAI() as server:
        with pytest.raises(ProviderError) as caught:
            await client(server, network).model_facts("gone")
        assert caught.value.name == "model_missing"


@pytest.mark.parametrize(
    "reply", [text_reply("<html>"), json_reply([]), json_reply({"models": []}), json_reply({"data": None})]
)
async def test_model_list_that_is_none_is_no_model_server(reply: Reply, network: Network) -> None:
    async with FakeOpenAI() as server:
        server.route("GET", "/v1/models", reply)
        with pytest.raises(ProviderError) as caught:
            await client(server, network).list_models()
        assert caught.value.name == "not_a_model_server"


async def test_embedding_rows_come_back_in_the_order_of_the_texts(network: Network) -> None:
    async with FakeOpenAI() as server:
        vectors = await client(server, network).embed("m", ["a", "bbb", "cc"])
        assert [vector[0] for vector in vectors] == [1.0, 3.0, 2.0]
        assert await client(server, network).embed("m", []) == []


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (json_reply({"data": []}), "malformed"),
        (refusal(501, "embeddings are off", "not_supported_error"), "request_refused"),
    ],
)
async def test_embedding_that_fails_is_told(reply: Reply, name: str, network: Network) -> None:
    async with FakeOpenAI() as server:
        server.route("POST", "/v1/embeddings", reply)
        with pytest.raises(ProviderError) as caught:
            await client(server, network).embed("m", ["a"])
        assert caught.value.name == name


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("http://127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1"),
        ("http://127.0.0.1:1234", "http://127.0.0.1:1234/v1"),
        ("127.0.0.1:1234/", "http://127.0.0.1:1234/v1"),
        (" http://127.0.0.1:1234/v1/ ", "http://127.0.0.1:1234/v1"),
        ("http://h/v1/chat/completions", "http://h/v1"),
        ("https://openrouter.ai/api/v1/models", "https://openrouter.ai/api/v1"),
        ("http://h/openai", "http://h/openai"),
    ],
)
def test_address_as_typed_becomes_the_base_of_the_protocol(typed: str, base: str) -> None:
    assert api_base(typed) == base


async def test_complete_of_a_broken_stream_raises_what_it_ended_in(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(stream(say("a"), framing="close"))
        with pytest.raises(ProviderError) as caught:
            await client(server, network).complete(ask(*HISTORY))
        assert caught.value.name == "cut_off"


@pytest.mark.spec("R-14")
async def test_usage_is_the_same_streamed_and_whole(network: Network) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 2}}
    counts = {"prompt_tokens": 7, "completion_tokens": 3, **details}
    whole = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": counts}
    async with FakeOpenAI() as server:
        server.script(stream(say("a"), chunk({}, "stop"), usage(7, 3, **details), DONE), json_reply(whole))
        provider = client(server, network)
        assert (await run(provider)).usage == (await run(provider)).usage
