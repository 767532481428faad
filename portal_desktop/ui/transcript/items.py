"""The pieces a message is shown in: each knows its height, paints itself, and says what in it can be pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QImage,
    QPalette,
    QTextCharFormat,
    QTextCursor,
)

from portal_desktop.clock import Clock
from portal_desktop.ui.theme import Theme
from portal_desktop.ui.transcript.document import Block, BlockKind
from portal_desktop.ui.transcript.drawing import Canvas, Hit
from portal_desktop.ui.transcript.rich import LINK_WARNING, MarkdownReader, RichStyle
from portal_desktop.ui.transcript.safe_text import SafeDocument, clean

BUDGET_SECONDS = 0.004
BUDGET_PAUSE = 20


@dataclass
class Kit:
    """What all items of one view share. `renders` counts how often a block was laid out anew."""

    theme: Theme
    clock: Clock
    images: Mapping[str, QImage]
    load_images: bool = False
    thinking_open: bool = False
    renders: int = 0
    style: RichStyle = field(init=False)
    reader: MarkdownReader = field(init=False)

    def __post_init__(self) -> None:
        self.style = RichStyle(self.theme)
        self.reader = MarkdownReader(self.style, self.images, can_load=lambda: self.load_images)


@dataclass(frozen=True, slots=True)
class LinkAt:
    """A link under the pointer."""

    target: str
    warning: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What pressing something inside an item came to: text for the clipboard, another height."""

    copied: str = ""
    changed: bool = False


class Item:
    """Part of a message. `gap` is the room above it, before zoom."""

    gap: ClassVar[float] = 10

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.dirty = True
        self._height = 0
        self._width = -1

    def height(self, width: int) -> int:
        """Return the exact height with the gap above, laying out only what changed since."""
        if self.dirty or width != self._width:
            self._width = width
            self._height = self.kit.theme.px(self.top_gap()) + self.layout(width)
            self.dirty = False
        return self._height

    def known(self, width: int) -> bool:
        """Return whether the height is exact without any work."""
        return not self.dirty and width == self._width

    def top_gap(self) -> float:
        """Return the room above this item, before zoom."""
        return self.gap

    def estimate(self, width: int) -> int:
        """Return a guess of the height that costs next to nothing."""
        raise NotImplementedError

    def layout(self, width: int) -> int:
        """Do the layout for a width and return the height without the gap."""
        raise NotImplementedError

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw; the painter's origin is below the gap."""
        raise NotImplementedError

    def hits(self) -> list[Hit]:
        """Return what can be pressed, in reading order."""
        return []

    def perform(self, hit: Hit) -> Outcome | None:
        """Do what is this item's own affair; None means that it is the view's or the owner's."""
        del hit
        return None

    def spoken(self) -> str:
        """Return the text for a screen reader."""
        return ""

    def markdown(self) -> str:
        """Return the text for the clipboard."""
        return self.spoken()

    def text_length(self) -> int:
        """Return how many places a selection can take here; 0 where there is nothing to select."""
        return 0

    def text_at(self, x: float, y: float) -> int:
        """Return the place in the text next to a point."""
        del x, y
        return 0

    def selected(self, start: int, end: int) -> str:
        """Return the text between two places."""
        del start, end
        return ""

    def link_at(self, x: float, y: float) -> LinkAt | None:
        """Return the link under a point."""
        del x, y
        return None

    def wheel(self, pixels: int, x: float, y: float) -> bool:
        """Scroll an inner area; False hands the turn of the wheel to the view."""
        del pixels, x, y
        return False

    def live(self) -> bool:
        """Return whether the passing of time alone changes what is shown."""
        return False

    def has_document(self) -> bool:
        """Return whether this item holds a laid-out document."""
        return False

    def release(self) -> None:
        """Forget the document; the height stays known."""


def draw_document(
    canvas: Canvas, document: SafeDocument, selection: tuple[int, int] | None, clip: QRectF, color: str = "text"
) -> None:
    """Draw a document at the painter's origin, with a selection."""
    context = QAbstractTextDocumentLayout.PaintContext()
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Text, canvas.theme.color(color))
    context.palette = palette
    context.clip = clip
    if selection is not None and selection[0] != selection[1]:
        chosen = QAbstractTextDocumentLayout.Selection()
        cursor = QTextCursor(document)
        last = document.characterCount() - 1
        cursor.setPosition(max(0, min(selection[0], last)))
        cursor.setPosition(max(0, min(selection[1], last)), QTextCursor.MoveMode.KeepAnchor)
        form = QTextCharFormat()
        form.setBackground(canvas.theme.color("selection"))
        form.setForeground(canvas.theme.color("on_selection"))
        chosen.cursor = cursor
        chosen.format = form
        context.selections = [chosen]
    document.documentLayout().draw(canvas.painter, context)


class DocumentItem(Item):
    """An item whose text is a document, at an origin inside it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: SafeDocument | None = None
        self.origin = QPointF(0, 0)

    def fill(self, document: SafeDocument) -> None:
        """Write the text into an empty document."""
        raise NotImplementedError

    def text_width(self, width: int) -> int:
        """Return the width the text has inside the item."""
        return width

    def document(self) -> SafeDocument:
        """Return the document, making it when it was not there or had been let go."""
        if self._document is None:
            self._document = SafeDocument()
            self.kit.renders += 1
            self.fill(self._document)
            if self._width > 0:
                self._document.setTextWidth(self.text_width(self._width))
        return self._document

    def has_document(self) -> bool:
        """Return whether the document is there."""
        return self._document is not None

    def release(self) -> None:
        """Let the document go."""
        self._document = None

    def draw_text(self, canvas: Canvas) -> None:
        """Draw the document at its origin."""
        painter = canvas.painter
        painter.translate(self.origin)
        clip = canvas.clip.translated(-self.origin)
        draw_document(canvas, self.document(), canvas.selection, clip)
        painter.translate(-self.origin)

    def text_length(self) -> int:
        """Return the number of places in the text."""
        return max(1, self.document().characterCount() - 1)

    def text_at(self, x: float, y: float) -> int:
        """Return the place in the text next to a point."""
        point = QPointF(x, y) - self.origin
        return max(0, self.document().documentLayout().hitTest(point, Qt.HitTestAccuracy.FuzzyHit))

    def selected(self, start: int, end: int) -> str:
        """Return the text between two places."""
        document = self.document()
        cursor = QTextCursor(document)
        last = document.characterCount() - 1
        cursor.setPosition(min(start, last))
        cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
        return (
            cursor.selectedText()
            .replace("\u2029", "\n")
            .replace("\u2028", "\n")
            .replace("\ufdd0", "")
            .replace("\ufdd1", "")
        )

    def link_at(self, x: float, y: float) -> LinkAt | None:
        """Return the link under a point."""
        point = QPointF(x, y) - self.origin
        layout = self.document().documentLayout()
        target = layout.anchorAt(point)
        if not target:
            return None
        form = layout.formatAt(point)
        return LinkAt(target, str(form.property(LINK_WARNING) or ""))


class TextItem(DocumentItem):
    """A paragraph, heading, list, quote, table or footnote."""

    def __init__(self, kit: Kit, block: Block, references: list[str]) -> None:
        super().__init__(kit)
        self.block = block
        self.references = references
        self._shown = ""
        self._plain = False
        self._again = 0.0

    def top_gap(self) -> float:
        """Return less room where this only continues the block before."""
        if self.block.continued:
            return 0 if self.block.kind is BlockKind.TABLE else 3
        return 16 if self.block.kind is BlockKind.HEADING else 10

    def update(self, block: Block) -> None:
        """Take what the block is now; the layout follows when it is next looked at."""
        self.block = block
        self.dirty = True

    def estimate(self, width: int) -> int:
        """Guess by the number of letters."""
        theme = self.kit.theme
        letters = max(1, int(self.text_width(width) / max(1, theme.px(7))))
        lines = sum(len(line) // letters + 1 for line in self.block.source.split("\n", 200))
        pitch = 32 if self.block.kind is BlockKind.TABLE else 23
        return theme.px(self.top_gap() + lines * pitch)

    def text_width(self, width: int) -> int:
        """Leave room for the bar of a quote."""
        return width - (self.kit.theme.px(16) if self.block.kind is BlockKind.QUOTE else 0)

    def fill(self, document: SafeDocument) -> None:
        """Write the block."""
        self.kit.reader.fill(document, self.block, self.references)
        self._shown = self.block.source
        self._plain = False

    def layout(self, width: int) -> int:
        """Lay out, or only append plain text while the open block is too expensive to be done 30 times a second."""
        clock = self.kit.clock
        started = clock.monotonic()
        self.origin = QPointF(self.kit.theme.px(16) if self.block.kind is BlockKind.QUOTE else 0, 0)
        stale = self._shown != self.block.source or (self._plain and self.block.closed)
        if self._document is not None and stale and not self._append(started):
            self._document = None
        anew = self._document is None
        document = self.document()
        document.setTextWidth(self.text_width(width))
        height = int(document.size().height() + 0.99)
        if anew:
            cost = clock.monotonic() - started
            self._again = started + BUDGET_PAUSE * cost if cost > BUDGET_SECONDS else 0.0
        return height

    def _append(self, now: float) -> bool:
        """Append as plain text when a real layout is not due yet; return whether that was done."""
        source = self.block.source
        if self.block.closed or now >= self._again or self._document is None or not source.startswith(self._shown):
            return False
        cursor = QTextCursor(self._document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(clean(source[len(self._shown) :]))
        self._shown = source
        self._plain = True
        return True

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the text, and the bar of a quote."""
        del width
        if self.block.kind is BlockKind.QUOTE:
            bar = QRectF(0, 0, self.kit.theme.px(3), self._height - self.kit.theme.px(self.top_gap()))
            canvas.box(bar, 1.5, "line")
        self.draw_text(canvas)

    def spoken(self) -> str:
        """Return the source: it reads well enough."""
        return self.block.source

    def markdown(self) -> str:
        """Return the source."""
        return self.block.source


class RuleItem(Item):
    """A line across the column."""

    gap = 14

    def estimate(self, width: int) -> int:
        """It is always the same."""
        del width
        return self.kit.theme.px(self.gap + 6)

    def layout(self, width: int) -> int:
        """It is always the same."""
        del width
        return self.kit.theme.px(6)

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the line."""
        canvas.painter.fillRect(QRectF(0, 0, width, 1), canvas.theme.color("line"))

    def markdown(self) -> str:
        """Return the source."""
        return "---"
