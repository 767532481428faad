"""The engine under the loop of the desktop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Finish, StreamError, user
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest
from portal_desktop.providers.engine.engine import Engine
from portal_desktop.providers.engine.launch import engine_command
from portal_desktop.providers.engine.models import ModelFiles
from portal_desktop.providers.engine.provider import EngineProvider
from tests.models.scripted import CHAINS

pytestmark = [pytest.mark.integration, pytest.mark.gui]


@pytest.mark.spec("X-26")
async def test_engine_under_the_qt_loop_loads_streams_crashes_and_stops(scripted_model: Path) -> None:
    network = Network(SystemClock())
    engine = Engine(engine_command(), dict(os.environ), SystemClock(), threads=lambda: 1)
    provider = EngineProvider(ModelFiles(scripted_model.parent), engine, engine, network)
    answer = await provider.complete(ChatRequest("scripted", (user("Hello"),)))
    assert answer.message.text == CHAINS["text"].text
    events = []
    async for event in provider.stream(ChatRequest("scripted", (user("long"),))):
        events.append(event)
        if len(events) == 3 and engine._process is not None and engine._process.pid is not None:
            os.kill(engine._process.pid, signal.SIGKILL)
    assert isinstance(events[-1], StreamError)
    assert events[-1].error.name == "engine_crashed"
    events = [event async for event in provider.stream(ChatRequest("scripted", (user("Hello"),)))]
    assert isinstance(events[-1], Finish)
    await provider.close()
    await network.close()
    await asyncio.sleep(0)
    assert engine.loaded is None
