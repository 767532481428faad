"""The way from a running turn to whoever reads it: ordered, bounded, closable from the reading side."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

from portal_desktop.agent.answer import Answer, start_of
from portal_desktop.messages import Part, PartEnd, ToolCall, ToolReturn, TurnEvent

ROOM = 256


class Outlet:
    """Events wait here until they are read. Each is folded into `answer` when it is put in.

    After `shut` nothing is taken in any more, so that a tool which ends late cannot change a stopped answer.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self._waiting: deque[TurnEvent] = deque()
        self._changed = asyncio.Event()
        self._read = asyncio.Event()
        self._shut = False

    def tell(self, event: TurnEvent) -> None:
        """Put in an event without waiting for room; for the few that are not text."""
        if not self._shut:
            self.answer.apply(event)
            self._waiting.append(event)
            self._changed.set()

    async def put(self, event: TurnEvent) -> None:
        """Put in an event, waiting for the reader when it is far behind."""
        while len(self._waiting) >= ROOM and not self._shut:
            self._read.clear()
            await self._read.wait()
        self.tell(event)

    def add(self, part: Part) -> None:
        """Append a whole part to the answer."""
        index = len(self.answer)
        self.tell(start_of(index, part))
        self.tell(PartEnd(index, part))

    def close_parts(self, why: str) -> None:
        """End every open part, and answer every call that has no result, so that calls and results stay pairs."""
        for index, part in self.answer.open_parts():
            self.tell(PartEnd(index, replace(part, problem=why) if isinstance(part, ToolCall) else part))
        parts = self.answer.parts()
        answered = {part.call_id for part in parts if isinstance(part, ToolReturn)}
        for part in parts:
            if isinstance(part, ToolCall) and part.id not in answered:
                self.add(ToolReturn(part.id, part.name, f"Not run: {why}.", ok=False))

    def shut(self) -> None:
        """Take in nothing more; the reader comes to the end."""
        self._shut = True
        self._changed.set()
        self._read.set()

    async def next(self) -> TurnEvent | None:
        """Return the next event once there is one, or None when none will come."""
        while not self._waiting and not self._shut:
            self._changed.clear()
            await self._changed.wait()
        if not self._waiting:
            return None
        self._read.set()
        return self._waiting.popleft()
