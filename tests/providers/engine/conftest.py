"""Engines of the real package, with tiny real model files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.providers.engine.engine import Engine
from portal_desktop.providers.engine.launch import EngineConfig, engine_command
from portal_desktop.providers.engine.process import EngineProcess
from tests.models.scripted import build_scripted


@pytest.fixture(scope="session")
def scripted_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_scripted(tmp_path_factory.mktemp("models") / "scripted.gguf")


@pytest.fixture
async def start_process(scripted_model: Path) -> AsyncIterator[Callable[..., EngineProcess]]:
    made: list[EngineProcess] = []

    def make(model: Path = scripted_model, command: tuple[str, ...] = engine_command()) -> EngineProcess:
        made.append(EngineProcess(command, EngineConfig(str(model), threads=1), dict(os.environ)))
        return made[-1]

    yield make
    for process in made:
        await process.stop()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(engine_command(), dict(os.environ), SystemClock(), threads=lambda: 1)
    yield engine
    await engine.stop()
