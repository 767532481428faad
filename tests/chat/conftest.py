"""A core with the real tools and a fake server of each dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.net import Network
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook
from portal_desktop.tools.calculate import calculate_tools
from portal_desktop.tools.clock import clock_tools
from portal_desktop.tools.registry import ToolRegistry
from portal_desktop.tools.tasks import task_tools
from tests.support.core import Core, core
from tests.support.dialects import Bench


@pytest.fixture(params=["openai", "ollama"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    network = Network(SystemClock())
    made = Bench(request.param, network)
    async with made.server:
        yield made
    await network.close()


class Desk:
    """The core with its to-do list, its tools and the server it speaks to."""

    def __init__(self, here: Core, book: TaskBook, registry: ToolRegistry, bench: Bench) -> None:
        self.here = here
        self.book = book
        self.registry = registry
        self.bench = bench


@pytest.fixture
async def desk(bench: Bench, tmp_path: Path) -> AsyncIterator[Desk]:
    clock = SystemClock()
    registry = ToolRegistry(clock)
    async with core(
        tmp_path, bench.provider(), tools=registry, variables={"PORTAL_CHAT_DEFAULT_MODEL": bench.full}
    ) as here:
        book = TaskBook(TaskRows(here.database, clock), clock, lambda: UTC)
        for tool in (*task_tools(book), *calculate_tools(), *clock_tools(clock, lambda: UTC)):
            registry.register(tool)
        yield Desk(here, book, registry, bench)
