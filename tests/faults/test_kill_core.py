"""The whole core killed while it does everything at once; what it had acknowledged is there, whatever the moment."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Status, ToolCall, ToolReturn
from portal_desktop.storage.tasks import TaskRows
from tests.servers.base import Received, Reply
from tests.servers.openai import FakeOpenAI, answer
from tests.support.core import core
from tests.support.mortal import Mortals, acked

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are of POSIX"),
]


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    with Mortals() as made:
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all kills: each core begins on what the one before it left."""
    return tmp_path_factory.mktemp("home")


def reply(request: Received) -> Reply:
    """Add a task, then talk."""
    last = request.json["messages"][-1]
    if last["role"] == "user":
        return answer(calls=[("add_task", {"title": f"From {last['content']}"})])(request)
    return answer("word " * 60, pause=0.002, usage=(5, 5))(request)


@pytest.mark.spec("X-50")
@pytest.mark.parametrize("number", range(20))
async def test_kill_whole_core_everything_acknowledged_is_there(number: int, home: Path, mortals: Mortals) -> None:
    moment = random.Random(number).uniform(0.02, 0.25)
    before = len(acked(home))
    async with FakeOpenAI() as server:
        server.default = reply
        mortal = mortals.born("busy", home, server.base_url)
        async with asyncio.timeout(20):
            while len(acked(home)) == before:
                await asyncio.sleep(0.01)
        await asyncio.sleep(moment)
        mortal.kill()
    acks = acked(home)
    assert len(acks) > before
    async with core(home) as here:
        await here.conversations.recover()
        await _check(here, acks[before:])
        assert await here.database.read(_integrity) == ["ok"]


async def _check(here: Any, acks: list[list[Any]]) -> None:
    rows = TaskRows(here.database, SystemClock())
    titles: dict[int, str] = {}
    for kind, row, value in acks:
        if kind == "task":
            task = await rows.get(row)
            assert task is not None
            assert task.title == value
        elif kind == "title":
            titles[row] = value
        else:
            stored = await here.conversations.message(row)
            assert (stored.message.text if kind == "message" else stored.status.value) == value
    for chat, title in titles.items():
        assert int((await here.history.get(chat)).title.rsplit(" ", 1)[1]) >= int(title.rsplit(" ", 1)[1])
    for chat in await here.history.list(limit=200):
        for stored in await here.history.path(chat.id):
            assert stored.status is not Status.STREAMING
            calls = [part.id for part in stored.parts if isinstance(part, ToolCall)]
            returns = {part.call_id for part in stored.parts if isinstance(part, ToolReturn)}
            if stored.status is Status.COMPLETE:
                assert set(calls) == returns


def _integrity(connection: Any) -> list[str]:
    return [row[0] for row in connection.execute("PRAGMA integrity_check")]
