"""The same client on the loop the desktop runs on."""

from __future__ import annotations

import asyncio

import pytest

from portal_desktop.net import Network
from portal_desktop.providers.openai import OpenAIProvider
from tests.servers.base import Close, Hold, Reply
from tests.servers.openai import FakeOpenAI, answer, stream
from tests.streams.openai import say
from tests.support.streams import ask, events_of, no_key, run

pytestmark = pytest.mark.gui


@pytest.mark.spec("R-10")
async def test_stream_on_the_qt_loop_comes_to_its_parts(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(Reply(head=[Close()]), answer("Hello there", thinking="hm", usage=(3, 4)))
        ended = await run(OpenAIProvider(server.endpoint(), network, no_key))
        assert ended.brief == [("thinking", "hm"), ("text", "Hello there"), "stop"]


@pytest.mark.spec("R-24")
async def test_stop_on_the_qt_loop_closes_the_connection(network: Network) -> None:
    async with FakeOpenAI() as server:
        server.script(stream(say("a"), Hold(asyncio.Event())))
        reading = asyncio.create_task(events_of(OpenAIProvider(server.endpoint(), network, no_key), ask()))
        while not server.chats:
            await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(server.chats[0].gone.wait(), 2)
