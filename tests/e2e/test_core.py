"""The product's own core against a real server on loopback: nothing leaks, and nothing is asked without its key."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal_desktop.assembly import Core
from portal_desktop.chat.turn import Turn
from portal_desktop.credentials import Secret
from portal_desktop.messages import Mode, Source, Status
from portal_desktop.paths import Paths
from portal_desktop.settings import Environment
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI, answer
from tests.support.seat import served

pytestmark = pytest.mark.integration

CYCLES = 200


@asynccontextmanager
async def running(home: Path, variables: dict[str, str]) -> AsyncIterator[Core]:
    quiet = {"TZ": "UTC", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    core = Core(Paths.below(home), Environment({**quiet, **variables}), program="test", ports=())
    await core.start()
    try:
        yield core
    finally:
        await core.stop()


def sockets() -> int:
    return sum(_target(entry).startswith("socket:") for entry in Path("/proc/self/fd").iterdir())


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def child_processes() -> set[str]:
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.spec("R-39")
@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform != "linux", reason="handles are read from /proc")
async def test_two_hundred_started_and_cancelled_turns_leave_nothing(tmp_path: Path) -> None:
    async with FakeOllama(pace=0.003) as server, running(tmp_path, served(server.base_url)) as core:

        async def cycle(number: int) -> None:
            turn = await core.live.send(None, "a long one", source=Source.WINDOW, mode=Mode.ACT)
            if number % 4:
                while not turn.parts:
                    await asyncio.sleep(0.001)
            await turn.stop()
            end = await turn.wait()
            assert end.status is Status.STOPPED

        await cycle(1)
        gc.collect()
        before = asyncio.all_tasks(), sockets(), child_processes()
        for number in range(CYCLES):
            await cycle(number)
        async with asyncio.timeout(3):
            while sockets() > before[1] or asyncio.all_tasks() - before[0]:
                await asyncio.sleep(0.01)
        assert child_processes() == before[2]
        assert len(server.chats) <= CYCLES + 1
        assert all(request.gone.is_set() or request.complete for request in server.requests)


@pytest.mark.spec("T-01")
async def test_task_assistant_on_a_cloud_model_without_its_key_asks_nobody(tmp_path: Path) -> None:
    async with FakeOpenAI() as server, running(tmp_path, _keyed(server, "work-key")) as core:
        turn = await _ask_assistant(core)
        end = await turn.wait()
        assert end.status is Status.ERROR
        assert end.error is not None
        assert (end.error.name, end.error.kind.value) == ("endpoint_incomplete", "configuration")
        assert "key" in end.error.title
        assert server.connections == 0


@pytest.mark.spec("T-01")
async def test_task_assistant_takes_the_key_of_the_credentials_and_a_local_model_needs_none(tmp_path: Path) -> None:
    async with FakeOpenAI() as server, running(tmp_path / "one", _keyed(server, "work-key")) as core:
        core.credentials.use_session()
        await core.credentials.set("work-key", Secret("sk-0123456789abcdef"))
        server.script(answer("Hello"))
        assert (await (await _ask_assistant(core)).wait()).status is Status.COMPLETE
        assert {r.headers["authorization"] for r in server.requests} == {"Bearer sk-0123456789abcdef"}
        kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert b"sk-0123456789abcdef" not in kept
    async with FakeOpenAI() as server, running(tmp_path / "two", _keyed(server, "")) as core:
        server.script(answer("Hello"))
        assert (await (await _ask_assistant(core)).wait()).status is Status.COMPLETE
        assert all("authorization" not in request.headers for request in server.requests)


def _keyed(server: FakeOpenAI, credential: str) -> dict[str, str]:
    entry = {"id": "work", "kind": "openai", "base_url": f"{server.base_url}/v1", "credential": credential}
    return {"PORTAL_MODELS_ENDPOINTS": json.dumps([entry]), "PORTAL_TASKS_MODEL": "work/m"}


async def _ask_assistant(core: Core) -> Turn:
    chat = await core.history.create()
    await core.database.write(
        lambda connection: connection.execute("UPDATE conversations SET persona = 'tasks' WHERE id = ?", (chat.id,))
    )
    return await core.live.send(chat.id, "What is on my list?", source=Source.WINDOW)
