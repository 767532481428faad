"""One turn for many readers: each gets what happened so far in short, then the rest as it happens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from portal_desktop.messages import PartDelta, PhaseChanged, TurnEvent

_LARGEST_PIECE = 4096


class Listener:
    """What one reader has not read yet. A slow reader gets longer pieces, not more of them."""

    def __init__(self, replay: Iterable[TurnEvent]) -> None:
        self._waiting: deque[TurnEvent] = deque(replay)
        self._changed = asyncio.Event()

    def put(self, event: TurnEvent) -> None:
        """Add an event, joined with the last one where that loses nothing."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(event, PartDelta) and isinstance(last, PartDelta) and last.index == event.index:
            if len(last.text) < _LARGEST_PIECE:
                self._waiting.pop()
                event = PartDelta(event.index, last.text + event.text)
        elif isinstance(event, PhaseChanged) and isinstance(last, PhaseChanged) and _same(event, last):
            self._waiting.pop()
        self._waiting.append(event)
        self._changed.set()

    async def next(self) -> TurnEvent:
        """Return the next event once there is one; nothing follows `TurnFinished`."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()


def _same(one: PhaseChanged, other: PhaseChanged) -> bool:
    return (one.phase, one.detail) == (other.phase, other.detail)
