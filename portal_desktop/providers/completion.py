"""A whole response out of its stream: `complete` sends the same request as `stream` and reads it to the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from portal_desktop.messages import (
    Finish,
    Message,
    Part,
    PartDelta,
    PartEnd,
    PartShut,
    Role,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
)
from portal_desktop.providers.base import Completion


async def collect(stream: AsyncIterator[StreamEvent]) -> Completion:
    """Return what a provider's stream adds up to.

    Raises:
        PortalError: what the stream ended in.
    """
    parts: list[Part] = []
    said: dict[int, list[str]] = {}
    async with aclosing(cast("AsyncGenerator[StreamEvent, None]", stream)) as events:
        async for event in events:
            if isinstance(event, PartDelta):
                said.setdefault(event.index, []).append(event.text)
            elif isinstance(event, PartEnd):
                said.pop(event.index, None)
                parts.append(event.part)
            elif isinstance(event, PartShut):
                whole = "".join(said.pop(event.index, []))
                parts.append(Text(whole) if event.kind == "text" else Thinking(whole.strip("\r\n")))
            elif isinstance(event, StreamError):
                raise event.error
            elif isinstance(event, Finish):
                return Completion(Message(Role.ASSISTANT, tuple(parts)), event.model, event.reason.value, event.usage)
    raise AssertionError("a stream ended without its last event")
