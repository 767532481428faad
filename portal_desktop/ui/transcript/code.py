"""Code as the transcript shows it: a head with language, Copy and Wrap, and pieces below that look like one."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import (
    QFontMetricsF,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextLayout,
    QTextOption,
)

from portal_desktop.ui.i18n import tr
from portal_desktop.ui.transcript.document import Block, CodeGroup
from portal_desktop.ui.transcript.drawing import Canvas, Hit, icon_at
from portal_desktop.ui.transcript.highlight import Lexing, Span, can_lex, line_spans
from portal_desktop.ui.transcript.items import DocumentItem, Kit, Outcome
from portal_desktop.ui.transcript.rich import fill_plain
from portal_desktop.ui.transcript.safe_text import SafeDocument, break_runs, clean

LINE = 18
SLICE_SECONDS = 0.003
SLICE_WORDS = 40
DIAGRAMS = frozenset({"mermaid", "dot", "graphviz", "plantuml", "d2"})


class CodeItem(DocumentItem):
    """A piece of code; only the first of a group has the head, only the last the rounded end."""

    def __init__(self, kit: Kit, block: Block, group: CodeGroup) -> None:
        super().__init__(kit)
        self.block = block
        self.group = group
        self.last = True
        self.exact = False
        self._shown = ""
        self._hits: list[Hit] = []
        self._lexing: Lexing | None = None

    def top_gap(self) -> float:
        """Return no room where a piece continues."""
        return 0 if self.block.continued else 10

    def update(self, block: Block) -> None:
        """Take what the block is now."""
        self.block = block
        self.dirty = True

    def _head(self) -> int:
        return 0 if self.block.continued else self.kit.theme.px(32)

    def _tail(self) -> int:
        return self.kit.theme.px(10) if self.last else 0

    def estimate(self, width: int) -> int:
        """Count the lines; unwrapped, that is exact."""
        del width
        theme = self.kit.theme
        return (
            theme.px(self.top_gap())
            + self._head()
            + self._tail()
            + theme.px(LINE) * (self.block.source.count("\n") + 1)
        )

    def fill(self, document: SafeDocument) -> None:
        """Write the code, coloured by line."""
        option = QTextOption()
        option.setWrapMode(
            QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere if self.group.wrapped else QTextOption.WrapMode.NoWrap
        )
        option.setTabStopDistance(QFontMetricsF(self.kit.theme.font("code")).horizontalAdvance("    "))
        document.setDefaultTextOption(option)
        form = self.kit.style.paragraph(line=LINE)
        fill_plain(document, self.block.source, self.kit.theme.font("code"), form)
        self._shown = self.block.source
        self.exact = False
        self._lexing = None
        self._color(document, document.begin())

    def text_width(self, width: int) -> int:
        """Return the room inside; unwrapped code is as wide as it is and scrolls."""
        return width - 2 * self.kit.theme.px(14)

    def layout(self, width: int) -> int:
        """Append what is new, or lay out all of it."""
        theme = self.kit.theme
        if self._document is not None and self._shown != self.block.source:
            if self.block.source.startswith(self._shown):
                self._append(self.block.source[len(self._shown) :])
            else:
                self._document = None
        document = self.document()
        document.setTextWidth(self.text_width(width))
        self.origin = QPointF(theme.px(14), self._head())
        self._place_hits(width)
        return int(document.size().height() + 0.99) + self._head() + self._tail()

    def _append(self, text: str) -> None:
        if self._document is None:
            return
        cursor = QTextCursor(self._document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        first = cursor.block()
        cursor.insertText(break_runs(clean(text)))
        self._shown = self.block.source
        self._color(self._document, first)

    def _color(self, document: SafeDocument, block: QTextBlock) -> None:
        while block.isValid():
            self._paint_line(block, line_spans(block.text(), self.group.language))
            block = block.next()
        del document

    def _paint_line(self, block: QTextBlock, spans: list[Span] | tuple[Span, ...]) -> None:
        ranges = []
        for start, length, color in spans:
            part = QTextLayout.FormatRange()
            part.start, part.length = start, length
            form = QTextCharFormat()
            form.setForeground(self.kit.theme.color(color))
            part.format = form
            ranges.append(part)
        block.layout().setFormats(ranges)
        if self._document is not None:
            self._document.markContentsDirty(block.position(), block.length())

    def wants_exact(self) -> bool:
        """Return whether this piece is finished and still coloured by line only."""
        return self.block.closed and not self.exact and self._document is not None

    def color_exactly(self) -> bool:
        """Colour the finished piece by its real grammar, in slices; return whether something to be seen changed."""
        clock = self.kit.clock
        end = clock.monotonic() + SLICE_SECONDS
        if self._lexing is None:
            if not can_lex(self._shown, self.group.language):
                self.exact = True
                return False
            self._lexing = Lexing(self._shown, self.group.language)
        while not self._lexing.step(SLICE_WORDS):
            if clock.monotonic() >= end:
                return False
        lines, self._lexing = self._lexing.lines, None
        self.exact = True
        if self._document is None or lines == [[]]:
            return False
        block = self._document.begin()
        for spans in lines:
            if block.isValid():
                self._paint_line(block, spans)
                block = block.next()
        return True

    def _place_hits(self, width: int) -> None:
        theme = self.kit.theme
        self._hits = []
        if self.block.continued:
            return
        y, x = theme.px(4), width - theme.px(30)
        self._hits = [
            icon_at(theme, QPointF(x - theme.px(26), y), "wrap", "wrap", label=tr("Wrap long lines")),
            icon_at(theme, QPointF(x, y), "copy_code", "copy", label=tr("Copy code")),
        ]

    def hits(self) -> list[Hit]:
        """Return Wrap and Copy."""
        return self._hits

    def perform(self, hit: Hit) -> Outcome | None:
        """Wrap or copy."""
        if hit.action == "copy_code":
            return Outcome(copied=self.group.text)
        if hit.action == "wrap":
            self.group.wrapped = not self.group.wrapped
            self.group.scroll = 0
            return Outcome(changed=True)
        return None

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the box, the head and the visible part of the code."""
        theme, painter = self.kit.theme, canvas.painter
        height = self._height - theme.px(self.top_gap())
        self._box(canvas, QRectF(0, 0, width, height))
        if not self.block.continued:
            canvas.text(
                QRectF(theme.px(14), theme.px(4), width / 2, theme.px(24)), self.label(), theme.font("small"), "muted"
            )
            for hit in self._hits:
                canvas.button(hit)
        painter.save()
        canvas.clipped(QRectF(1, 0, width - 2, height))
        painter.translate(-self.group.scroll, 0)
        canvas.clip = canvas.clip.translated(self.group.scroll, 0)
        self.draw_text(canvas)
        painter.restore()

    def _box(self, canvas: Canvas, rect: QRectF) -> None:
        radius = canvas.theme.radius("control")
        if not self.block.continued and self.last:
            canvas.box(rect, radius, "code", "line")
            return
        canvas.painter.save()
        canvas.clipped(rect)
        tall = rect.adjusted(0, -2 * radius if self.block.continued else 0, 0, 0 if self.last else 2 * radius)
        canvas.box(tall, radius, "code", "line")
        canvas.painter.restore()

    def label(self) -> str:
        """Return what stands in the head."""
        language = self.group.language
        if language.lower() in DIAGRAMS:
            return tr("{language} diagram, as source", language=language)
        return tr("Formula, as source") if language == "formula" else language or tr("text")

    def wheel(self, pixels: int, x: float, y: float) -> bool:
        """Scroll sideways is done by the view's horizontal wheel; upright turns are not ours."""
        del pixels, x, y
        return False

    def scroll_sideways(self, pixels: int) -> bool:
        """Move long lines; all pieces of a group move together."""
        if self.group.wrapped:
            return False
        most = max(0, int(self.document().idealWidth()) - self.text_width(self._width))
        target = max(0, min(max(most, self.group.scroll), self.group.scroll + pixels))
        moved = target != self.group.scroll
        self.group.scroll = target
        return moved

    def text_at(self, x: float, y: float) -> int:
        """Return the place in the text next to a point."""
        return super().text_at(x + self.group.scroll, y)

    def spoken(self) -> str:
        """Return the code with its language."""
        return f"{self.label()}: {self.block.source}"

    def markdown(self) -> str:
        """Return the code with its fence; pieces in the middle only their lines."""
        start = "" if self.block.continued else f"```{self.group.language}\n"
        return f"{start}{self.block.source}" + ("\n```" if self.last else "")
