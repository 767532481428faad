"""The question whether a tool may run: asked by the loop, answered by a face."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from portal_desktop.messages import ToolCall

DEADLINE_SECONDS = 300.0


class Decision(StrEnum):
    """What became of the question; anything but ALLOW keeps the tool from running."""

    ALLOW = "allow"
    DENY = "deny"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What the user judges. The answer holds for exactly this call, arguments included; a changed one is asked anew."""

    call: ToolCall
    tool_title: str
    sentence: str
    reason: str
    powers: tuple[str, ...] = ()
    undoable: bool = False
    deadline_seconds: float = DEADLINE_SECONDS


Approve: TypeAlias = Callable[[ApprovalRequest], Awaitable[Decision]]
"""Given by the face. Cancelled when its time is over or the turn ends; the card then shows why."""


async def deny_unattended(request: ApprovalRequest) -> Decision:  # noqa: ARG001 - the type asks for it
    """Deny: nobody is there to be asked."""
    return Decision.DENY


def refusal(decision: Decision, seconds: float) -> str:
    """Return what the model is told about a call that was not allowed."""
    match decision:
        case Decision.TIMEOUT:
            return f"Not run: the user did not answer within {seconds:.0f} seconds. Ask in words before trying again."
        case Decision.CANCELLED:
            return "Not run: the question was withdrawn."
        case _:
            return "Not run: the user did not allow this call. Do not repeat it unless the user asks for it."
