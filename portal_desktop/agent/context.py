"""From what was said to one request that fits: pure, so that the same conversation always gives the same request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from portal_desktop.messages import (
    Attachment,
    Failure,
    Message,
    Note,
    Part,
    Role,
    Text,
    ToolCall,
    ToolReturn,
    ToolSpec,
)
from portal_desktop.prompts.compose import CHARACTERS_PER_TOKEN, ManifestEntry, estimate_tokens

UNKNOWN_LENGTH = 4096
SMALLEST = 512
PER_MESSAGE = 4
NO_RESULT = "There is no result: the app ended before the tool did."
_RESERVE_SHARE = 4
_LARGEST_RESERVE = 4096


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a request consists of. `limit` None: the model's real size is unknown and 4,096 was budgeted with."""

    entries: tuple[ManifestEntry, ...]
    tokens: int
    budget: int
    limit: int | None
    dropped_messages: int

    @property
    def free_characters(self) -> int | None:
        """The room left for tool results; None when the size is unknown."""
        return None if self.limit is None else max(0, self.budget - self.tokens) * CHARACTERS_PER_TOKEN

    @property
    def too_long(self) -> bool:
        """Whether even the newest message does not fit a size that is known."""
        return self.limit is not None and self.tokens > self.limit


@dataclass(frozen=True, slots=True)
class Context:
    """The messages of one request, and their account."""

    messages: tuple[Message, ...]
    manifest: Manifest


def build(
    *,
    system: str,
    history: Sequence[Message],
    answer: Sequence[Part] = (),
    closing: str = "",
    tools: Sequence[ToolSpec] = (),
    context_length: int | None = None,
    max_tokens: int | None = None,
    system_entries: Sequence[ManifestEntry] = (),
) -> Context:
    """Return system text, as many of the newest whole turns as fit, the answer so far and a closing instruction.

    A turn is a user's message with all that followed it, so a call never loses its result. The newest user message
    and the answer in progress always stay.
    """
    head = (Message(Role.SYSTEM, (Text(system),)),) if system else ()
    history = [sent for message in history if (sent := sendable(message)).parts]
    tail = _tail(answer, closing)
    tool_tokens = _tool_tokens(tools)
    fixed = sum(map(message_tokens, (*head, *tail))) + tool_tokens
    budget = _budget(context_length, max_tokens)
    kept, dropped = _newest_turns(history, budget - fixed)
    history_tokens = sum(map(message_tokens, kept))
    entries = [*system_entries] or [ManifestEntry("system", "1", estimate_tokens(system))] * bool(system)
    entries += [
        ManifestEntry(name, "", tokens)
        for name, tokens in (
            ("tool schemas", tool_tokens),
            ("history", history_tokens),
            ("answer so far", sum(map(message_tokens, tail))),
        )
        if tokens
    ]
    manifest = Manifest(tuple(entries), fixed + history_tokens, budget, context_length, dropped)
    return Context((*head, *kept, *tail), manifest)


def sendable(message: Message) -> Message:
    """Return what a model may be told of a message: without the app's own remarks, every call with one result."""
    parts = [part for part in message.parts if not isinstance(part, Note | Failure)]
    called = {part.id for part in parts if isinstance(part, ToolCall)}
    parts = [part for part in parts if not isinstance(part, ToolReturn) or part.call_id in called]
    answered = {part.call_id for part in parts if isinstance(part, ToolReturn)}
    lost = [part for part in parts if isinstance(part, ToolCall) and part.id not in answered]
    return Message(message.role, (*parts, *(ToolReturn(call.id, call.name, NO_RESULT, ok=False) for call in lost)))


def message_tokens(message: Message) -> int:
    """Return about how many tokens a message takes, its framing included."""
    return PER_MESSAGE + sum(_part_tokens(part) for part in message.parts)


def _tail(answer: Sequence[Part], closing: str) -> tuple[Message, ...]:
    said = sendable(Message(Role.ASSISTANT, tuple(answer)))
    parts = (said,) if said.parts else ()
    return (*parts, Message(Role.USER, (Text(closing),))) if closing else parts


def _part_tokens(part: Part) -> int:
    match part:
        case Text(text=text):
            return estimate_tokens(text)
        case ToolCall(name=name, arguments=arguments, raw=raw):
            return PER_MESSAGE + estimate_tokens(
                name + (raw or json.dumps(dict(arguments), ensure_ascii=False, default=str))
            )
        case ToolReturn(content=content):
            return PER_MESSAGE + estimate_tokens(content)
        case Attachment(name=name):
            return estimate_tokens(name)
        case _:
            return 0


def _tool_tokens(tools: Sequence[ToolSpec]) -> int:
    return sum(
        estimate_tokens(
            tool.name + tool.description + json.dumps(dict(tool.parameters), ensure_ascii=False, default=dict)
        )
        for tool in tools
    )


def _budget(context_length: int | None, max_tokens: int | None) -> int:
    size = max(SMALLEST, UNKNOWN_LENGTH if context_length is None else context_length)
    reserve = min(max_tokens or _LARGEST_RESERVE, size // _RESERVE_SHARE)
    return size - reserve


def _newest_turns(history: Sequence[Message], room: int) -> tuple[tuple[Message, ...], int]:
    turns: list[list[Message]] = []
    for message in history:
        if message.role is Role.USER or not turns:
            turns.append([])
        turns[-1].append(message)
    kept: list[Message] = []
    for place, turn in enumerate(reversed(turns)):
        room -= sum(map(message_tokens, turn))
        if room < 0 and place > 0:
            break
        kept = [*turn, *kept]
    return tuple(kept), len(history) - len(kept)
