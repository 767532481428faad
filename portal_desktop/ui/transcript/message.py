"""What the transcript is told of a message: a snapshot; the view finds out what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from portal_desktop.messages import Part, Role, Status, ToolCall


class Action(StrEnum):
    """What a user can ask for inside the transcript; `TranscriptView.actionTriggered` carries one.

    The argument is a call id for UNDO, ALLOW, ALLOW_CHAT and DENY, an attachment id for OPEN_ATTACHMENT, the address
    for LOAD_IMAGE, ``previous`` or ``next`` for SIBLING, otherwise empty.
    """

    REGENERATE = "regenerate"
    EDIT = "edit"
    RETRY = "retry"
    CONTINUE = "continue"
    KEEP = "keep"
    SIBLING = "sibling"
    UNDO = "undo"
    ALLOW = "allow"
    ALLOW_CHAT = "allow_chat"
    DENY = "deny"
    OPEN_TASKS = "open_tasks"
    OPEN_ATTACHMENT = "open_attachment"
    LOAD_IMAGE = "load_image"


class Approval(Protocol):
    """The question of an approval card; `agent.approval.ApprovalRequest` is one."""

    @property
    def call(self) -> ToolCall:
        """The call as it would run."""
        ...

    @property
    def tool_title(self) -> str:
        """The title of the card."""
        ...

    @property
    def sentence(self) -> str:
        """What will change, in one sentence."""
        ...

    @property
    def reason(self) -> str:
        """Why it asks."""
        ...

    @property
    def powers(self) -> tuple[str, ...]:
        """What the tool may do: look, change, online, run."""
        ...

    @property
    def undoable(self) -> bool:
        """Whether it can be undone."""
        ...

    @property
    def deadline_seconds(self) -> float:
        """How long it waits before it counts as denied."""
        ...


@dataclass(frozen=True, slots=True)
class TranscriptMessage:
    """One message as the transcript shows it.

    `created` is local text (``10:42``). `tool_titles` and `tool_details` are the bold verb and the detail of a call's
    badge by call id; `undoable` names the calls that can still be undone. `approval_since` is the monotonic second at
    which the question was asked (0: when the view first saw it). `decisions` are one-line records of answered
    questions by call id ("Allowed once"). `failure_actions` are the buttons of an error card.
    """

    id: int
    role: Role
    parts: tuple[Part, ...]
    status: Status = Status.COMPLETE
    created: str = ""
    model: str = ""
    siblings: tuple[int, int] = (0, 1)
    approval: Approval | None = None
    approval_since: float = 0.0
    tool_titles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tool_details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    undoable: frozenset[str] = frozenset()
    decisions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    failure_actions: tuple[Action, ...] = (Action.RETRY,)
