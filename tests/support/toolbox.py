"""Tools for tests of the loop: the smallest thing that fits `agent.calls.Tools`, with tools that tell what they did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from portal_desktop.errors import ToolError
from portal_desktop.messages import JsonObject, ToolCall, ToolReturn, ToolSpec
from portal_desktop.tools.base import Power, Tool, ToolContext

ANY = {"type": "object", "properties": {"value": {"type": "string"}}}


class Toolbox:
    """Enabled tools by name; `ran` holds the calls in the order in which they began."""

    def __init__(self, *tools: Tool) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.ran: list[ToolCall] = []
        self.contexts: list[ToolContext] = []
        self.cancelled: list[str] = []

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in self.tools.values())

    def tool(self, name: str) -> Tool | None:
        return self.tools.get(name)

    async def execute(self, call: ToolCall, context: ToolContext) -> ToolReturn:
        self.ran.append(call)
        self.contexts.append(context)
        try:
            result = await self.tools[call.name].run(call.arguments, context)
        except ToolError as error:
            return ToolReturn(call.id, call.name, str(error), ok=False)
        except asyncio.CancelledError:
            self.cancelled.append(call.id)
            raise
        return ToolReturn(call.id, call.name, str(result))


def tool(
    name: str,
    run: Callable[[JsonObject, ToolContext], Awaitable[object]] | object = "done",
    *,
    description: str = "",
    **more: Any,
) -> Tool:
    """Return a tool that gives a constant, or runs what it is given."""

    async def constant(arguments: JsonObject, context: ToolContext) -> object:
        return run

    return Tool(
        name,
        description or f"Does what {name} says.",
        ANY,
        run if callable(run) else constant,
        title=name.replace("_", " ").capitalize(),
        **more,
    )


def risky(name: str, result: object = "done") -> Tool:
    """Return a tool the user is asked about."""
    return tool(name, result, powers=frozenset({Power.RUN}), undoable=False)
