"""What one turn is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from portal_desktop.agent.approval import Approve, deny_unattended
from portal_desktop.messages import Message, Mode, Part
from portal_desktop.prompts.compose import ManifestEntry
from portal_desktop.providers.base import Deadlines, Patience, Reasoning, Sampling


@dataclass(frozen=True, slots=True)
class Limits:
    """Brakes of one turn; `tool_seconds` counts running tools only, `tokens` None means none."""

    rounds: int = 8
    calls: int = 50
    tool_seconds: float = 600.0
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class TurnSpec:
    """One turn. `messages` is the shown path, the newest user message last.

    `resume` holds the parts of an answer to go on with, `resume_prompt` what the model is told then. `allowed` None
    offers every enabled tool. `fallback` is shown as the app's own words when the model says nothing. A
    `context_length` of None is unknown.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    mode: Mode = Mode.CHAT
    tools: bool = True
    allowed: frozenset[str] | None = None
    sampling: Sampling = field(default_factory=Sampling)
    reasoning: Reasoning = "auto"
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)
    approve: Approve = deny_unattended
    patience: Patience | None = None
    resume: tuple[Part, ...] = ()
    resume_prompt: str = ""
    fallback: str = ""
    context_length: int | None = None
    manifest: tuple[ManifestEntry, ...] = ()
    conversation_id: int | None = None
    turn_id: str = ""
