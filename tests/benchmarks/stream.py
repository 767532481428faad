"""Reading a stream: processor time against the official client, and memory against the promise."""

from __future__ import annotations

import time
import tracemalloc

import openai

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Finish, user
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Endpoint, ProviderKind
from portal_desktop.providers.openai import OpenAIProvider
from tests.benchmarks.flood import flood

TOKENS = 20_000
TOKEN_BYTES = 8
LONG_TOKENS = 50_000
LONG_TOKEN_BYTES = 1_000
PROMISED_BYTES = 2 * 1024 * 1024


async def _no_secret() -> None:
    return None


async def _ours(address: str) -> None:
    network = Network(SystemClock())
    endpoint = Endpoint("bench", ProviderKind.OPENAI, "bench", f"{address}/v1")
    provider = OpenAIProvider(endpoint, network, _no_secret)
    last = None
    async for event in provider.stream(ChatRequest("m", (user("go"),))):
        last = event
    assert isinstance(last, Finish), last
    await provider.close()
    await network.close()


async def _official(address: str) -> None:
    """The same answer through the client most programs use."""
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "go"}], stream=True
        )
        async for _ in stream:
            pass


async def stream_parse() -> float:
    """Processor time of the whole provider (transport, parsing, events) against the official openai package."""
    with flood(TOKENS, TOKEN_BYTES) as address:
        await _ours(address)
        await _official(address)
        start = time.process_time()
        await _official(address)
        peer = time.process_time() - start
        start = time.process_time()
        await _ours(address)
        ours = time.process_time() - start
    return ours / peer


async def stream_memory() -> float:
    """Peak extra memory while a 50 MB answer streams into a consumer that drops it, against 2 MB."""
    with flood(100, 10) as address:
        await _ours(address)
    with flood(LONG_TOKENS, LONG_TOKEN_BYTES) as address:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        await _ours(address)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return (peak - before) / PROMISED_BYTES
