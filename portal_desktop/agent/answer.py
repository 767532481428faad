"""The answer as its events add up: used by the loop, by the stored row and by every window, so that all agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portal_desktop.messages import (
    Failure,
    Note,
    Part,
    PartDelta,
    PartEnd,
    PartKind,
    PartStart,
    Text,
    Thinking,
    ToolCall,
    TurnEvent,
)


class _Open:
    """A part that is still growing; pieces are joined when somebody looks."""

    __slots__ = ("call_id", "kind", "name", "pieces")

    def __init__(self, kind: PartKind, call_id: str = "", name: str = "", text: str = "") -> None:
        self.kind = kind
        self.call_id = call_id
        self.name = name
        self.pieces = [text] if text else []

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def part(self) -> Part:
        match self.kind:
            case "thinking":
                return Thinking(self.text)
            case "tool_call":
                return ToolCall(self.call_id, self.name, {}, problem="it was not complete", raw=self.text)
            case "note":
                return Note(self.text)
            case "failure":
                return Failure(0, "unknown", self.text, "")
            case _:
                return Text(self.text)


class Answer:
    """Parts in the order of their index.

    A delta for a text that has ended opens it again: that is how a continued answer grows its last text.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._parts: list[Part | _Open] = list(parts)
        self.characters = 0

    def __len__(self) -> int:
        return len(self._parts)

    def apply(self, event: TurnEvent) -> None:
        """Take in one event; those that are not about parts change nothing."""
        match event:
            case PartStart(index=index, part=kind, call_id=call_id, name=name):
                self._put(index, _Open(kind, call_id, name))
            case PartDelta(index=index, text=text):
                self._opened(index).pieces.append(text)
                self.characters += len(text)
            case PartEnd(index=index, part=part):
                self._put(index, part)
                self.characters += 1
            case _:
                pass

    def add(self, part: Part) -> None:
        """Append a part that was there before the turn."""
        self._parts.append(part)

    def parts(self) -> tuple[Part, ...]:
        """Return what has been said so far; an unfinished call carries a problem and is never run."""
        return tuple(part.part() if isinstance(part, _Open) else part for part in self._parts)

    def open_parts(self) -> tuple[tuple[int, Part], ...]:
        """Return the unfinished parts with their indexes."""
        return tuple((index, part.part()) for index, part in enumerate(self._parts) if isinstance(part, _Open))

    def replay(self) -> Iterator[TurnEvent]:
        """Yield the fewest events that lead a newcomer to the same state."""
        for index, part in enumerate(tuple(self._parts)):
            if isinstance(part, _Open):
                yield PartStart(index, part.kind, part.call_id, part.name)
                if part.text:
                    yield PartDelta(index, part.text)
            else:
                yield start_of(index, part)
                yield PartEnd(index, part)

    def _put(self, index: int, part: Part | _Open) -> None:
        if index == len(self._parts):
            self._parts.append(part)
        else:
            self._parts[index] = part

    def _opened(self, index: int) -> _Open:
        part = self._parts[index]
        if isinstance(part, _Open):
            return part
        opened = _Open("text", text=part.text if isinstance(part, Text) else "")
        self._parts[index] = opened
        return opened


def start_of(index: int, part: Part) -> PartStart:
    """Return the event that opens a part which is known as a whole."""
    if part.kind == "attachment":
        return PartStart(index, "note")
    if isinstance(part, ToolCall):
        return PartStart(index, part.kind, part.id, part.name)
    if part.kind == "tool_return":
        return PartStart(index, part.kind, part.call_id, part.name)
    return PartStart(index, part.kind)
