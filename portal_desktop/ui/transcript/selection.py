"""A selection that spans items and messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal_desktop.ui.transcript.items import Item
from portal_desktop.ui.transcript.stack import Placed, Stack


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in the text: number of the message, of the item in it, of the letter in that."""

    number: int
    item: int
    letter: int


class Selection:
    """From where to where; empty when both are the same."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._start: Spot | None = None
        self._end: Spot | None = None

    def clear(self) -> None:
        """Select nothing."""
        self._start = self._end = None

    def begin(self, spot: Spot) -> None:
        """Start here."""
        self._start = self._end = spot

    def extend(self, spot: Spot) -> None:
        """Reach to here."""
        if self._start is None:
            self._start = spot
        self._end = spot

    def span(self, first: Spot, last: Spot) -> None:
        """Select between two places."""
        self._start, self._end = first, last

    def moved(self, count: int) -> None:
        """Follow the messages when others were put before them."""
        if self._start is not None and self._end is not None:
            self._start = Spot(self._start.number + count, self._start.item, self._start.letter)
            self._end = Spot(self._end.number + count, self._end.item, self._end.letter)

    def bounds(self) -> tuple[Spot, Spot] | None:
        """Return both ends in reading order, or None when nothing is selected."""
        if self._start is None or self._end is None or self._start == self._end:
            return None
        return min(self._start, self._end), max(self._start, self._end)

    def part(self, placed: Placed) -> tuple[int, int] | None:
        """Return the selected letters of an item."""
        bounds = self.bounds()
        if bounds is None:
            return None
        number = self._stack.number(placed.entry.message.id)
        return None if number is None else _part(bounds, number, placed.index, placed.item)

    def pieces(self) -> Iterator[tuple[Item, int, int]]:
        """Yield every item that is selected, with the letters."""
        bounds = self.bounds()
        if bounds is None:
            return
        first, last = bounds
        for number in range(first.number, min(last.number, len(self._stack.entries) - 1) + 1):
            entry = self._stack.entries[number]
            entry.build(self._stack.width)
            for index, item in enumerate(entry.items):
                part = _part(bounds, number, index, item)
                if part is not None:
                    yield item, part[0], part[1]

    def text(self) -> str:
        """Return the selected text."""
        return "\n\n".join(part for item, start, end in self.pieces() if (part := item.selected(start, end)))

    def markdown(self) -> str:
        """Return the selection as Markdown where whole blocks are selected, as text where parts are."""
        parts = []
        for item, start, end in self.pieces():
            whole = start == 0 and end >= item.text_length()
            parts.append(item.markdown() if whole else item.selected(start, end))
        return "\n\n".join(part for part in parts if part)


def _part(bounds: tuple[Spot, Spot], number: int, index: int, item: Item) -> tuple[int, int] | None:
    first, last = bounds
    here = (number, index)
    if here < (first.number, first.item) or here > (last.number, last.item):
        return None
    length = item.text_length()
    if length == 0:
        return None
    start = first.letter if here == (first.number, first.item) else 0
    end = last.letter if here == (last.number, last.item) else length
    return (start, end) if end > start else None
