"""Where everything stands: entries above each other, exact where seen, estimated elsewhere. No widget in here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal_desktop.ui.transcript.entry import Entry
from portal_desktop.ui.transcript.heights import Heights
from portal_desktop.ui.transcript.items import Item, Kit
from portal_desktop.ui.transcript.message import TranscriptMessage

DOCUMENTS = 200
TOP, BOTTOM = 22, 24
PASSES = 8


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line of the content: an entry, an item in it, and pixels below that item's top."""

    entry: Entry
    item: int
    offset: int


@dataclass(frozen=True, slots=True)
class Placed:
    """An item that stands at a height of the content."""

    entry: Entry
    item: Item
    index: int
    top: int
    height: int


class Stack:
    """The entries of one conversation and their places. Lengths are pixels of the content."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.entries: list[Entry] = []
        self.width = 600
        self.viewport = 400
        self._numbers: dict[int, int] = {}
        self._tops = Heights()
        self._documents: OrderedDict[int, Item] = OrderedDict()
        self.own: Entry | None = None

    @property
    def head(self) -> int:
        """The room above the first entry."""
        return self.kit.theme.px(TOP)

    @property
    def base(self) -> int:
        """The height of the content without the room below an own message."""
        return self.head + self._tops.total + self.kit.theme.px(BOTTOM)

    @property
    def total(self) -> int:
        """The height of the content."""
        return self.base + self.room

    @property
    def room(self) -> int:
        """The empty space that lets the own message stand near the top."""
        if self.own is None or self.own.message.id not in self._numbers:
            return 0
        return max(0, self.own_place() + self.viewport - self.base)

    def own_place(self) -> int:
        """Return the scroll value that puts the own message near the top."""
        if self.own is None:
            return 0
        return max(0, self.top_of(self.own) - self.kit.theme.px(16))

    def set(self, messages: Sequence[TranscriptMessage]) -> None:
        """Hold other messages."""
        self.own = None
        self.entries = [Entry(self.kit, message) for message in messages]
        self._documents.clear()
        self._renumber()

    def prepend(self, messages: Sequence[TranscriptMessage]) -> None:
        """Add entries above."""
        self.entries[:0] = [Entry(self.kit, message) for message in messages]
        self._renumber()

    def append(self, message: TranscriptMessage) -> Entry:
        """Add one entry below."""
        entry = Entry(self.kit, message)
        self._numbers[message.id] = len(self.entries)
        self.entries.append(entry)
        self._tops.append(entry.height(self.width))
        return entry

    def cut(self, number: int) -> None:
        """Drop the entries from a number on."""
        for entry in self.entries[number:]:
            del self._numbers[entry.message.id]
        del self.entries[number:]
        self._tops.cut(number)

    def _renumber(self) -> None:
        self._numbers = {entry.message.id: number for number, entry in enumerate(self.entries)}
        self._tops = Heights(entry.height(self.width) for entry in self.entries)

    def number(self, message_id: int) -> int | None:
        """Return the place of a message among the entries."""
        return self._numbers.get(message_id)

    def resized(self, width: int, viewport: int) -> None:
        """Take other dimensions; exact heights become estimates until they are seen again."""
        self.viewport = viewport
        if width != self.width:
            self.width = width
            self._tops = Heights(entry.height(width) for entry in self.entries)

    def rebuilt(self, kit: Kit) -> None:
        """Make everything anew, with another theme."""
        self.kit = kit
        for entry in self.entries:
            entry.kit = kit
            entry.forget()
        self._documents.clear()
        self._renumber()

    def top_of(self, entry: Entry) -> int:
        """Return where an entry begins."""
        return self.head + self._tops.top(self._numbers[entry.message.id])

    def refresh(self, entry: Entry) -> None:
        """Take over the height of an entry that changed."""
        self._tops.set(self._numbers[entry.message.id], entry.height(self.width))

    def anchor(self, value: int) -> Anchor | None:
        """Return the line at a height."""
        if not self.entries:
            return None
        number = self._tops.at(value - self.head)
        entry = self.entries[number]
        entry.build(self.width)
        inside = value - self.top_of(entry)
        item = entry.heights.at(inside) if inside >= 0 else 0
        return Anchor(entry, item, inside - entry.heights.top(item))

    def value(self, anchor: Anchor) -> int:
        """Return the height at which a line now stands."""
        number = self._numbers.get(anchor.entry.message.id)
        if number is None:
            return self.base
        anchor.entry.build(self.width)
        self._tops.set(number, anchor.entry.height(self.width))
        item = min(anchor.item, len(anchor.entry.items))
        return self.top_of(anchor.entry) + anchor.entry.heights.top(item) + anchor.offset

    def measure(self, top: int, bottom: int) -> bool:
        """Make everything between two heights exact; return whether any height changed."""
        changed = False
        if not self.entries:
            return False
        number = self._tops.at(top - self.head)
        y = self.head + self._tops.top(number)
        while number < len(self.entries) and y < bottom:
            entry = self.entries[number]
            entry.build(self.width)
            place = y
            index = entry.heights.at(top - y) if top > y else 0
            place += entry.heights.top(index)
            while index < len(entry.items) and place < bottom:
                changed = entry.measure(index) != 0 or changed
                self._touch(entry.items[index])
                place += entry.heights[index]
                index += 1
            changed = self._tops.set(number, entry.height(self.width)) != 0 or changed
            y += self._tops[number]
            number += 1
        return changed

    def _touch(self, item: Item) -> None:
        """Keep the documents of what was seen last, let go of the rest."""
        if not item.has_document():
            return
        self._documents[id(item)] = item
        self._documents.move_to_end(id(item))
        while len(self._documents) > DOCUMENTS:
            self._documents.popitem(last=False)[1].release()

    def placed(self, top: int, bottom: int) -> Iterator[Placed]:
        """Yield what stands between two heights, exact or not."""
        if not self.entries:
            return
        number = self._tops.at(top - self.head)
        y = self.head + self._tops.top(number)
        while number < len(self.entries) and y < bottom:
            entry = self.entries[number]
            if entry.built:
                index = entry.heights.at(top - y) if top > y else 0
                place = y + entry.heights.top(index)
                while index < len(entry.items) and place < bottom:
                    height = entry.heights[index]
                    yield Placed(entry, entry.items[index], index, place, height)
                    place += height
                    index += 1
            y += self._tops[number]
            number += 1

    def settle(self, anchor: Anchor | None, shift: int = 0) -> int:
        """Measure around a line until nothing moves any more; return the value that shows it at the top.

        Without an anchor the end is shown.
        """
        value = 0
        for _ in range(PASSES):
            value = self.end() if anchor is None else self.value(anchor) + shift
            value = max(0, min(value, self.total - self.viewport))
            if not self.measure(value, value + self.viewport):
                break
        return max(0, min(value, self.total - self.viewport))

    def end(self) -> int:
        """Return the value that shows the end of the content."""
        return max(0, self.base - self.viewport)
