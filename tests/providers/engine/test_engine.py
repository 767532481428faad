"""Which file is loaded, for whom, and what happens after crashes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from portal_desktop.errors import ProviderError
from portal_desktop.providers.engine.engine import CALM_SECONDS, Engine
from portal_desktop.providers.engine.launch import engine_command
from tests.support.clock import FakeClock

pytestmark = pytest.mark.integration

CRASHING = (sys.executable, "-c", "import sys; print('last words', file=sys.stderr); sys.exit(77)")


async def test_lease_twice_of_one_file_shares_the_process(engine: Engine, scripted_model: Path) -> None:
    async with engine.lease(scripted_model) as one, engine.lease(scripted_model) as other:
        assert one is other
        assert engine.busy
    assert not engine.busy
    assert engine.loaded == scripted_model


async def test_lease_of_many_at_once_starts_one_process(engine: Engine, scripted_model: Path) -> None:
    async def pid() -> int | None:
        async with engine.lease(scripted_model) as process:
            return process.pid

    assert len(set(await asyncio.gather(*(pid() for _ in range(10))))) == 1


async def test_lease_of_another_file_waits_for_the_first_and_replaces_it(
    engine: Engine, scripted_model: Path, tmp_path: Path
) -> None:
    second = shutil.copy(scripted_model, tmp_path / "second.gguf")
    order: list[str] = []

    async def use_second() -> None:
        async with engine.lease(second):
            order.append("second")

    async with engine.lease(scripted_model) as first:
        waiting = asyncio.create_task(use_second())
        await asyncio.sleep(0.05)
        order.append("first")
    await waiting
    assert order == ["first", "second"]
    assert first.stopped
    assert engine.loaded == second


@pytest.mark.spec("X-26")
async def test_process_killed_next_lease_starts_a_new_one(engine: Engine, scripted_model: Path) -> None:
    async with engine.lease(scripted_model) as process:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        problem = await engine.failure(process)
        assert problem is not None
        assert problem.name == "engine_crashed"
    async with engine.lease(scripted_model) as again:
        assert again is not process
        assert not again.stopped


@pytest.mark.spec("X-26")
async def test_engine_crashing_every_time_is_restarted_three_times_then_refused(tmp_path: Path) -> None:
    clock = FakeClock()
    engine = Engine(CRASHING, dict(os.environ), clock, threads=lambda: 1)
    for _ in range(4):
        with pytest.raises(ProviderError, match="last words"):
            async with engine.lease(tmp_path / "any.gguf"):
                pytest.fail("it cannot have started")
    with pytest.raises(ProviderError, match="4 times in a row"):
        async with engine.lease(tmp_path / "any.gguf"):
            pytest.fail("it was not to be tried")
    await clock.advance(CALM_SECONDS)
    with pytest.raises(ProviderError, match="last words"):
        async with engine.lease(tmp_path / "any.gguf"):
            pytest.fail("it cannot have started")


async def test_engine_crashes_of_one_file_do_not_count_for_another(tmp_path: Path) -> None:
    engine = Engine(CRASHING, dict(os.environ), FakeClock(), threads=lambda: 1)
    for name in ("a", "a", "a", "a", "b"):
        with pytest.raises(ProviderError, match="last words"):
            async with engine.lease(tmp_path / name):
                pytest.fail("it cannot have started")


@pytest.mark.spec("X-26")
async def test_engine_idle_for_its_time_is_unloaded(scripted_model: Path) -> None:
    clock = FakeClock()
    engine = Engine(engine_command(), dict(os.environ), clock, threads=lambda: 1, idle_seconds=lambda: 60)
    async with engine.lease(scripted_model) as process:
        pass
    await clock.advance(59)
    assert not process.stopped
    async with engine.lease(scripted_model) as same:
        assert same is process
    await clock.advance(59)
    assert not process.stopped
    await clock.advance(1)
    assert await process.wait(2)
    assert engine.loaded is None
    await engine.stop()


async def test_engine_without_idle_time_stays_loaded(engine: Engine, scripted_model: Path) -> None:
    async with engine.lease(scripted_model) as process:
        pass
    assert engine._idle is None
    assert not process.stopped


@pytest.mark.spec("R-39")
async def test_lease_cancelled_while_loading_leaves_no_child(engine: Engine, scripted_model: Path) -> None:
    async def use() -> None:
        async with engine.lease(scripted_model):
            await asyncio.sleep(60)

    for delay in (0.005, 0.05, 0.3):
        using = asyncio.create_task(use())
        await asyncio.sleep(delay)
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
    await engine.stop()
    assert engine.loaded is None
    assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
