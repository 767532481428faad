"""A registry with the real tools over a real file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from portal_desktop.messages import ToolCall, ToolReturn
from portal_desktop.storage.database import Database
from portal_desktop.storage.results import ResultRows
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.tasks import TaskBook
from portal_desktop.tools.base import ToolContext
from portal_desktop.tools.calculate import calculate_tools
from portal_desktop.tools.clock import clock_tools
from portal_desktop.tools.registry import ToolRegistry, ToolRun
from portal_desktop.tools.results import result_tools
from portal_desktop.tools.tasks import task_tools
from tests.support.clock import FakeClock
from tests.support.todo import BERLIN, clock, database

Ask: TypeAlias = Callable[..., Awaitable[tuple[ToolReturn, dict[str, Any]]]]


__all__ = ["clock", "database"]


@pytest.fixture
def book(database: Database, clock: FakeClock) -> TaskBook:
    return TaskBook(TaskRows(database, clock), clock, lambda: BERLIN)


@pytest.fixture
def foreign_book(database: Database, clock: FakeClock) -> TaskBook:
    return TaskBook(TaskRows(database, clock, "somebody"), clock, lambda: BERLIN)


@pytest.fixture
def results(database: Database, clock: FakeClock) -> ResultRows:
    return ResultRows(database, clock)


@pytest.fixture
def runs() -> list[ToolRun]:
    return []


@pytest.fixture
def registry(book: TaskBook, results: ResultRows, clock: FakeClock, runs: list[ToolRun]) -> ToolRegistry:
    registry = ToolRegistry(clock, store=results, observe=runs.append)
    registry.load("tasks", lambda: task_tools(book))
    registry.load("clock", lambda: clock_tools(clock, lambda: BERLIN))
    registry.load("calculate", calculate_tools)
    registry.load("results", lambda: result_tools(results))
    assert registry.failures == ()
    return registry


@pytest.fixture
def ask(registry: ToolRegistry) -> Ask:
    """Call a tool as a model does; returns the result and its JSON (empty for plain text)."""
    numbers = itertools.count(1)

    async def call(
        name: str, context: ToolContext | None = None, /, **arguments: Any
    ) -> tuple[ToolReturn, dict[str, Any]]:
        returned = await registry.execute(ToolCall(f"call-{next(numbers)}", name, arguments), context or ToolContext())
        return returned, json.loads(returned.content) if returned.content.startswith("{") else {}

    return call
