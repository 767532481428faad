"""The one list of tools: what the model is told, what runs, what the settings show."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from portal_desktop.clock import Clock
from portal_desktop.errors import PortalError, ToolError
from portal_desktop.messages import JsonObject, ToolCall, ToolReturn, ToolSpec
from portal_desktop.tools.arguments import ArgumentCheck, BadSchema, Problem, check_schema
from portal_desktop.tools.base import Tool, ToolContext
from portal_desktop.tools.results import ResultStore, capped, compact

log = logging.getLogger(__name__)

BUILT_IN = "built-in"
RUNS_TO_JUDGE = 10
HEALTHY_SHARE = 0.5
MOST_FAILURES = 3
LONGEST_RUN_SECONDS = 600.0
LONGEST_DESCRIPTION = 4_000
CANCEL_GRACE_SECONDS = 1.0
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_LONGEST_NAME = 64


class Health(StrEnum):
    """Whether something can be relied on; a tool with fewer than ten runs is healthy."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"


class BadTool(ValueError):  # noqa: N818 - the word for what is wrong
    """A tool cannot be registered; the text says why."""


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A tool or family that could not be registered."""

    source: str
    tool: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToolStatistics:
    """What became of a tool's runs; calls refused for their arguments are `refused`, not runs."""

    runs: int = 0
    succeeded: int = 0
    refused: int = 0
    repaired: int = 0
    seconds: float = 0.0

    @property
    def health(self) -> Health:
        """Degraded when, of at least ten runs, fewer than half succeeded."""
        if self.runs >= RUNS_TO_JUDGE and self.succeeded < self.runs * HEALTHY_SHARE:
            return Health.DEGRADED
        return Health.HEALTHY


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What a call came to, for the audit: the arguments as they were run and what was repaired in them."""

    call: ToolCall
    context: ToolContext
    arguments: JsonObject
    repairs: tuple[str, ...]
    ok: bool
    code: str
    seconds: float


@dataclass(slots=True)
class _Entry:
    tool: Tool
    source: str
    arguments: ArgumentCheck
    returns: ArgumentCheck | None
    enabled: bool = True
    statistics: ToolStatistics = field(default_factory=ToolStatistics)


@dataclass(frozen=True, slots=True)
class _Outcome:
    text: str
    ok: bool
    code: str = ""


class ToolRegistry:
    """One per app. Registering does no work beyond looking at the tool's form.

    `store` keeps results that were cut, `observe` is told of every call. `version` grows with every change of the
    list, so that a cache of it can tell.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        store: ResultStore | None = None,
        observe: Callable[[ToolRun], None] | None = None,
    ) -> None:
        self._clock = clock
        self._store = store
        self._observe = observe
        self._entries: dict[str, _Entry] = {}
        self._failures: list[LoadFailure] = []
        self.version = 0

    @property
    def failures(self) -> tuple[LoadFailure, ...]:
        """What could not be registered, in the order in which it was tried."""
        return tuple(self._failures)

    @property
    def health(self) -> Health:
        """Degraded when more than three tools or families failed to load."""
        return Health.DEGRADED if len(self._failures) > MOST_FAILURES else Health.HEALTHY

    def register(self, tool: Tool, *, source: str = BUILT_IN) -> None:
        """Add a tool; the only way into the list, whatever its source.

        Raises:
            BadTool: its name is taken, or something about it cannot be used.
        """
        if tool.name in self._entries:
            raise BadTool(f"the name {tool.name} is taken by a tool of {self._entries[tool.name].source}")
        _check(tool)
        returns = ArgumentCheck(tool.returns) if tool.returns is not None else None
        self._entries[tool.name] = _Entry(tool, source, ArgumentCheck(tool.parameters), returns)
        self.version += 1

    def load(self, source: str, make: Callable[[], Iterable[Tool]]) -> None:
        """Register what a family or plug-in offers; what fails is listed in `failures` and harms nothing else."""
        try:
            tools = tuple(make())
        except Exception as error:  # noqa: BLE001 - a plug-in's own code runs here; it must not stop the app
            self._failures.append(LoadFailure(source, "", f"{type(error).__name__}: {error}"[:200]))
            return
        for tool in tools:
            try:
                self.register(tool, source=source)
            except BadTool as error:
                self._failures.append(LoadFailure(source, tool.name, str(error)))

    def remove(self, source: str) -> None:
        """Drop every tool of a source, such as a server that went away."""
        gone = [name for name, entry in self._entries.items() if entry.source == source]
        for name in gone:
            del self._entries[name]
        self.version += bool(gone)

    def tools(self) -> tuple[Tool, ...]:
        """Return every enabled tool in the order of registration; `specs` and `tool` speak of the same set."""
        return tuple(entry.tool for entry in self._entries.values() if entry.enabled)

    def specs(self) -> tuple[ToolSpec, ...]:
        """Return every enabled tool as a model is told of it."""
        return tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in self.tools())

    def tool(self, name: str) -> Tool | None:
        """Return an enabled tool."""
        entry = self._entries.get(name)
        return entry.tool if entry is not None and entry.enabled else None

    def disabled(self) -> tuple[Tool, ...]:
        """Return the tools that are switched off."""
        return tuple(entry.tool for entry in self._entries.values() if not entry.enabled)

    def source(self, name: str) -> str:
        """Return where a tool came from; empty for one that is not there."""
        return self._entries[name].source if name in self._entries else ""

    def enable(self, name: str, *, enabled: bool = True) -> None:
        """Switch a tool on or off, from the very next call; a name that is not there is ignored."""
        entry = self._entries.get(name)
        if entry is not None and entry.enabled != enabled:
            entry.enabled = enabled
            self.version += 1

    def statistics(self) -> Mapping[str, ToolStatistics]:
        """Return what became of the runs of each tool since the start."""
        return {name: entry.statistics for name, entry in self._entries.items()}

    async def execute(self, call: ToolCall, context: ToolContext) -> ToolReturn:
        """Run a call and return what the model reads; whatever goes wrong is a result too.

        Arguments that do not fit the schema, after one round of repair, are refused with the failing path and nothing
        runs. Cancelling cancels the tool and is passed on.
        """
        entry = self._entries.get(call.name)
        if entry is None or not entry.enabled:
            return self._refused(call, context, "TOOL_NOT_FOUND", f"There is no tool {call.name!r}.")
        if call.problem:
            return self._refuse(entry, call, context, [Problem("$", call.problem)])
        try:
            checked = await entry.arguments.check(call.arguments)
        except BadSchema as error:
            self._failures.append(LoadFailure(entry.source, call.name, str(error)))
            self.enable(call.name, enabled=False)
            words = "This tool cannot be used; its description is faulty."
            return self._refused(call, context, "TOOL_BROKEN", words)
        if checked.problems:
            return self._refuse(entry, call, context, checked.problems)
        started = self._clock.monotonic()
        outcome = await self._outcome(entry, checked.arguments, context)
        text, whole = await self._capped(outcome.text, call.name, context)
        seconds = self._clock.monotonic() - started
        self._count(entry, ok=outcome.ok, repaired=bool(checked.repairs), seconds=seconds)
        if checked.repairs:
            log.info("arguments of %s repaired: %s", call.name, "; ".join(checked.repairs))
        self._tell(ToolRun(call, context, checked.arguments, checked.repairs, outcome.ok, outcome.code, seconds))
        return ToolReturn(call.id, call.name, text, ok=outcome.ok, seconds=seconds, whole=whole)

    async def _capped(self, text: str, name: str, context: ToolContext) -> tuple[str, str]:
        """Return the cut result; one that cannot be kept whole is still cut, and says so."""
        try:
            return await capped(text, context, self._store)
        except PortalError as error:
            log.warning("the result of %s was not kept: %s", name, error.name)
            return await capped(text, context, None)

    async def _outcome(self, entry: _Entry, arguments: JsonObject, context: ToolContext) -> _Outcome:
        tool = entry.tool
        try:
            value = await _within(self._clock, tool.seconds, tool.run(arguments, context))
            text = compact(value)
            if entry.returns is not None and isinstance(value, Mapping):
                wrong = (await entry.returns.check(value)).problems
                if wrong:
                    return _failed("BAD_RESULT", f"The tool's result breaks its own schema at {wrong[0].path}.")
            return _Outcome(text, ok=True)
        except ToolError as error:
            return _failed(error.code, str(error))
        except PortalError as error:
            log.info("tool %s: %s", tool.name, error.name)
            return _failed(error.name.upper(), f"{error.title}. {error.advice}")
        except TimeoutError:
            words = (
                f"Stopped after {tool.seconds:g} seconds. What it did until then is unknown; do not simply repeat it."
            )
            return _failed("TIMEOUT", words)
        except Exception:
            log.exception("tool %s failed", tool.name)
            words = (
                "The tool failed for a reason of its own. What it did until then is unknown; do not simply repeat it."
            )
            return _failed("TOOL_FAILED", words)

    def _refuse(self, entry: _Entry, call: ToolCall, context: ToolContext, problems: Sequence[Problem]) -> ToolReturn:
        entry.statistics = replace(entry.statistics, refused=entry.statistics.refused + 1)
        words = "The arguments do not fit, nothing was run. Correct them and call again."
        return self._refused(call, context, "VALIDATION_ERROR", words, problems)

    def _refused(
        self, call: ToolCall, context: ToolContext, code: str, words: str, problems: Sequence[Problem] = ()
    ) -> ToolReturn:
        self._tell(ToolRun(call, context, call.arguments, (), ok=False, code=code, seconds=0.0))
        return ToolReturn(call.id, call.name, _failed(code, words, problems).text, ok=False)

    @staticmethod
    def _count(entry: _Entry, *, ok: bool, repaired: bool, seconds: float) -> None:
        old = entry.statistics
        entry.statistics = replace(
            old,
            runs=old.runs + 1,
            succeeded=old.succeeded + ok,
            repaired=old.repaired + repaired,
            seconds=old.seconds + seconds,
        )

    def _tell(self, run: ToolRun) -> None:
        if self._observe is not None:
            self._observe(run)


def _failed(code: str, words: str, problems: Sequence[Problem] = ()) -> _Outcome:
    answer: dict[str, object] = {"success": False, "error": code, "message": words}
    if problems:
        answer["problems"] = [{"path": each.path, "problem": each.problem} for each in problems]
    return _Outcome(compact(answer), ok=False, code=code)


def _check(tool: Tool) -> None:
    wrong = (
        (not _NAME.fullmatch(tool.name) or len(tool.name) > _LONGEST_NAME, f"{tool.name[:80]!r} is no name for a tool"),
        (not tool.title.strip(), "it has no title"),
        (not 0 < len(tool.description.strip()) <= LONGEST_DESCRIPTION, "its description is blank or too long"),
        (not 0 < tool.seconds <= LONGEST_RUN_SECONDS, "its time limit is out of range"),
        (not tool.powers, "it does not say what it may do"),
    )
    for failed, problem in wrong:
        if failed:
            raise BadTool(problem)
    try:
        check_schema(tool.parameters)
        if tool.returns is not None:
            check_schema(tool.returns)
    except BadSchema as error:
        raise BadTool(str(error)) from error


async def _within(clock: Clock, seconds: float, work: Awaitable[object]) -> object:
    """Return what the work gives within so many seconds of this clock.

    Work that is cancelled, by time or from outside, is given a moment to end; one that ignores it is left behind.

    Raises:
        TimeoutError: the time was over.
    """
    running = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({running, timer}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        raise TimeoutError
    finally:
        timer.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=CANCEL_GRACE_SECONDS)
