"""The fake Ollama judged by the official `ollama` client, and by what the real one refuses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import ollama
import pytest

from tests.servers import ollama_talk as talk
from tests.servers.ollama import FakeOllama, chat, refused
from tests.servers.ollama_talk import FakeModel

PLAIN, THINKER, SEER, EMBEDDER = (model.name for model in talk.MODELS)

ADD: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "add_task",
        "description": "",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}},
    },
}
DELETE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "delete_task",
        "description": "",
        "parameters": {"type": "object", "properties": {"task_id": {"type": "integer"}}},
    },
}


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        yield server


@pytest.fixture
async def client(server: FakeOllama) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(server.base_url)
    yield client
    await client._client.aclose()


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.spec("R-32", "T-26")
async def test_list_as_the_official_client_reads_it(client: ollama.AsyncClient) -> None:
    listed = (await client.list()).models
    assert [model.model for model in listed] == [PLAIN, THINKER, SEER, EMBEDDER]
    assert listed[0].details is not None
    assert listed[0].details.parameter_size == "3.2B"
    assert listed[0].modified_at is not None


@pytest.mark.spec("R-32", "T-26")
async def test_show_as_the_official_client_reads_it(client: ollama.AsyncClient) -> None:
    shown = await client.show(THINKER)
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["qwen3.context_length"] == 40960


@pytest.mark.spec("R-32", "T-26")
async def test_ps_as_the_official_client_reads_it(server: FakeOllama, client: ollama.AsyncClient) -> None:
    assert (await client.ps()).models == []
    server.models["x"] = FakeModel("x", loaded_context=8192)
    (running,) = (await client.ps()).models
    assert (running.model, running.context_length) == ("x", 8192)


@pytest.mark.spec("R-32", "T-26")
async def test_chat_stream_as_the_official_client_reads_it(client: ollama.AsyncClient) -> None:
    chunks = [part async for part in await client.chat(THINKER, asked("please think"), stream=True)]
    assert "".join(chunk.message.thinking or "" for chunk in chunks) == "The user asks me to think. I do."
    assert "".join(chunk.message.content or "" for chunk in chunks) == "You said: please think"
    assert chunks[-1].done
    assert chunks[-1].done_reason == "stop"
    assert chunks[-1].eval_count == 12


@pytest.mark.spec("R-32", "T-26")
async def test_chat_without_stream_as_the_official_client_reads_it(client: ollama.AsyncClient) -> None:
    whole = await client.chat(THINKER, asked("please think"))
    assert whole.message.content == "You said: please think"
    assert whole.message.thinking
    assert whole.done


@pytest.mark.spec("R-32", "T-26")
async def test_chat_tool_call_as_the_official_client_reads_it(client: ollama.AsyncClient) -> None:
    whole = await client.chat(PLAIN, asked("Please add buy milk and add call Anna"), tools=[ADD])
    assert whole.message.tool_calls is not None
    assert [dict(call.function.arguments) for call in whole.message.tool_calls] == [
        {"title": "buy milk"},
        {"title": "call Anna"},
    ]


@pytest.mark.spec("R-32", "T-26")
async def test_embed_as_the_official_client_reads_it(client: ollama.AsyncClient) -> None:
    one, other = (await client.embed(EMBEDDER, ["a", "b"])).embeddings
    assert sum(value * value for value in one) == pytest.approx(1)
    assert list(one) != list(other)


@pytest.mark.spec("R-32", "T-26")
@pytest.mark.parametrize(
    ("model", "more", "status", "words"),
    [
        ("absent", {}, 404, "not found"),
        (SEER, {"tools": [ADD]}, 400, "does not support tools"),
        (PLAIN, {"think": True}, 400, "does not support thinking"),
        (EMBEDDER, {}, 400, "does not support chat"),
    ],
)
async def test_chat_refusals_as_the_official_client_reads_them(
    client: ollama.AsyncClient, model: str, more: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(ollama.ResponseError, match=words) as raised:
        await client.chat(model, asked("a"), **more)
    assert raised.value.status_code == status


@pytest.mark.spec("R-32", "T-26")
async def test_chat_error_line_as_the_official_client_reads_it(server: FakeOllama, client: ollama.AsyncClient) -> None:
    server.script(chat(talk.said(PLAIN, "a"), talk.error("gone")), refused(503, "server busy"))
    with pytest.raises(ollama.ResponseError, match="gone"):
        async for _ in await client.chat(PLAIN, asked("a"), stream=True):
            pass
    with pytest.raises(ollama.ResponseError, match="server busy"):
        await client.chat(PLAIN, asked("a"))


@pytest.mark.spec("R-32", "T-26")
@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "a", "arguments": "{}"}}]},
        {"role": "user", "content": "", "images": ["data:image/png;base64,AAAA"]},
        {"role": "stranger", "content": ""},
    ],
)
def test_refusal_of_what_the_real_server_cannot_read_is_400(message: dict[str, Any]) -> None:
    models = {model.name: model for model in talk.MODELS}
    refusal = talk.refusal({"model": SEER, "messages": [message]}, models)
    assert refusal is not None
    assert refusal[0] == 400


@pytest.mark.spec("R-32")
@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Add buy milk", [("add_task", {"title": "buy milk"})]),
        ("please add a task to water the plants.", [("add_task", {"title": "water the plants"})]),
        ("delete task 4", [("delete_task", {"task_id": 4})]),
        ("remove the milk", [("delete_task", {"task_id": "the milk"})]),
        ("How are you?", []),
    ],
)
def test_reply_offers_the_call_a_person_would_mean(text: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    said = b"".join(talk.reply({"model": PLAIN, "messages": asked(text), "tools": [ADD, DELETE]}))
    for name, arguments in calls:
        assert f'"name":"{name}"'.encode() in said
        assert all(str(value).encode() in said for value in arguments.values())
    assert (b"tool_calls" in said) is bool(calls)


def test_line_escapes_what_go_escapes_and_nothing_else() -> None:
    said = talk.said(PLAIN, "<a> & \u2028 \u0085 日本")
    assert b"\\u003ca\\u003e \\u0026 \\u2028 \xc2\x85" in said
    assert "日本".encode() in said


@pytest.mark.spec("R-32")
@pytest.mark.integration
async def test_module_started_from_a_shell_answers_until_its_input_ends() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.servers.ollama", "--port", "0", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    address = (await child.stdout.readline()).decode().strip()
    client = ollama.AsyncClient(address)
    assert len((await client.list()).models) == len(talk.MODELS)
    await client._client.aclose()
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 5) == 0
