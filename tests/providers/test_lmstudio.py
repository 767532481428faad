"""LM Studio's own lists and its own ways to fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal_desktop.errors import ProviderError
from portal_desktop.messages import user
from portal_desktop.net import Network
from portal_desktop.providers.base import ProviderKind
from portal_desktop.providers.lmstudio import LMStudioProvider
from tests.servers.base import json_reply, text_reply
from tests.servers.openai import FakeOpenAI, answer, refusal, stream
from tests.streams.openai import DONE, call, chunk, end, say, sse, think
from tests.support.streams import TOOL, ask, no_key, run

V1 = [
    {
        "type": "llm",
        "key": "qwen/qwen3-8b",
        "display_name": "Qwen3 8B",
        "architecture": "qwen3",
        "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
        "size_bytes": 4_700_000_000,
        "params_string": "8B",
        "max_context_length": 40960,
        "loaded_instances": [{"id": "a", "config": {"context_length": 4096}}],
        "capabilities": {
            "vision": False,
            "trained_for_tool_use": True,
            "reasoning": {"allowed_options": ["off", "on"]},
        },
    },
    {"type": "embedding", "key": "nomic", "display_name": "Nomic", "loaded_instances": []},
]
V0 = [
    {
        "id": "qwen3-8b",
        "type": "llm",
        "arch": "qwen3",
        "quantization": "Q4_K_M",
        "state": "loaded",
        "max_context_length": 40960,
        "loaded_context_length": 4096,
        "capabilities": ["tool_use"],
    },
    {"id": "eye", "type": "vlm", "state": "not-loaded", "max_context_length": 8192},
]


def client(server: FakeOpenAI, network: Network) -> LMStudioProvider:
    return LMStudioProvider(server.endpoint(ProviderKind.LMSTUDIO, "lm", "LM Studio"), network, no_key)


@pytest.mark.spec("R-06")
async def test_newer_model_list_tells_context_abilities_and_size(network: Network) -> None:
    async with FakeOpenAI(v1=V1, v0=V0) as server:
        chat, embedder = await client(server, network).list_models()
        assert (chat.id, chat.name, chat.full_id) == ("qwen/qwen3-8b", "Qwen3 8B", "lm/qwen/qwen3-8b")
        assert (chat.context_length, chat.loaded_context, chat.loaded) == (40960, 4096, True)
        assert (chat.tools, chat.vision, chat.thinking, chat.embedding) == (True, False, True, False)
        assert (chat.parameters, chat.quantization, chat.size_bytes) == ("8B", "Q4_K_M", 4_700_000_000)
        assert (embedder.embedding, embedder.loaded, embedder.tools, embedder.context_length) == (
            True,
            False,
            None,
            None,
        )


@pytest.mark.spec("R-06")
async def test_older_model_list_is_used_where_there_is_no_newer(network: Network) -> None:
    async with FakeOpenAI(v0=V0) as server:
        provider = client(server, network)
        chat, eye = await provider.list_models()
        assert (chat.context_length, chat.loaded_context, chat.loaded, chat.tools) == (40960, 4096, True, True)
        assert (eye.vision, eye.loaded, eye.tools, eye.loaded_context) == (True, False, None, None)
        assert (await provider.model_facts("eye")).vision is True


@pytest.mark.spec("R-06")
async def test_server_with_neither_list_is_asked_as_any_other(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.route("GET", "/api/v1/models", json_reply({"error": "Unexpected endpoint"}))
        assert [facts.id for facts in await client(server, network).list_models()] == ["m"]


@pytest.mark.parametrize(("status", "name"), [(401, "auth_failed"), (503, "server_busy")])
async def test_model_list_that_is_refused_is_told(status: int, name: str, network: Network) -> None:
    async with FakeOpenAI() as server:
        server.route("GET", "/api/v1/models", refusal(status))
        with pytest.raises(ProviderError) as caught:
            await client(server, network).list_models()
        assert caught.value.name == name


@pytest.mark.spec("R-06")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(say("a", "b") + end(), [("text", "ab"), "stop"], id="text"),
        pytest.param(call(0, "1", "add", "") + call(0, None, None, '{"a":1}') + end("tool_calls"), [("call", "1", "add", {"a": 1}), "tool_calls"], id="tool-call"),
        pytest.param(call(0, "1", "add", '{"a":1}') + call(1, "2", "add", '{"a":2}') + end("tool_calls"), [("call", "1", "add", {"a": 1}), ("call", "2", "add", {"a": 2}), "tool_calls"], id="parallel-calls"),
        pytest.param(chunk({"refusal": "I cannot"}) + end(), [("text", "I cannot"), "content_filter"], id="refusal"),
        pytest.param(say("a") + end("length"), [("text", "a"), "length"], id="length"),
        pytest.param(think("x", field="reasoning") + say("a") + end(), [("thinking", "x"), ("text", "a"), "stop"], id="gpt-oss-reasoning"),
        pytest.param(think("x") + say("a") + end(), [("thinking", "x"), ("text", "a"), "stop"], id="reasoning-content"),
        pytest.param(say("<think>x</think>a") + end(), [("thinking", "x"), ("text", "a"), "stop"], id="inline-tags"),
        pytest.param(say('[TOOL_REQUEST]{"name":"add","arguments":{"a":1}}[END_TOOL_REQUEST]') + end(), [("text", ""), ("call", "*", "add", {"a": 1}), "tool_calls"], id="leaked-call"),
        pytest.param(b"event: error\n" + sse({"error": {"message": "The model has crashed"}}), ["server_error_event"], id="error-event"),
    ],
)  # fmt: skip
async def test_stream_of_lm_studio_comes_to_its_parts(data: bytes, expected: list[Any], network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(stream(data))
        assert (await run(client(server, network), ask(tools=(TOOL,)))).brief == expected


@pytest.mark.spec("R-06")
@pytest.mark.parametrize(
    ("status", "name"),
    [(401, "auth_failed"), (404, "model_missing"), (429, "rate_limited"), (500, "server_failed"), (529, "server_busy")],
)
async def test_refusal_of_lm_studio_becomes_its_error(status: int, name: str, network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(refusal(status, "no", retry_after="7"))
        ended = await run(client(server, network))
        assert ended.end == name
        assert ended.error is not None
        assert ended.error.retry_after == 7.0


OVERFLOW = "Trying to keep the first 13055 tokens when context the overflows. n_keep: 13055>= n_ctx: 4096"


@pytest.mark.parametrize(
    "reply",
    [
        json_reply({"error": OVERFLOW}, 400),
        stream(b"event: error\n" + sse({"error": {"message": OVERFLOW}})),
        stream(sse({"error": OVERFLOW})),
    ],
    ids=["400-string", "200-event", "200-chunk"],
)
async def test_full_context_told_in_words_is_understood(reply: Any, network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(reply)
        assert (await run(client(server, network))).end == "context_too_long"


@pytest.mark.parametrize("data", [b"", DONE, chunk({"role": "assistant"})], ids=["nothing", "done-only", "role-only"])
@pytest.mark.parametrize(("characters", "name"), [(20_000, "context_too_long"), (10, "empty_answer")])
async def test_empty_answer_to_a_long_question_is_a_full_context(
    data: bytes, characters: int, name: str, network: Network
) -> None:
    async with FakeOpenAI(v1=V1) as server:
        server.script(stream(data))
        ended = await run(client(server, network), ask(user("x" * characters), model="qwen/qwen3-8b"))
        assert ended.end == name


async def test_empty_answer_of_an_unknown_model_stays_empty(network: Network) -> None:
    async with FakeOpenAI(v1=V1) as server:
        server.script(stream(b""))
        assert (await run(client(server, network), ask(user("x" * 50_000)))).end == "empty_answer"


@pytest.mark.parametrize(("reasoning", "sent"), [("auto", None), ("on", "medium"), ("off", "none")])
async def test_reasoning_choice_is_sent_as_effort(reasoning: Any, sent: str | None, network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(answer("a"))
        await run(client(server, network), ask(reasoning=reasoning))
        assert server.chats[0].json.get("reasoning_effort") == sent
        assert "chat_template_kwargs" not in json.dumps(server.chats[0].json)


async def test_page_instead_of_a_list_is_no_model_server(network: Network) -> None:
    async with FakeOpenAI() as server:
        for path in ("/api/v1/models", "/api/v0/models", "/v1/models"):
            server.route("GET", path, text_reply("<html>"))
        with pytest.raises(ProviderError) as caught:
            await client(server, network).list_models()
        assert caught.value.name == "not_a_model_server"
