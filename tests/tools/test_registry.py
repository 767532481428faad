"""The registry: one way in, one list, and what comes back from a run whatever happens in it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from portal_desktop.errors import StorageError, ToolError
from portal_desktop.messages import JsonObject, ToolCall, ToolReturn
from portal_desktop.tools.base import Power, Tool, ToolContext
from portal_desktop.tools.registry import BadTool, Health, ToolRegistry, ToolRun
from portal_desktop.tools.results import object_schema
from tests.support.clock import FakeClock

EMPTY = object_schema({})


def tool(name: str = "probe", run: Callable[..., Awaitable[object]] | None = None, **more: Any) -> Tool:
    async def done(_arguments: JsonObject, _context: ToolContext) -> object:
        return "done"

    facts: dict[str, Any] = {"description": "A tool of a test.", "parameters": EMPTY, "title": "Probe"} | more
    return Tool(name, run=run or done, **facts)


@pytest.fixture
def plain(clock: FakeClock) -> ToolRegistry:
    return ToolRegistry(clock)


async def called(registry: ToolRegistry, name: str = "probe", **arguments: Any) -> tuple[ToolReturn, dict[str, Any]]:
    result = await registry.execute(ToolCall("c", name, arguments), ToolContext())
    return result, json.loads(result.content) if result.content.startswith("{") else {}


@pytest.mark.spec("P-24")
def test_registry_name_collision_is_an_error_and_keeps_the_first(plain: ToolRegistry) -> None:
    first = tool()
    plain.register(first, source="one")
    with pytest.raises(BadTool, match="taken by a tool of one"):
        plain.register(tool(), source="two")
    assert plain.tool("probe") is first


@pytest.mark.spec("P-24")
@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "has blank"},
        {"name": "9lives"},
        {"name": "x" * 65},
        {"name": "semi;colon"},
        {"name": "new\nline"},
        {"name": "dot."},
        {"title": " "},
        {"description": ""},
        {"description": "d" * 4001},
        {"seconds": 0},
        {"seconds": 601},
        {"seconds": float("nan")},
        {"powers": frozenset()},
        {"parameters": {}},
        {"parameters": {"type": "array"}},
        {"parameters": []},
        {"parameters": {"type": "object", "properties": []}},
        {"parameters": {"type": "object", "default": float("nan")}},
        {"parameters": {"type": "object", "default": {1, 2}}},
        {"parameters": {"type": "object", "description": "d" * 70_000}},
        {"parameters": {"type": "object", "properties": {"a": {"$ref": "#"}}}},
        {"parameters": {"type": "object", "patternProperties": {"^(a+)+$": {}}}},
        {"returns": {"type": "string"}},
    ],
)
def test_registry_tool_with_bad_metadata_is_refused(plain: ToolRegistry, changes: dict[str, Any]) -> None:
    with pytest.raises(BadTool):
        plain.register(replace(tool(), **changes))
    assert plain.tools() == ()


@pytest.mark.spec("P-24")
def test_registry_schema_nested_too_deep_is_refused(plain: ToolRegistry) -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(40):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(BadTool, match="deep"):
        plain.register(tool(parameters=schema))


@pytest.mark.spec("P-24")
def test_registry_broken_plug_in_leaves_the_others_working_and_is_listed(plain: ToolRegistry) -> None:
    def broken() -> Iterator[Tool]:
        yield tool("half")
        raise RuntimeError("no such library")

    plain.load("good", lambda: (tool("one"),))
    plain.load("broken", broken)
    plain.load("mixed", lambda: (tool("two"), tool("one"), tool("bad name")))
    assert [each.name for each in plain.tools()] == ["one", "two"]
    assert [(each.source, each.tool) for each in plain.failures] == [
        ("broken", ""),
        ("mixed", "one"),
        ("mixed", "bad name"),
    ]
    assert plain.failures[0].reason == "RuntimeError: no such library"


@pytest.mark.spec("P-24")
def test_registry_with_more_than_three_failed_loads_is_degraded(plain: ToolRegistry) -> None:
    for _ in range(3):
        plain.load("broken", lambda: (tool("bad name"),))
    assert plain.health is Health.HEALTHY
    plain.load("broken", lambda: (tool("bad name"),))
    assert plain.health is Health.DEGRADED


@pytest.mark.spec("P-24")
async def test_registry_tool_failing_more_than_half_of_ten_runs_is_degraded(plain: ToolRegistry) -> None:
    outcomes = iter([True] * 4 + [False] * 5 + [False, True, True])

    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        if not next(outcomes):
            raise ToolError("no")
        return "yes"

    plain.register(tool(run=run))
    for _ in range(9):
        await called(plain)
    assert plain.statistics()["probe"].health is Health.HEALTHY
    await called(plain)
    assert plain.statistics()["probe"].health is Health.DEGRADED
    await called(plain)
    await called(plain)
    statistics = plain.statistics()["probe"]
    assert (statistics.runs, statistics.succeeded, statistics.health) == (12, 6, Health.HEALTHY)


@pytest.mark.spec("P-24")
def test_registry_import_loads_no_heavy_library() -> None:
    code = (
        "import sys, portal_desktop.tools.registry, portal_desktop.tools.tasks, portal_desktop.tools.calculate;"
        "sys.exit(','.join({'jsonschema', 'dateutil', 'httpx', 'numpy', 'PySide6'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.spec("P-24")
async def test_registry_tools_register_without_doing_work(plain: ToolRegistry) -> None:
    ran: list[str] = []

    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        ran.append("ran")
        return "done"

    plain.register(tool(run=run))
    assert ran == []
    await called(plain)
    assert ran == ["ran"]


@pytest.mark.spec("S-30")
async def test_registry_prompt_executor_and_settings_see_the_same_tools(plain: ToolRegistry) -> None:
    plain.load("server", lambda: (tool("server.one"), tool("server.two")))
    plain.register(tool("alone"))
    versions = [plain.version]

    async def seen() -> set[str]:
        told = {spec.name for spec in plain.specs()}
        runnable = {name for name in ("server.one", "server.two", "alone") if (await called(plain, name))[0].ok}
        shown = {each.name for each in plain.tools()}
        found = {name for name in ("server.one", "server.two", "alone") if plain.tool(name) is not None}
        assert told == runnable == shown == found
        return told

    assert await seen() == {"server.one", "server.two", "alone"}
    plain.enable("server.two", enabled=False)
    versions.append(plain.version)
    assert await seen() == {"server.one", "alone"}
    assert [each.name for each in plain.disabled()] == ["server.two"]
    plain.remove("server")
    versions.append(plain.version)
    assert await seen() == {"alone"}
    plain.load("server", lambda: (tool("server.one"),))
    versions.append(plain.version)
    assert await seen() == {"server.one", "alone"}
    assert versions == sorted(set(versions))
    assert (plain.source("server.one"), plain.source("alone"), plain.source("none")) == ("server", "built-in", "")


@pytest.mark.spec("S-32")
@pytest.mark.parametrize(
    ("schema", "given", "run_with", "repair"),
    [
        ({"type": "integer"}, "5", 5, '$.a: "5" read as 5'),
        ({"type": "integer"}, " -7 ", -7, '$.a: " -7 " read as -7'),
        ({"type": "number"}, "2.5", 2.5, '$.a: "2.5" read as 2.5'),
        ({"type": "boolean"}, "True", True, '$.a: "True" read as true'),
        ({"type": "string"}, 5, "5", '$.a: 5 read as "5"'),
        ({"type": "string", "enum": ["low", "high"]}, "HIGH", "high", '$.a: "HIGH" read as "high"'),
        ({"type": "array", "items": {"type": "string"}}, "home, work", ["home", "work"], None),
        ({"type": "array", "items": {"type": "integer"}}, 3, [3], "$.a: 3 read as [3]"),
        ({"type": "array"}, "[1, 2]", [1, 2], '$.a: "[1, 2]" read as [1, 2]'),
        ({"type": "object"}, '{"b": 1}', {"b": 1}, None),
        ({"type": ["integer", "null"]}, "12", 12, '$.a: "12" read as 12'),
        ({"type": "array", "items": {"type": "integer"}}, ["1", 2], [1, 2], '$.a[0]: "1" read as 1'),
    ],
)
async def test_registry_arguments_with_one_meaning_are_repaired_and_recorded(
    clock: FakeClock, schema: JsonObject, given: object, run_with: object, repair: str | None
) -> None:
    seen: list[JsonObject] = []
    runs: list[ToolRun] = []

    async def run(arguments: JsonObject, _context: ToolContext) -> object:
        seen.append(arguments)
        return "done"

    registry = ToolRegistry(clock, observe=runs.append)
    registry.register(tool(run=run, parameters=object_schema({"a": schema}, required=("a",))))
    result, _ = await called(registry, a=given)
    assert result.ok
    assert seen == [{"a": run_with}]
    assert len(runs[0].repairs) == 1
    assert repair is None or runs[0].repairs == (repair,)
    assert (runs[0].call.arguments, registry.statistics()["probe"].repaired) == ({"a": given}, 1)


@pytest.mark.spec("S-32")
async def test_registry_null_for_an_optional_argument_is_left_out(clock: FakeClock) -> None:
    seen: list[JsonObject] = []

    async def run(arguments: JsonObject, _context: ToolContext) -> object:
        seen.append(arguments)
        return "done"

    registry = ToolRegistry(clock)
    schema = {"a": {"type": "string", "enum": ["x"]}, "b": {"type": "string"}}
    registry.register(tool(run=run, parameters=object_schema(schema, required=("b",))))
    assert (await called(registry, a=None, b="x"))[0].ok
    assert seen == [{"b": "x"}]
    assert not (await called(registry, a="x", b=None))[0].ok


@pytest.mark.spec("S-32")
async def test_registry_refused_call_names_the_failing_path(plain: ToolRegistry) -> None:
    schema = object_schema({"deep": {"type": "array", "items": object_schema({"n": {"type": "integer"}})}})
    plain.register(tool(parameters=schema))
    result, answer = await called(plain, deep=[{"n": 1}, {"n": "many"}])
    assert not result.ok
    assert (answer["success"], answer["error"]) == (False, "VALIDATION_ERROR")
    assert answer["problems"] == [{"path": "$.deep[1].n", "problem": "'many' is not of type 'integer'"}]
    statistics = plain.statistics()["probe"]
    assert (statistics.runs, statistics.refused) == (0, 1)


@pytest.mark.spec("S-32")
async def test_registry_result_that_breaks_the_declared_schema_is_refused(plain: ToolRegistry) -> None:
    async def run(arguments: JsonObject, _context: ToolContext) -> object:
        return {"n": arguments["n"]}

    returns = object_schema({"n": {"type": "integer", "maximum": 5}}, required=("n",))
    parameters = object_schema({"n": {"type": "integer"}})
    plain.register(tool(run=run, parameters=parameters, returns=returns))
    assert (await called(plain, n=5))[1] == {"n": 5}
    assert (await called(plain, n=6))[1]["error"] == "BAD_RESULT"


async def test_registry_hostile_pattern_in_a_schema_is_never_evaluated(plain: ToolRegistry) -> None:
    plain.register(tool(parameters=object_schema({"a": {"type": "string", "pattern": "^(a+)+$"}})))
    result = await asyncio.wait_for(called(plain, a="a" * 40 + "!"), 5)
    assert result[0].ok


async def test_registry_tool_with_an_invalid_schema_is_switched_off_when_called(plain: ToolRegistry) -> None:
    plain.register(tool(parameters={"type": "object", "properties": {"a": {"type": "textt"}}}))
    assert (await called(plain, a=1))[1]["error"] == "TOOL_BROKEN"
    assert plain.tool("probe") is None
    assert len(plain.failures) == 1


async def test_registry_arguments_out_of_all_size_are_refused(plain: ToolRegistry) -> None:
    plain.register(tool(parameters={"type": "object"}))
    assert (await called(plain, a="x" * 300_000))[1]["error"] == "VALIDATION_ERROR"


async def test_registry_unreadable_arguments_are_told_and_not_run(plain: ToolRegistry) -> None:
    plain.register(tool())
    registry_call = ToolCall("c", "probe", {}, problem="not JSON", raw="{")
    result = await plain.execute(registry_call, ToolContext())
    assert json.loads(result.content)["problems"] == [{"path": "$", "problem": "not JSON"}]


async def test_registry_unknown_or_disabled_tool_is_told_and_not_run(plain: ToolRegistry) -> None:
    plain.register(tool())
    plain.enable("probe", enabled=False)
    for name in ("probe", "missing"):
        result, answer = await called(plain, name)
        assert (result.ok, result.call_id, answer["error"]) == (False, "c", "TOOL_NOT_FOUND")


async def test_registry_tool_error_reaches_the_model_with_its_code(plain: ToolRegistry) -> None:
    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        raise ToolError("There is no such thing.", code="THING_NOT_FOUND")

    plain.register(tool(run=run))
    result, answer = await called(plain)
    assert not result.ok
    assert answer == {"success": False, "error": "THING_NOT_FOUND", "message": "There is no such thing."}


async def test_registry_portal_error_of_a_tool_is_worded_from_the_catalogue(plain: ToolRegistry) -> None:
    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        raise StorageError("storage_failed", technical="CANARY")

    plain.register(tool(run=run))
    result, answer = await called(plain)
    assert answer["error"] == "STORAGE_FAILED"
    assert "CANARY" not in result.content


@pytest.mark.expects_log("tool probe failed")
async def test_registry_unexpected_exception_is_logged_and_told_in_safe_words(
    plain: ToolRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        raise KeyError("CANARY")

    plain.register(tool(run=run))
    result, answer = await called(plain)
    assert (result.ok, answer["error"]) == (False, "TOOL_FAILED")
    assert "CANARY" not in result.content
    assert "CANARY" in caplog.text


@pytest.mark.expects_log("tool probe failed")
@pytest.mark.parametrize("value", [object(), float("nan"), {"a": {1: object()}}])
async def test_registry_result_that_is_no_json_is_a_failure(plain: ToolRegistry, value: object) -> None:
    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        return value

    plain.register(tool(run=run))
    assert (await called(plain))[1]["error"] == "TOOL_FAILED"


async def test_registry_tool_over_its_time_is_cancelled_and_told(plain: ToolRegistry, clock: FakeClock) -> None:
    ended: list[str] = []

    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    plain.register(tool(run=run, seconds=30))
    await called(plain, "missing")
    running = asyncio.ensure_future(called(plain))
    while not plain_is_waiting(clock):
        await asyncio.sleep(0.01)
    await clock.advance(29.9)
    assert not running.done()
    await clock.advance(0.2)
    result, answer = await running
    assert (result.ok, answer["error"], ended) == (False, "TIMEOUT", ["cancelled"])
    assert "do not simply repeat" in answer["message"]
    assert result.seconds == pytest.approx(30.1, abs=0.2)


def plain_is_waiting(clock: FakeClock) -> bool:
    return bool(clock._sleepers)


async def test_registry_cancelled_call_cancels_the_tool_and_is_passed_on(plain: ToolRegistry) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    plain.register(tool(run=run))
    running = asyncio.ensure_future(called(plain))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    assert plain.statistics()["probe"].runs == 0


async def test_registry_context_reaches_the_tool(plain: ToolRegistry) -> None:
    seen: list[ToolContext] = []
    reports: list[tuple[float, str]] = []

    async def run(_arguments: JsonObject, context: ToolContext) -> object:
        seen.append(context)
        context.progress(0.5, "half")
        return "done"

    plain.register(tool(run=run, powers=frozenset({Power.CHANGE})))
    context = ToolContext(7, "t", progress=lambda fraction, text: reports.append((fraction, text)))
    await plain.execute(ToolCall("c", "probe", {}), context)
    assert seen == [context]
    assert reports == [(0.5, "half")]
