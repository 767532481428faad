"""Running a provider's stream in a test, and what it comes to in a form that compares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from portal_desktop.credentials import Secret
from portal_desktop.errors import PortalError
from portal_desktop.messages import (
    Finish,
    Message,
    Part,
    PartDelta,
    PartEnd,
    PartStart,
    Progress,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
    ToolSpec,
    Usage,
    user,
)
from portal_desktop.providers.base import ChatRequest, Deadlines, Provider

TOOL = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
OTHER = ToolSpec("look_up", "Looks up.", {"type": "object", "properties": {"q": {"type": "string"}}})
HISTORY: tuple[Message, ...] = (user("hi"),)


async def no_key() -> Secret | None:
    """Stand in for the keyring of a server that wants no key."""
    return None


def ask(*messages: Message, model: str = "m", deadlines: Deadlines | None = None, **options: Any) -> ChatRequest:
    """Return a request of one user message, unless told otherwise."""
    return ChatRequest(model, messages or HISTORY, deadlines=deadlines or Deadlines(5, 5, 5), **options)


async def events_of(provider: Provider, request: ChatRequest | None = None) -> list[StreamEvent]:
    """Return every event of a stream."""
    stream: Any = provider.stream(request or ask())
    async with aclosing(stream) as events:
        return [event async for event in events]


@dataclass(frozen=True)
class Outcome:
    """What a stream came to; ids the client invents are replaced by `*`."""

    parts: tuple[Part, ...]
    end: str
    usage: Usage | None = None
    model: str = ""
    warning: str = ""
    error: PortalError | None = None
    progress: tuple[float | None, ...] = ()

    @property
    def brief(self) -> list[Any]:
        """Parts as short tuples, then the end."""
        return [*map(_brief, self.parts), self.end]


def outcome(events: Sequence[StreamEvent]) -> Outcome:
    """Fold events, checking what every dialect promises of them: indexes in order, one last event, no lone delta."""
    parts: dict[int, Part] = {}
    kinds: dict[int, str] = {}
    shown: dict[int, str] = {}
    assert events, "a stream without events"
    assert sum(isinstance(event, Finish | StreamError) for event in events) == 1
    for event in events:
        match event:
            case PartStart(index=index, part=kind, name=name, call_id=call_id):
                assert index == len(kinds), "indexes go up by one"
                assert kind != "tool_call" or call_id
                kinds[index], shown[index] = kind, ""
                parts[index] = ToolCall(call_id, name, {}, "open") if kind == "tool_call" else Text("")
            case PartDelta(index=index, text=text):
                assert text
                shown[index] += text
                if kinds[index] != "tool_call":
                    parts[index] = Text(shown[index]) if kinds[index] == "text" else Thinking(shown[index])
            case PartEnd(index=index, part=part):
                parts[index] = part
            case _:
                pass
    last = events[-1]
    whole = tuple(_without_id(parts[index]) for index in sorted(parts))
    progress = tuple(event.fraction for event in events if isinstance(event, Progress))
    if isinstance(last, StreamError):
        return Outcome(whole, last.error.name, error=last.error, progress=progress)
    assert isinstance(last, Finish)
    assert not any(isinstance(part, ToolCall) and part.problem == "open" for part in whole)
    return Outcome(whole, last.reason.value, last.usage, last.model, last.warning, progress=progress)


async def run(provider: Provider, request: ChatRequest | None = None) -> Outcome:
    """Return what a stream comes to."""
    return outcome(await events_of(provider, request))


def _without_id(part: Part) -> Part:
    if isinstance(part, ToolCall) and re.fullmatch(r"call_[0-9a-f]{32}", part.id):
        return ToolCall("*", part.name, part.arguments, part.problem, part.raw)
    return part


def _brief(part: Part) -> tuple[Any, ...]:
    match part:
        case ToolCall(id=call_id, name=name, arguments=arguments, problem=problem):
            return ("call", call_id, name, dict(arguments)) if not problem else ("call", call_id, name, "problem")
        case Text(text=text):
            return ("text", text)
        case Thinking(text=text):
            return ("thinking", text)
    raise AssertionError(part)
