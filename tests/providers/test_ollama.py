"""Ollama over a real connection to a faithful fake."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from portal_desktop.credentials import Secret
from portal_desktop.errors import InvalidInput, ProviderError
from portal_desktop.messages import (
    Finish,
    FinishReason,
    Message,
    PartDelta,
    PartEnd,
    Phase,
    Progress,
    Role,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    ToolSpec,
    Usage,
    assistant,
    user,
)
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Deadlines, Endpoint, ProviderKind, Sampling
from portal_desktop.providers.ollama import OllamaProvider
from tests.servers import ollama_talk as talk
from tests.servers.base import Close, FakeServer, Flood, Hold, Reply, json_reply, text_reply
from tests.servers.ollama import FakeOllama, chat, refused
from tests.servers.ollama_talk import FakeModel

PLAIN = "llama3.2:3b"
THINKER = "qwen3:8b"
SEER = "gemma3:4b"
EMBEDDER = "nomic-embed-text:latest"

ADD = ToolSpec(
    "add_task",
    "Adds a task",
    {
        "type": "object",
        "properties": {"title": {"type": "string"}, "due": {"$ref": "#/$defs/Due"}},
        "required": ["title"],
        "$defs": {"Due": {"type": "string"}},
    },
)


async def no_secret() -> Secret | None:
    return None


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(talk=False) as server:
        yield server


@pytest.fixture
def provider(server: FakeOllama, network: Network) -> OllamaProvider:
    return client(server, network)


def client(server: FakeServer, network: Network, path: str = "") -> OllamaProvider:
    endpoint = Endpoint("ollama", ProviderKind.OLLAMA, "Ollama", server.base_url + path)
    return OllamaProvider(endpoint, network, no_secret)


def ask(text: str = "Hello", model: str = PLAIN, **more: Any) -> ChatRequest:
    return ChatRequest(model, (user(text),), **more)


async def events_of(provider: OllamaProvider, request: ChatRequest) -> list[StreamEvent]:
    async with aclosing(provider.stream(request)) as events:
        return [event async for event in events]


def parts_of(events: list[StreamEvent]) -> list[object]:
    return [event.part for event in events if isinstance(event, PartEnd)]


def finish_of(events: list[StreamEvent]) -> Finish:
    assert isinstance(events[-1], Finish), events[-1]
    return events[-1]


def error_of(events: list[StreamEvent]) -> ProviderError:
    assert isinstance(events[-1], StreamError), events[-1]
    assert isinstance(events[-1].error, ProviderError)
    return events[-1].error


@pytest.mark.spec("R-05", "R-01", "P-10")
async def test_stream_text_arrives_as_parts_and_ends_with_model_reason_and_usage(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(chat(*talk.answer(PLAIN, "Hel", "lo.")))
    events = await events_of(provider, ask())
    assert parts_of(events) == [Text("Hello.")]
    assert finish_of(events) == Finish(FinishReason.STOP, PLAIN, Usage(26, 12))


@pytest.mark.spec("P-10")
async def test_stream_request_body_is_the_golden_one(server: FakeOllama, provider: OllamaProvider) -> None:
    server.script(chat(*talk.answer(THINKER, "x")))
    history = (
        Message(Role.SYSTEM, (Text("Be brief."),)),
        user("Add milk"),
        Message(
            Role.ASSISTANT,
            (
                Thinking("hm"),
                Text("I will."),
                ToolCall("c1", "add_task", {"title": "milk"}),
                ToolReturn("c1", "add_task", "added"),
                Text("Done."),
            ),
        ),
        user("Thanks"),
    )
    request = ChatRequest(
        THINKER,
        history,
        tools=(ADD,),
        sampling=Sampling(temperature=0.5, top_p=0.9, max_tokens=64, stop=("END",), seed=7),
        reasoning="off",
        response_schema={"type": "object", "properties": {"a": {"const": 1}}},
    )
    await events_of(provider, request)
    assert server.chats == [
        {
            "model": THINKER,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Add milk"},
                {
                    "role": "assistant",
                    "content": "I will.",
                    "tool_calls": [{"id": "c1", "function": {"name": "add_task", "arguments": {"title": "milk"}}}],
                },
                {"role": "tool", "content": "added", "tool_name": "add_task", "tool_call_id": "c1"},
                {"role": "assistant", "content": "Done."},
                {"role": "user", "content": "Thanks"},
            ],
            "stream": True,
            "truncate": False,
            "options": {"temperature": 0.5, "top_p": 0.9, "num_predict": 64, "seed": 7, "stop": ["END"]},
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "add_task",
                        "description": "Adds a task",
                        "parameters": {
                            "type": "object",
                            "properties": {"title": {"type": "string"}, "due": {"type": "string"}},
                            "required": ["title"],
                        },
                    },
                }
            ],
            "think": False,
            "format": {"type": "object", "properties": {"a": {"enum": [1]}}},
        }
    ]


async def test_stream_without_settings_sends_nothing_that_reloads_a_model(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(chat(*talk.answer(PLAIN, "x")))
    await events_of(provider, ask())
    assert set(server.chats[0]) == {"model", "messages", "stream", "truncate"}
    assert [request.path for request in server.requests] == ["/api/ps", "/api/chat"]


@pytest.mark.spec("X-32")
async def test_stream_tells_first_whether_the_model_must_be_loaded(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(*[chat(*talk.answer(THINKER, "x"))] * 3)
    assert (await events_of(provider, ask(model=THINKER)))[0] == Progress(Phase.LOADING, THINKER)
    server.models[THINKER] = replace(server.models[THINKER], loaded_context=8192)
    assert (await events_of(provider, ask(model=THINKER)))[0] == Progress(Phase.READING)
    server.route("GET", "/api/ps", text_reply("404 page not found", 404))
    assert not any(isinstance(event, Progress) for event in await events_of(provider, ask(model=THINKER)))


@pytest.mark.spec("P-12")
async def test_complete_sends_the_same_bytes_as_stream(server: FakeOllama, provider: OllamaProvider) -> None:
    server.script(*[chat(*talk.answer(THINKER, "Yes.", thinking=["Hm."]))] * 2)
    request = ask(model=THINKER, tools=(ADD,), sampling=Sampling(temperature=0))
    streamed = await events_of(provider, request)
    whole = await provider.complete(request)
    one, other = server.of("/api/chat")
    assert one.body == other.body
    assert list(whole.message.parts) == parts_of(streamed) == [Thinking("Hm."), Text("Yes.")]
    assert (whole.model, whole.reason, whole.usage) == (THINKER, "stop", Usage(26, 12))


@pytest.mark.spec("R-05", "P-10")
async def test_stream_parallel_calls_arrive_whole_and_in_order(server: FakeOllama, provider: OllamaProvider) -> None:
    calls = [talk.call("add_task", {"title": title}, call_id=f"c{title}") for title in ("milk", "bread")]
    server.script(chat(talk.said(PLAIN, "Both. "), talk.said(PLAIN, calls=calls), talk.done(PLAIN)))
    events = await events_of(provider, ask("add milk and bread", tools=(ADD,)))
    assert parts_of(events) == [
        Text("Both. "),
        ToolCall("cmilk", "add_task", {"title": "milk"}),
        ToolCall("cbread", "add_task", {"title": "bread"}),
    ]
    assert finish_of(events).reason is FinishReason.TOOL_CALLS


@pytest.mark.spec("X-30")
async def test_stream_thinking_is_a_part_of_its_own_and_is_not_sent_back(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(chat(*talk.answer(THINKER, "Yes.", thinking=["Let me ", "see."])), chat(*talk.answer(THINKER, "x")))
    events = await events_of(provider, ask(model=THINKER))
    assert parts_of(events) == [Thinking("Let me see."), Text("Yes.")]
    answered = Message(Role.ASSISTANT, (Thinking("Let me see."), Text("Yes.")))
    await events_of(provider, ChatRequest(THINKER, (user("a"), answered, user("b"))))
    assert "Let me see" not in json.dumps(server.chats[1])


@pytest.mark.spec("X-30")
@pytest.mark.parametrize(
    ("model", "reasoning", "sent", "warned"),
    [
        (THINKER, "auto", None, False),
        (THINKER, "on", True, False),
        (THINKER, "off", False, False),
        (PLAIN, "auto", None, False),
        (PLAIN, "on", None, True),
        (PLAIN, "off", None, False),
    ],
)
async def test_stream_reasoning_switch_is_sent_where_the_model_supports_it(
    server: FakeOllama, provider: OllamaProvider, model: str, reasoning: Any, sent: bool | None, warned: bool
) -> None:
    server.script(chat(*talk.answer(model, "x")))
    finish = finish_of(await events_of(provider, ask(model=model, reasoning=reasoning)))
    assert server.chats[0].get("think") is sent
    assert bool(finish.warning) is warned


@pytest.mark.spec("P-19", "P-10")
async def test_stream_model_without_tools_gets_none_and_the_end_says_so(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(*[chat(*talk.answer(SEER, "Fine."))] * 2)
    for _ in range(2):
        finish = finish_of(await events_of(provider, ask(model=SEER, tools=(ADD,))))
        assert finish.warning == f"{SEER} cannot use tools; it answered without them."
    assert all("tools" not in body for body in server.chats)
    assert len(server.of("/api/show")) == 1


@pytest.mark.spec("P-10")
@pytest.mark.parametrize(
    ("tools", "reasoning", "warnings"),
    [
        ((ADD,), "auto", ["tools"]),
        ((), "on", ["think"]),
        ((ADD,), "on", ["tools", "think"]),
    ],
)
async def test_stream_old_server_refusing_an_ability_is_asked_without_it(
    network: Network, tools: tuple[ToolSpec, ...], reasoning: Any, warnings: list[str]
) -> None:
    async with FakeOllama([FakeModel(SEER, ("completion", "vision"))], old=True, talk=False) as server:
        server.script(chat(*talk.answer(SEER, "Fine.")))
        events = await events_of(client(server, network), ask(model=SEER, tools=tools, reasoning=reasoning))
        assert parts_of(events) == [Text("Fine.")]
        assert not {"tools", "think"} & server.chats[-1].keys()
        assert all(word in finish_of(events).warning for word in warnings)


async def test_stream_old_server_with_tools_keeps_them_when_only_thinking_is_refused(network: Network) -> None:
    async with FakeOllama([FakeModel(PLAIN)], old=True, talk=False) as server:
        server.script(chat(talk.said(PLAIN, calls=[talk.call("add_task", {"title": "a"})]), talk.done(PLAIN)))
        events = await events_of(client(server, network), ask(tools=(ADD,), reasoning="on"))
        assert "tools" in server.chats[-1]
        assert finish_of(events).reason is FinishReason.TOOL_CALLS
        assert finish_of(events).warning == f"{PLAIN} cannot think; it answered at once."


async def test_stream_request_refused_for_another_reason_says_the_first_reason(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(refused(400, "invalid options"))
    error = error_of(await events_of(provider, ask(tools=(ADD,))))
    assert error.name == "request_refused"
    assert "invalid options" in error.technical
    assert len(server.chats) == 1


@pytest.mark.spec("P-10", "R-12", "R-05")
@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (refused(400, "json: cannot unmarshal"), "request_refused"),
        (refused(401, "unauthorized", signin_url="https://ollama.com/connect"), "auth_failed"),
        (refused(404, "model 'x' not found"), "model_missing"),
        (json_reply({"error": "slow down"}, 429, retry_after="7"), "rate_limited"),
        (refused(500, "llama runner process has terminated"), "server_failed"),
        (refused(503, "server busy, please try again.  maximum pending requests exceeded"), "server_busy"),
        (refused(529, "overloaded"), "server_busy"),
        (refused(400, "the input length exceeds the context length"), "context_too_long"),
        (text_reply("<html>404</html>", 404), "not_a_model_server"),
        (text_reply("<html>It works</html>"), "not_a_model_server"),
        (Reply([b'data: {"choices":[]}\n\n'], headers={"content-type": "text/event-stream"}), "not_a_model_server"),
        (Reply([]), "empty_answer"),
        (chat(talk.said(PLAIN, "Well, ")), "cut_off"),
        (chat(talk.said(PLAIN, "Well, "), talk.error("gone")), "server_error_event"),
        (Reply([talk.said(PLAIN, "Well, "), Close()]), "connection_lost"),
        (chat(*[b"{broken\n"] * 4), "malformed"),
        (Reply([talk.said(PLAIN, "a")], headers={"content-encoding": "gzip"}), "encoded_body"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_stream_each_failure_ends_in_its_own_typed_error(
    server: FakeOllama, provider: OllamaProvider, reply: Reply, name: str
) -> None:
    server.script(reply)
    events = await events_of(provider, ask())
    error = error_of(events)
    assert error.name == name
    assert error.provider == "ollama"
    assert not any(isinstance(event, Finish) for event in events)


@pytest.mark.spec("R-12")
async def test_complete_that_fails_raises_what_stream_ends_in(server: FakeOllama, provider: OllamaProvider) -> None:
    server.script(chat(talk.said(PLAIN, "Well, "), talk.error("gone")))
    with pytest.raises(ProviderError) as raised:
        await provider.complete(ask())
    assert raised.value.name == "server_error_event"


async def test_stream_rate_limit_carries_the_seconds_to_wait(server: FakeOllama, provider: OllamaProvider) -> None:
    server.script(json_reply({"error": "slow down"}, 429, retry_after="7"))
    assert error_of(await events_of(provider, ask())).retry_after == 7


@pytest.mark.spec("R-12")
async def test_stream_nobody_listening_says_that_the_server_is_not_running(network: Network) -> None:
    async with FakeOllama() as server:
        gone = client(server, network)
    assert error_of(await events_of(gone, ask())).name == "server_unreachable"


@pytest.mark.spec("R-25")
async def test_stream_unknown_model_is_missing_and_its_abilities_are_forgotten(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(chat(*talk.answer(PLAIN, "x")))
    await events_of(provider, ask(tools=(ADD,)))
    server.remove(PLAIN)
    error = error_of(await events_of(provider, ask(tools=(ADD,))))
    assert error.name == "model_missing"
    assert PLAIN in error.title
    assert PLAIN not in provider._abilities


@pytest.mark.spec("R-12")
async def test_stream_silent_server_times_out_with_the_text_kept(server: FakeOllama, provider: OllamaProvider) -> None:
    server.script(Reply([talk.said(PLAIN, "Well, "), Hold(asyncio.Event())]))
    events = await events_of(provider, ask(deadlines=Deadlines(idle=0.2)))
    assert parts_of(events) == [Text("Well, ")]
    assert error_of(events).name == "timeout"


@pytest.mark.spec("R-12")
async def test_stream_twenty_at_once_keep_their_texts_apart(network: Network) -> None:
    async with FakeOllama(pace=0.001) as server:
        provider = client(server, network)
        answers = await asyncio.gather(*(provider.complete(ask(f"number {n} please")) for n in range(20)))
    assert [answer.message.text for answer in answers] == [f"You said: number {n} please" for n in range(20)]


@pytest.mark.spec("R-39")
async def test_stream_closed_early_closes_the_connection_within_100_ms(
    server: FakeOllama, provider: OllamaProvider
) -> None:
    server.script(Reply([Flood(talk.said(PLAIN, "tick "), pause=0.005)]))
    async with aclosing(provider.stream(ask())) as events:
        async for event in events:
            if isinstance(event, PartDelta):
                break
    closed = time.monotonic()
    (request,) = server.of("/api/chat")
    await asyncio.wait_for(request.gone.wait(), 2)
    assert request.gone_at - closed < 0.1


@pytest.mark.spec("R-39")
async def test_stream_cancelled_while_it_connects_leaves_no_connection_behind(network: Network) -> None:
    async with FakeOllama(scenario="silent") as server:
        provider = client(server, network)
        for number in range(200):
            using = asyncio.create_task(events_of(provider, ask()))
            for _ in range(number % 40):
                await asyncio.sleep(0)
            using.cancel()
            with pytest.raises(asyncio.CancelledError):
                await using
        async with asyncio.timeout(5):
            while server._running:
                await asyncio.sleep(0.01)


@pytest.mark.spec("R-39")
async def test_stream_started_and_cancelled_200_times_leaves_no_task_and_no_connection(network: Network) -> None:
    async with FakeOllama(scenario="silent") as server:
        provider = client(server, network)
        before = len(asyncio.all_tasks())
        for number in range(200):
            using = asyncio.create_task(events_of(provider, ask()))
            while len(server.of("/api/chat")) <= number:
                await asyncio.sleep(0)
            using.cancel()
            with pytest.raises(asyncio.CancelledError):
                await using
        for _ in range(200):
            if not server._running:
                break
            await asyncio.sleep(0.01)
        assert not server._running
        assert len(asyncio.all_tasks()) <= before + 1


async def test_stream_with_a_credential_sends_it_as_a_bearer_token(server: FakeOllama, network: Network) -> None:
    async def secret() -> Secret | None:
        return Secret("not-a-real-key")

    endpoint = Endpoint("ollama", ProviderKind.OLLAMA, "Ollama", server.base_url, credential="ollama-key")
    server.script(chat(*talk.answer(PLAIN, "x")))
    await events_of(OllamaProvider(endpoint, network, secret), ask())
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer not-a-real-key"}


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest("", (user("a"),)),
        ChatRequest(PLAIN, ()),
        ChatRequest(PLAIN, (assistant(""),), tools=(replace(ADD, name=""),)),
    ],
)
async def test_stream_unusable_request_is_refused_before_anything_is_sent(
    server: FakeOllama, provider: OllamaProvider, request_: ChatRequest
) -> None:
    events = await events_of(provider, request_)
    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, InvalidInput)
    assert not server.requests


@pytest.mark.spec("P-19", "R-05")
async def test_list_models_gives_exactly_what_is_installed(server: FakeOllama, provider: OllamaProvider) -> None:
    server.models[THINKER] = replace(server.models[THINKER], loaded_context=8192)
    models = {model.id: model for model in await provider.list_models()}
    assert set(models) == {PLAIN, THINKER, SEER, EMBEDDER}
    thinker = models[THINKER]
    assert (thinker.tools, thinker.thinking, thinker.vision, thinker.embedding) == (True, True, False, False)
    assert (thinker.loaded, thinker.loaded_context, thinker.context_length) == (True, 8192, None)
    assert (thinker.parameters, thinker.quantization, thinker.family) == ("8.2B", "Q4_K_M", "qwen3")
    assert models[EMBEDDER].embedding is True
    assert models[PLAIN].loaded is False


@pytest.mark.spec("P-19")
async def test_list_models_of_an_old_server_leaves_abilities_unknown(network: Network) -> None:
    async with FakeOllama(old=True) as server:
        for model in await client(server, network).list_models():
            assert (model.tools, model.vision, model.thinking, model.embedding) == (None, None, None, None)


async def test_list_models_empty_is_no_error(network: Network) -> None:
    async with FakeOllama([]) as server:
        assert await client(server, network).list_models() == []


async def test_list_models_without_a_list_of_running_ones_leaves_that_unknown(
    server: FakeOllama, network: Network
) -> None:
    server.route("GET", "/api/ps", text_reply("404 page not found", 404))
    assert all(model.loaded is None for model in await client(server, network).list_models())


async def test_list_models_one_that_runs_elsewhere_says_where(network: Network) -> None:
    async with FakeOllama([FakeModel("big:cloud", remote_host="https://ollama.com:443")]) as server:
        (model,) = await client(server, network).list_models()
    assert model.name == "big:cloud (runs at https://ollama.com:443)"


@pytest.mark.spec("R-07")
@pytest.mark.parametrize(
    "reply",
    [text_reply("<html>"), json_reply({"data": []}), json_reply([]), json_reply({"models": "x"}), text_reply("", 404)],
)
async def test_list_models_of_something_else_is_not_a_model_server(
    server: FakeOllama, provider: OllamaProvider, reply: Reply
) -> None:
    server.route("GET", "/api/tags", reply)
    with pytest.raises(ProviderError) as raised:
        await provider.list_models()
    assert raised.value.name == "not_a_model_server"


async def test_list_models_odd_entries_are_survived(server: FakeOllama, provider: OllamaProvider) -> None:
    entries = [None, 5, {}, {"name": ""}, {"name": "a", "details": None, "size": "big", "capabilities": "tools"}]
    server.route("GET", "/api/tags", json_reply({"models": entries}))
    (model,) = await provider.list_models()
    assert (model.id, model.size_bytes, model.tools) == ("a", None, None)


@pytest.mark.spec("P-19")
async def test_model_facts_join_list_and_description(server: FakeOllama, provider: OllamaProvider) -> None:
    facts = await provider.model_facts(THINKER)
    assert (facts.context_length, facts.tools, facts.thinking) == (40960, True, True)
    assert facts.size_bytes == 4_700_000_000


@pytest.mark.spec("P-19")
@pytest.mark.parametrize(
    ("info", "length"),
    [
        ({}, None),
        ({"general.architecture": "llama"}, None),
        ({"general.architecture": "llama", "llama.context_length": 8192}, 8192),
        ({"general.architecture": "new", "llama.context_length": 8192}, 8192),
        ({"a.context_length": 1, "b.context_length": 2}, None),
        ({"llama.context_length": "many"}, None),
        ({"general.architecture": "llama", "llama.context_length": 0}, None),
    ],
)
async def test_model_facts_context_comes_from_the_server_or_stays_unknown(
    server: FakeOllama, provider: OllamaProvider, info: dict[str, Any], length: int | None
) -> None:
    server.route("POST", "/api/show", json_reply({"model_info": info, "details": {}}))
    assert (await provider.model_facts(PLAIN)).context_length == length


async def test_model_facts_of_an_unknown_model_is_model_missing(provider: OllamaProvider) -> None:
    with pytest.raises(ProviderError) as raised:
        await provider.model_facts("nothing:1b")
    assert raised.value.name == "model_missing"


async def test_model_facts_name_without_tag_finds_the_latest(provider: OllamaProvider) -> None:
    facts = await provider.model_facts("nomic-embed-text")
    assert facts.embedding is True
    assert facts.size_bytes == 274_302_450


@pytest.mark.spec("R-01")
async def test_embed_gives_one_vector_per_text_in_order(server: FakeOllama, provider: OllamaProvider) -> None:
    vectors = await provider.embed(EMBEDDER, ["one", "two", "one"])
    assert len(vectors) == 3
    assert vectors[0] == vectors[2] != vectors[1]
    assert server.requests[0].json == {"model": EMBEDDER, "input": ["one", "two", "one"], "truncate": False}


async def test_embed_nothing_asks_nobody(server: FakeOllama, provider: OllamaProvider) -> None:
    assert await provider.embed(EMBEDDER, []) == []
    assert not server.requests


@pytest.mark.parametrize(
    ("model", "texts", "name"),
    [
        (PLAIN, ["a"], "request_refused"),
        ("nothing:1b", ["a"], "model_missing"),
        (EMBEDDER, ["x" * 10000], "context_too_long"),
    ],
)
async def test_embed_that_cannot_be_done_is_a_typed_error(
    provider: OllamaProvider, model: str, texts: list[str], name: str
) -> None:
    with pytest.raises(ProviderError) as raised:
        await provider.embed(model, texts)
    assert raised.value.name == name


async def test_embed_with_vectors_missing_is_malformed(server: FakeOllama, provider: OllamaProvider) -> None:
    server.route("POST", "/api/embed", json_reply({"embeddings": [[1.0]]}))
    with pytest.raises(ProviderError) as raised:
        await provider.embed(EMBEDDER, ["a", "b"])
    assert raised.value.name == "malformed"


async def test_close_twice_is_safe(provider: OllamaProvider) -> None:
    await provider.close()
    await provider.close()
