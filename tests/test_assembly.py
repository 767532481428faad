"""The composition root on a real home: start, work, stop, start again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal_desktop.assembly import Core
from portal_desktop.errors import StorageError
from portal_desktop.messages import Mode, Source, Status
from portal_desktop.paths import Paths
from portal_desktop.settings import Environment, declared
from tests.servers.ollama import FakeOllama

pytestmark = pytest.mark.integration


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Core]:
    core = Core(Paths.below(tmp_path), Environment({}), program="test", ports=())
    await core.start()
    yield core
    await core.stop()


async def test_start_offers_the_built_in_tools_and_no_model(home: Core) -> None:
    assert {spec.name for spec in home.tools.specs()} == {
        "add_task",
        "list_tasks",
        "complete_task",
        "delete_task",
        "update_task",
        "current_time",
        "calculate",
        "read_result",
    }
    assert home.tools.failures == ()
    assert await home.catalogue.models() == []


@pytest.mark.spec("S-30")
async def test_tools_offered_to_the_model_are_those_of_the_registry(home: Core) -> None:
    async with FakeOllama() as server:
        entry = {"id": "fake", "kind": "ollama", "name": "Fake", "base_url": server.base_url}
        await home.settings.set(declared.ENDPOINTS, [entry])
        models = await home.catalogue.models()
        turn = await home.live.send(None, "hello", source=Source.CLI, model=models[0].full_id, mode=Mode.ACT)
        assert (await turn.wait()).status is Status.COMPLETE
        body = next(r.json for r in server.requests if r.path == "/api/chat")
        assert [tool["function"]["name"] for tool in body["tools"]] == [spec.name for spec in home.tools.specs()]


async def test_tool_run_of_a_turn_is_in_the_audit(home: Core) -> None:
    async with FakeOllama() as server:
        entry = {"id": "fake", "kind": "ollama", "name": "Fake", "base_url": server.base_url}
        await home.settings.set(declared.ENDPOINTS, [entry])
        models = await home.catalogue.models()
        turn = await home.live.send(None, "add buy milk", source=Source.CLI, model=models[0].full_id, mode=Mode.ACT)
        await turn.wait()
        async with asyncio.timeout(5):
            while not (entries := await home.audit.newest()):
                await asyncio.sleep(0.01)
    assert entries[0].kind == "tool_ran"
    assert json.loads(entries[0].details["arguments"])["title"] == "buy milk"
    assert (await home.book.list()).tasks[0].title == "buy milk"


async def test_start_on_a_damaged_database_says_so_and_stops_cleanly(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    paths.create()
    paths.database.write_bytes(b"no database at all" * 100)
    core = Core(paths, Environment({}), program="test", ports=())
    with pytest.raises(StorageError) as caught:
        await core.start()
    assert caught.value.name == "database_damaged"
    await core.stop()
    assert paths.database.read_bytes().startswith(b"no database at all")


async def test_watch_when_another_process_writes_tells_the_faces(home: Core, tmp_path: Path) -> None:
    from portal_desktop.events import TasksChanged
    from portal_desktop.tasks import TaskDraft

    heard = asyncio.Event()
    home.bus.subscribe(TasksChanged, lambda _: heard.set())
    home.watch()
    other = Core(Paths.below(tmp_path), Environment({}), program="other", ports=())
    await other.start()
    await other.book.add(TaskDraft("from elsewhere"))
    async with asyncio.timeout(3):
        await heard.wait()
    await other.stop()
