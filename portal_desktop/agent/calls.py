"""What becomes of one tool call: its name repaired, its question asked, its tool run, its result written down."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from portal_desktop.agent.approval import ApprovalRequest, Decision, refusal
from portal_desktop.agent.brakes import Brakes
from portal_desktop.agent.phases import PhaseLine
from portal_desktop.agent.spec import TurnSpec
from portal_desktop.clock import Clock, within
from portal_desktop.errors import ToolError
from portal_desktop.messages import JsonObject, Phase, ToolCall, ToolReturn, ToolSpec
from portal_desktop.tools.base import Power, Tool, ToolContext

_PREFIX = "functions."
_RISKY = frozenset({Power.RUN, Power.ONLINE})


class Tools(Protocol):
    """What the loop needs of the registry."""

    def specs(self) -> tuple[ToolSpec, ...]:
        """Return every enabled tool as a model is told of it."""
        ...

    def tool(self, name: str) -> Tool | None:
        """Return an enabled tool."""
        ...

    async def execute(self, call: ToolCall, context: ToolContext) -> ToolReturn:
        """Check the arguments, run the tool, cap its result; failures are results too."""
        ...


def repaired(name: str, offered: Sequence[str]) -> str:
    """Return the offered name that is meant, when only prefix or case differ and only one fits; else the name."""
    if name in offered:
        return name
    bare = name.removeprefix(_PREFIX)
    if bare in offered:
        return bare
    alike = [known for known in offered if known.lower() == bare.lower()]
    return alike[0] if len(alike) == 1 else name


class Calls:
    """Answers the calls of one turn, one after the other."""

    def __init__(self, tools: Tools, spec: TurnSpec, brakes: Brakes, phases: PhaseLine, clock: Clock) -> None:
        self._tools = tools
        self._spec = spec
        self._brakes = brakes
        self._phases = phases
        self._clock = clock
        self._earlier: list[ToolCall] = []

    async def answer(self, call: ToolCall, offered: Sequence[str], stop: str, free: int | None = None) -> ToolReturn:
        """Return the result the model reads; `stop` says why no call may run any more, `free` what room is left."""
        seconds = 0.0
        tool = self._tools.tool(call.name) if call.name in offered else None
        if stop:
            result = refused(call, f"Not run. {stop}")
        elif call.problem:
            result = refused(call, f"Not run: {call.problem}. Send the call again with arguments as valid JSON.")
        elif tool is None:
            result = refused(call, f"There is no tool {call.name!r}. {_known(offered)}")
        elif reason := await self._denied(tool, call):
            result = refused(call, reason)
        else:
            result, seconds = await self._run(tool, call, free)
        self._brakes.ran(call, result, seconds)
        self._earlier.append(call)
        return result

    async def _denied(self, tool: Tool, call: ToolCall) -> str:
        reason = ask_reason(tool, call.arguments, self._earlier)
        if not reason:
            return ""
        request = ApprovalRequest(
            call=call,
            tool_title=tool.title,
            sentence=await _sentence(tool, call),
            reason=reason,
            powers=tuple(sorted(power.value for power in tool.powers)),
            undoable=tool.undoable,
        )
        self._phases.enter(Phase.WAITING, tool.title)
        decision = await within(self._clock, request.deadline_seconds, self._spec.approve(request))
        decision = Decision.TIMEOUT if decision is None else decision
        return "" if decision is Decision.ALLOW else refusal(decision, request.deadline_seconds)

    async def _run(self, tool: Tool, call: ToolCall, free: int | None) -> tuple[ToolReturn, float]:
        self._phases.enter(Phase.TOOL, tool.title)
        started = self._clock.monotonic()
        context = ToolContext(
            conversation_id=self._spec.conversation_id,
            turn_id=self._spec.turn_id,
            progress=lambda fraction, _: self._phases.enter(Phase.TOOL, tool.title, fraction),
            free_characters=free,
        )
        result = await within(self._clock, self._brakes.seconds_left, self._tools.execute(call, context))
        seconds = self._clock.monotonic() - started
        if result is None:
            result = refused(call, "Stopped: the time for tools in this answer is used up.")
        return (result if result.seconds else replace(result, seconds=seconds)), seconds


def ask_reason(tool: Tool, arguments: JsonObject, earlier: Sequence[ToolCall]) -> str:
    """Return why the user is asked before this call; empty when it may run at once.

    A tool that does not say when to ask is asked about whenever it leaves this computer, runs programs, or changes
    something that cannot be undone.
    """
    if tool.ask_when is not None:
        return tool.ask_when(arguments, tuple(earlier)) or ""
    if Power.RUN in tool.powers:
        return "It runs a program on this computer."
    if Power.ONLINE in tool.powers:
        return "It sends data beyond this computer."
    if Power.CHANGE in tool.powers and not tool.undoable:
        return "It changes something that cannot be undone."
    return ""


def refused(call: ToolCall, why: str) -> ToolReturn:
    """Return the result of a call that was not run."""
    return ToolReturn(call.id, call.name, why, ok=False)


def _known(offered: Sequence[str]) -> str:
    return f"Use one of: {', '.join(offered)}." if offered else "No tools can be used now; answer in words."


async def _sentence(tool: Tool, call: ToolCall) -> str:
    """Return what this very call would do; arguments that mean nothing get the tool's own description."""
    if tool.describe is not None:
        with suppress(ToolError, KeyError, TypeError):
            return await tool.describe(call.arguments)
    return tool.description.split("\n", 1)[0]
