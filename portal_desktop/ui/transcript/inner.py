"""Plain text in a box of limited height with its own scrolling: reasoning, arguments, results, technical details."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QTextOption

from portal_desktop.ui.i18n import tr
from portal_desktop.ui.transcript.drawing import Canvas
from portal_desktop.ui.transcript.items import Kit, draw_document
from portal_desktop.ui.transcript.rich import fill_plain
from portal_desktop.ui.transcript.safe_text import SafeDocument

SHOWN_CHARACTERS = 60_000
HEIGHT = 380


class InnerText:
    """The box; it shows the newest part of a very long text and says so. `diff` colours lines by their first sign."""

    def __init__(
        self, kit: Kit, *, code: bool, diff: bool = False, follow: bool = False, limit: int = SHOWN_CHARACTERS
    ) -> None:
        self.kit = kit
        self.limit = limit
        self.code = code
        self.diff = diff
        self.follow = follow
        self.offset = 0
        self.height = 0
        self.whole = 0
        self._text = ""
        self._document: SafeDocument | None = None

    def set_text(self, text: str) -> None:
        """Show another text; one that only grew keeps its place, or follows its end."""
        if text != self._text:
            self._text = text
            self._document = None

    def layout(self, width: int) -> int:
        """Lay out for a width and return the height of the box."""
        theme = self.kit.theme
        if self._document is None:
            self._document = self._make()
        self._document.setTextWidth(width)
        self.whole = int(self._document.size().height() + 0.99)
        self.height = min(self.whole, theme.px(HEIGHT))
        most = self.whole - self.height
        self.offset = most if self.follow else max(0, min(self.offset, most))
        return self.height

    def _make(self) -> SafeDocument:
        document = SafeDocument()
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        document.setDefaultTextOption(option)
        font = self.kit.theme.font("code" if self.code else "small")
        form = self.kit.style.paragraph(line=20 if self.code else 19)
        text = self._text
        if len(text) > self.limit:
            text = tr("(the beginning is left out here; Copy has all of it)") + "\n" + text[-self.limit :]
        fill_plain(document, text, font, form)
        return document

    def wheel(self, pixels: int) -> bool:
        """Scroll; False at the ends, so that the view scrolls on."""
        target = max(0, min(self.whole - self.height, self.offset + pixels))
        moved = target != self.offset
        self.offset = target
        self.follow = self.follow and target >= self.whole - self.height
        return moved

    def paint(self, canvas: Canvas, place: QPointF, width: float, *, margin: float = 0, color: str = "text") -> None:
        """Draw the visible part; a diff's lines are shaded over the margin as well."""
        if self._document is None:
            return
        painter = canvas.painter
        box = QRectF(place.x(), place.y(), width, self.height)
        painter.save()
        painter.setClipRect(box.adjusted(-margin, 0, margin, 0), Qt.ClipOperation.IntersectClip)
        painter.translate(place.x(), place.y() - self.offset)
        clip = QRectF(0, self.offset, width, self.height)
        if self.diff:
            self._shade(canvas, clip, margin)
        else:
            draw_document(canvas, self._document, None, clip, color)
        painter.restore()
        if self.whole > self.height:
            self._bar(canvas, box)

    def _shade(self, canvas: Canvas, clip: QRectF, margin: float) -> None:
        """Draw the lines of a diff, each in its own colour on its own shade."""
        document = self._document
        if document is None:
            return
        layout = document.documentLayout()
        block = document.begin()
        while block.isValid():
            top, following = layout.blockBoundingRect(block).top(), block.next()
            bottom = layout.blockBoundingRect(following).top() if following.isValid() else float(self.whole)
            rect = QRectF(-margin, top, clip.width() + 2 * margin, bottom - top)
            if rect.intersects(clip):
                mark = block.text()[:1]
                color, fill = {"+": ("ok", "ok_soft"), "-": ("bad", "bad_soft")}.get(mark, ("text", ""))
                canvas.painter.save()
                canvas.painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
                if fill:
                    canvas.painter.fillRect(rect, canvas.theme.color(fill))
                canvas.painter.translate(0, -canvas.theme.px(2))
                draw_document(canvas, document, None, rect, color)
                canvas.painter.restore()
            block = following

    def _bar(self, canvas: Canvas, box: QRectF) -> None:
        share = self.height / self.whole
        top = box.top() + self.offset * share
        width = canvas.theme.px(4)
        canvas.box(QRectF(box.right() - width, top, width, max(20.0, self.height * share)), width / 2, "line")
