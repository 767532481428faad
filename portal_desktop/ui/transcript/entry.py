"""A message in the transcript: its items, made when it comes near the view, changed where the message changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeGuard

from portal_desktop.messages import (
    Attachment,
    Failure,
    Note,
    Part,
    Role,
    Status,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
)
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.transcript.bubble import AttachmentsItem, BubbleItem, FooterItem
from portal_desktop.ui.transcript.cards import FailureItem, NoteItem, ThinkingItem, ToolItem
from portal_desktop.ui.transcript.code import CodeItem
from portal_desktop.ui.transcript.document import Block, BlockDocument, BlockKind, PlainDocument
from portal_desktop.ui.transcript.heights import Heights
from portal_desktop.ui.transcript.items import Item, Kit, RuleItem, TextItem
from portal_desktop.ui.transcript.message import Action, TranscriptMessage
from portal_desktop.ui.transcript.question import ApprovalItem
from portal_desktop.ui.transcript.safe_text import is_rich

BOTTOM = 8
UNCHANGED = 1 << 30


class Section:
    """The items of one part. `update` returns the first item that changed, `UNCHANGED` when none did."""

    def __init__(self, item: Item | None = None) -> None:
        self.items: list[Item] = [] if item is None else [item]


class TextSection(Section):
    """The blocks of a text part, growing at the end."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._reset()

    def _reset(self) -> None:
        self.items = []
        self.text = ""
        self.final = False
        self.document: BlockDocument | PlainDocument = BlockDocument()
        self._references = 0

    def update(self, text: str, *, final: bool) -> int:
        """Take the text as it is now."""
        if text == self.text and final == self.final:
            return UNCHANGED
        rich = is_rich(text)
        first = UNCHANGED
        if not text.startswith(self.text) or self.final or rich != is_rich(self.text):
            self._reset()
            first = 0
            self.document = BlockDocument() if rich else PlainDocument()
        first = min(first, self.document.feed(text[len(self.text) :]))
        if final:
            first = min(first, self.document.finish())
        self.text, self.final = text, final
        first = min(first, self._sync(first))
        return min(first, self._resolve()) if final else first

    def _sync(self, first: int) -> int:
        blocks = self.document.blocks
        del self.items[len(blocks) :]
        for index in range(min(first, len(self.items)), len(blocks)):
            block = blocks[index]
            item = self.items[index] if index < len(self.items) else None
            if item is not None and _suits(item, block):
                item.update(block)
            elif item is not None:
                self.items[index] = self._make(block)
            else:
                self.items.append(self._make(block))
        return self._join(first)

    def _join(self, first: int) -> int:
        """Let the pieces of one piece of code look like one; return the first that changed by it."""
        for index in range(max(0, first - 1), len(self.items)):
            item = self.items[index]
            if not isinstance(item, CodeItem):
                continue
            following = self.items[index + 1] if index + 1 < len(self.items) else None
            last = not (isinstance(following, CodeItem) and following.group is item.group)
            if last != item.last:
                item.last = last
                item.dirty = True
                first = min(first, index)
        return first

    def _resolve(self) -> int:
        """Show links whose definition came after them."""
        known, self._references = self._references, len(self.document.references)
        first = UNCHANGED
        if known == self._references:
            return first
        for index, item in enumerate(self.items):
            if isinstance(item, TextItem) and "[" in item.block.source and item.has_document():
                item.release()
                item.dirty = True
                first = min(first, index)
        return first

    def _make(self, block: Block) -> Item:
        if block.kind is BlockKind.RULE:
            return RuleItem(self._kit)
        if block.group is not None:
            return CodeItem(self._kit, block, block.group)
        return TextItem(self._kit, block, self.document.references)


def _suits(item: Item, block: Block) -> TypeGuard[TextItem | CodeItem]:
    if isinstance(item, CodeItem):
        return block.group is item.group
    return isinstance(item, TextItem) and block.group is None and block.kind is not BlockKind.RULE


class Entry:
    """One message. Nothing is built before `build`, so that ten thousand of them cost next to nothing."""

    def __init__(self, kit: Kit, message: TranscriptMessage) -> None:
        self.kit = kit
        self.message = message
        self.items: list[Item] = []
        self.heights = Heights()
        self.built = False
        self._width = -1
        self._sections: dict[str, Section] = {}

    def update(self, message: TranscriptMessage) -> int:
        """Take what the message is now and return the first item that changed."""
        self.message = message
        return self._refresh() if self.built else 0

    def build(self, width: int) -> None:
        """Make the items, or take another width."""
        if not self.built:
            self.built = True
            self._width = width
            self._refresh()
        elif width != self._width:
            self._width = width
            self._sum(0)

    def forget(self) -> None:
        """Drop all items; they are made anew, as after a change of theme."""
        self.built = False
        self.items = []
        self._sections = {}
        self.heights = Heights()

    def measure(self, index: int) -> int:
        """Lay out one item exactly and return by how much its height was wrong."""
        return self.heights.set(index, self.items[index].height(self._width))

    def height(self, width: int) -> int:
        """Return the height as far as it is known."""
        theme = self.kit.theme
        if self.built:
            return self.heights.total + theme.px(BOTTOM)
        letters = sum(len(part.text) if isinstance(part, Text) else 120 for part in self.message.parts)
        return theme.px(60) + int(letters / max(10, width / theme.px(8.4)) + 1) * theme.px(23)

    def _sum(self, first: int) -> None:
        """Take the heights from an item on anew: exact where known, else estimated."""
        self.heights.cut(first)
        width = self._width
        for item in self.items[first:]:
            self.heights.append(item.height(width) if item.known(width) else item.estimate(width))

    def _refresh(self) -> int:
        first = UNCHANGED
        offset = 0
        sections: dict[str, Section] = {}
        before = list(self._sections)
        for number, (key, section, change) in enumerate(self._plan()):
            moved = number >= len(before) or before[number] != key
            changed = 0 if moved else change
            first = min(first, offset + changed if changed < UNCHANGED else UNCHANGED)
            offset += len(section.items)
            sections[key] = section
        self._sections = sections
        self.items = [item for section in sections.values() for item in section.items]
        if len(before) > len(sections) or first < UNCHANGED:
            self._sum(min(first, len(self.heights), len(self.items)))
        return first

    def _plan(self) -> Iterator[tuple[str, Section, int]]:
        """Yield the sections the message has now, in order, each with its first changed item."""
        message = self.message
        if message.role is Role.USER:
            yield from self._own()
        else:
            returns = {part.call_id: part for part in message.parts if isinstance(part, ToolReturn)}
            last = len(message.parts) - 1
            for number, part in enumerate(message.parts):
                live = number == last and message.status is Status.STREAMING
                yield from self._part(number, part, returns, live=live)
            yield from self._ending()
            yield self._footer()

    def _tell(self, footer: FooterItem) -> bool:
        """Give the quiet line its words; return whether anything changed."""
        message = self.message
        words = " · ".join(word for word in (message.created, message.model) if word)
        return footer.update(siblings=message.siblings, words=words, busy=message.status is Status.STREAMING)

    def _footer(self) -> tuple[str, Section, int]:
        section = self._sections.get("footer") or Section(FooterItem(self.kit, self.message.role))
        item = section.items[0]
        assert isinstance(item, FooterItem)
        return "footer", section, 0 if self._tell(item) else UNCHANGED

    def _own(self) -> Iterator[tuple[str, Section, int]]:
        text = "".join(part.text for part in self.message.parts if isinstance(part, Text))
        files = tuple(part for part in self.message.parts if isinstance(part, Attachment))
        if files:
            yield self._fixed(f"files {[file.id for file in files]}", lambda: AttachmentsItem(self.kit, files))
        if text:
            key, section, changed = self._fixed(f"bubble {hash(text)}", lambda: BubbleItem(self.kit, text))
            item = section.items[0]
            if isinstance(item, BubbleItem) and self._tell(item.footer):
                item.dirty = True
                changed = 0
            yield key, section, changed

    def _fixed(self, key: str, make: Callable[[], Item]) -> tuple[str, Section, int]:
        known = self._sections.get(key)
        if known is not None:
            return key, known, UNCHANGED
        return key, Section(make()), 0

    def _part(
        self, number: int, part: Part, returns: dict[str, ToolReturn], *, live: bool
    ) -> Iterator[tuple[str, Section, int]]:
        key = f"{part.kind} {number}"
        known = self._sections.get(key)
        match part:
            case Text():
                section = known if isinstance(known, TextSection) else TextSection(self.kit)
                yield key, section, section.update(part.text, final=not live)
            case Thinking():
                yield self._thinking(key, part, live=live)
            case ToolCall():
                yield from self._tool(f"tool {part.id}", part, returns.get(part.id))
            case Failure():
                offers = self.message.failure_actions
                yield self._fixed(f"{key} {offers}", lambda: FailureItem(self.kit, part, offers))
            case Note():
                yield self._fixed(key, lambda: NoteItem(self.kit, part.text))
            case Attachment():
                yield self._fixed(key, lambda: AttachmentsItem(self.kit, (part,)))
            case ToolReturn():
                return

    def _thinking(self, key: str, part: Thinking, *, live: bool) -> tuple[str, Section, int]:
        known = self._sections.get(key)
        if known is None:
            return key, Section(ThinkingItem(self.kit, part, live=live)), 0
        item = known.items[0]
        assert isinstance(item, ThinkingItem)
        if item.part is part and item.live() == live:
            return key, known, UNCHANGED
        item.update(part, live=live)
        return key, known, 0

    def _tool(self, key: str, call: ToolCall, answer: ToolReturn | None) -> Iterator[tuple[str, Section, int]]:
        message = self.message
        asked = message.approval
        if asked is not None and asked.call.id == call.id and answer is None:
            yield self._fixed(f"approval {call.id}", lambda: ApprovalItem(self.kit, asked, message.approval_since))
            return
        known = self._sections.get(key) or Section(ToolItem(self.kit, call))
        item = known.items[0]
        assert isinstance(item, ToolItem)
        if item.call != call:
            item.call, item.dirty = call, True
        changed = item.update(
            answer,
            title=message.tool_titles.get(call.id, ""),
            detail=message.tool_details.get(call.id, ""),
            record=message.decisions.get(call.id, ""),
            undoable=call.id in message.undoable,
        )
        yield key, known, 0 if changed or item.dirty else UNCHANGED

    def _ending(self) -> Iterator[tuple[str, Section, int]]:
        """Say why an answer is not whole, unless an error card already does."""
        message = self.message
        asked = message.approval
        calls = {part.id for part in message.parts if isinstance(part, ToolCall)}
        if asked is not None and asked.call.id not in calls:
            make = lambda: ApprovalItem(self.kit, asked, message.approval_since)  # noqa: E731 - as its neighbours
            yield self._fixed(f"approval {asked.call.id}", make)
        if any(isinstance(part, Failure) for part in message.parts):
            return
        actions = (Action.CONTINUE, Action.RETRY)
        with_keep = (*actions, Action.KEEP)
        if message.status is Status.STOPPED:
            yield self._fixed("stopped", lambda: NoteItem(self.kit, tr("Stopped here"), actions))
        elif message.status is Status.INTERRUPTED:
            yield self._fixed("interrupted", lambda: NoteItem(self.kit, tr("This answer was interrupted"), with_keep))

    def markdown(self) -> str:
        """Return the whole message for the clipboard."""
        self.build(self._width if self._width > 0 else 600)
        texts = [part.text for part in self.message.parts if isinstance(part, Text)]
        return "\n\n".join(texts)

    def spoken(self) -> str:
        """Return the message as a screen reader says it: who, when, what."""
        message = self.message
        who = tr("You") if message.role is Role.USER else message.model or tr("Answer")
        if self.built:
            said = " ".join(text for item in self.items if (text := item.spoken()))
        else:
            said = " ".join(part.text for part in message.parts if isinstance(part, Text))
        return f"{who}, {message.created}: {said}" if message.created else f"{who}: {said}"
