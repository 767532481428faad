"""The official `openai` client judges the fake: what it reads there is what the script said."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.net import Network
from portal_desktop.providers.openai import OpenAIProvider
from tests.servers.openai import FakeOpenAI, answer, refusal
from tests.support.streams import TOOL, ask, no_key, run

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:openai", "ignore::DeprecationWarning:pydantic")

QUESTION: Any = [{"role": "user", "content": "hi"}]


def judge(server: FakeOpenAI) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="k", max_retries=0)


@pytest.mark.spec("R-32")
async def test_official_client_reads_a_scripted_stream_as_our_client_does() -> None:
    said = answer("Hello there", thinking="hm", calls=[("add", {"a": 1}), ("add", {"a": 2})], usage=(10, 5))
    network = Network(SystemClock())
    async with FakeOpenAI() as server, judge(server) as client:
        server.script(said, said)
        text, calls, reason, usage = "", {}, "", None
        stream = await client.chat.completions.create(
            model="m", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
                for call in choice.delta.tool_calls or ():
                    one = calls.setdefault(call.index, [call.id, "", ""])
                    assert call.function is not None
                    one[1] += call.function.name or ""
                    one[2] += call.function.arguments or ""
        ours = await run(OpenAIProvider(server.endpoint(), network, no_key), ask(tools=(TOOL,)))
        assert (text, reason) == ("Hello there", "tool_calls")
        assert list(calls.values()) == [["id0", "add", '{"a": 1}'], ["id1", "add", '{"a": 2}']]
        assert usage is not None
        assert ours.usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens) == (
            ours.usage.prompt_tokens,
            ours.usage.completion_tokens,
        )
        assert ours.brief[1:] == [
            ("text", text),
            *(("call", call_id, name, {"a": n + 1}) for n, (call_id, name, _) in enumerate(calls.values())),
            reason,
        ]
    await network.close()


@pytest.mark.spec("R-32")
async def test_official_client_reads_a_scripted_whole_answer() -> None:
    async with FakeOpenAI() as server, judge(server) as client:
        server.script(answer("Hello", calls=[("add", {"a": 1})], usage=(10, 5)))
        whole = await client.chat.completions.create(model="m", messages=QUESTION)
        message = whole.choices[0].message
        assert message.content == "Hello"
        assert message.tool_calls is not None
        call: Any = message.tool_calls[0]
        assert (call.function.name, call.function.arguments) == ("add", '{"a": 1}')
        assert whole.usage is not None
        assert whole.usage.total_tokens == 15


@pytest.mark.spec("R-32")
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_official_client_knows_a_scripted_refusal(status: int, error: type[Exception]) -> None:
    async with FakeOpenAI() as server, judge(server) as client:
        server.script(refusal(status, "no"))
        with pytest.raises(error):
            await client.chat.completions.create(model="m", messages=QUESTION)


@pytest.mark.spec("R-32")
async def test_official_client_reads_models_and_embeddings() -> None:
    async with FakeOpenAI(models=["a", "b"]) as server, judge(server) as client:
        assert [model.id async for model in client.models.list()] == ["a", "b"]
        rows = await client.embeddings.create(model="a", input=["x", "yy"], encoding_format="float")
        assert sorted(row.embedding[0] for row in rows.data) == [1.0, 2.0]
