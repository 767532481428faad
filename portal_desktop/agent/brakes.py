"""What ends a turn that would go on for ever; each brake says itself in words."""

from __future__ import annotations

import json

from portal_desktop.agent.spec import Limits
from portal_desktop.messages import ToolCall, ToolReturn, Usage

SAME_IN_A_ROW = 3


class Brakes:
    """Counts calls, tool time and tokens of one turn."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last = ""
        self._streak = 0
        self.calls = 0
        self.tool_seconds = 0.0

    @property
    def seconds_left(self) -> float:
        """How long tools may still run."""
        return max(0.0, self._limits.tool_seconds - self.tool_seconds)

    def ran(self, call: ToolCall, result: ToolReturn, seconds: float) -> None:
        """Count a call that was answered; `seconds` is what its tool really ran."""
        self.calls += 1
        self.tool_seconds += seconds
        seen = json.dumps([call.name, dict(call.arguments), call.raw, result.content], sort_keys=True, default=str)
        self._streak = self._streak + 1 if seen == self._last else 1
        self._last = seen

    def tools_end(self, rounds: int) -> str:
        """Return why no more tools may be called, for the user; empty when they may."""
        limits = self._limits
        if self._streak >= SAME_IN_A_ROW:
            return f"Stopped calling tools: the same call gave the same result {SAME_IN_A_ROW} times in a row."
        if self.calls >= limits.calls:
            return f"Stopped calling tools: this answer has used its {limits.calls} tool calls."
        if self.tool_seconds >= limits.tool_seconds:
            return f"Stopped calling tools: tools have run for {_span(limits.tool_seconds)} in this answer."
        if rounds >= limits.rounds:
            return f"Stopped calling tools after {limits.rounds} {'round' if limits.rounds == 1 else 'rounds'}."
        return ""

    def turn_ends(self, usage: Usage | None) -> str:
        """Return why nothing more may be asked of the model; empty when it may."""
        limit = self._limits.tokens
        if limit is not None and usage is not None and usage.total_tokens >= limit:
            return f"Stopped: this answer has used its budget of {limit:,} tokens."
        return ""


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
