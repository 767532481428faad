"""The vocabulary of a conversation: messages made of parts, and the events a stream or a turn consists of.

Pure values: identity, order and state of a message belong to storage; a message here is what was said.
One answer is one message. Its parts stand in the order in which they happened, all calls of a round before
their returns: text, call a, call b, return a, return b, text. `providers.messages` cuts that into wire messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from portal_desktop.errors import PortalError

JsonObject: TypeAlias = Mapping[str, Any]


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Source(StrEnum):
    """The interface a message came in by."""

    WINDOW = "window"
    QUICK_ASK = "quick_ask"
    CLI = "cli"
    API = "api"
    BRIDGE = "bridge"
    JOB = "job"


class Status(StrEnum):
    """The state of a stored message; only an assistant's message is ever anything but complete."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    ERROR = "error"


class Mode(StrEnum):
    """How far a turn may go: conversation only, or with tools."""

    CHAT = "chat"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the user or the answer."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning of the model, apart from its answer."""

    text: str
    seconds: float | None = None
    kind: Literal["thinking"] = "thinking"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A request of the model to run a tool.

    `problem` says why the arguments could not be read (the call is then answered with it, never run); `raw`
    keeps what arrived in that case.
    """

    id: str
    name: str
    arguments: JsonObject
    problem: str = ""
    raw: str = ""
    kind: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True)
class ToolReturn:
    """The answer to the call with the same id.

    `content` is what the model reads (capped); `whole` is the id of the kept complete result when it was cut.
    """

    call_id: str
    name: str
    content: str
    ok: bool = True
    seconds: float = 0.0
    whole: str = ""
    kind: Literal["tool_return"] = "tool_return"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a message; its bytes stay in storage under `id`."""

    id: str
    name: str
    media_type: str
    size: int
    kind: Literal["attachment"] = "attachment"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in an answer, in words for the user; `details` is redacted plain text."""

    code: int
    error_kind: str
    title: str
    advice: str
    details: str = ""
    kind: Literal["failure"] = "failure"


@dataclass(frozen=True, slots=True)
class Note:
    """A remark of the app inside an answer (a brake, a fallback); never sent to a model."""

    text: str
    kind: Literal["note"] = "note"


Part: TypeAlias = Text | Thinking | ToolCall | ToolReturn | Attachment | Failure | Note


@dataclass(frozen=True, slots=True)
class Message:
    """Something said: a role and its parts, in order."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The plain text of the message, without thinking, tools and notes."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls in the order in which they were made."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def user(text: str) -> Message:
    """Return a user's message of one text."""
    return Message(Role.USER, (Text(text),))


def assistant(text: str) -> Message:
    """Return an answer of one text."""
    return Message(Role.ASSISTANT, (Text(text),))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON Schema 2020-12 object."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; a count the server did not report is None, never 0."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """Return the sum, as over the rounds of one turn."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            _sum(self.cached_tokens, other.cached_tokens),
            _sum(self.reasoning_tokens, other.reasoning_tokens),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


class FinishReason(StrEnum):
    """Why a model stopped; `UNKNOWN` keeps a word we do not know from failing a good answer."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """What a turn is doing now; exactly one is true at any moment of a turn."""

    CONNECTING = "connecting"
    QUEUED = "queued"
    LOADING = "loading"
    READING = "reading"
    THINKING = "thinking"
    WRITING = "writing"
    TOOL = "tool"
    WAITING = "waiting"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


PartKind: TypeAlias = Literal["text", "thinking", "tool_call", "tool_return", "failure", "note"]


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins; `index` is its place in the answer (in a provider's stream: in this response)."""

    index: int
    part: PartKind
    call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PartDelta:
    """More of an open part: text, or a fragment of a call's argument JSON."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class PartEnd:
    """A part is complete; `part` is the whole of it and overrules what the deltas added up to."""

    index: int
    part: Part


@dataclass(frozen=True, slots=True)
class PartShut:
    """A long text or thought is complete and is what its deltas added up to; `kind` overrules what it began as.

    Only a provider's stream has it: whoever wants the whole keeps the deltas, so that reading costs no memory.
    """

    index: int
    kind: Literal["text", "thinking"]


@dataclass(frozen=True, slots=True)
class Progress:
    """News from the server before any part: queue, loading, reading the prompt (`fraction` 0–1 where it tells)."""

    phase: Phase
    detail: str = ""
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Token counts as reported so far; a later report replaces an earlier one of the same request."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finish:
    """The last event of a good stream; `warning` tells of something tolerated."""

    reason: FinishReason
    model: str
    usage: Usage | None = None
    warning: str = ""


@dataclass(frozen=True, slots=True)
class StreamError:
    """The last event of a failed stream. Nothing that came before it is taken back."""

    error: PortalError


StreamEvent: TypeAlias = PartStart | PartDelta | PartEnd | PartShut | Progress | UsageReport | Finish | StreamError


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """A turn entered a phase; `started` is the monotonic second at which it did."""

    phase: Phase
    detail: str = ""
    fraction: float | None = None
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The last event of a turn, whatever its outcome; the parts have been told before.

    `error` is set exactly when status is ERROR or INTERRUPTED.
    """

    status: Status
    reason: FinishReason | None = None
    model: str = ""
    usage: Usage | None = None
    error: PortalError | None = None
    warnings: tuple[str, ...] = field(default=())


TurnEvent: TypeAlias = PartStart | PartDelta | PartEnd | PhaseChanged | UsageReport | TurnFinished
