"""What the user said, and the quiet line below a message."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainterPath, QTextOption

from portal_desktop.messages import Attachment, Role
from portal_desktop.ui.i18n import plural, tr
from portal_desktop.ui.transcript.drawing import Canvas, Hit, Look, button_at, chip_width, icon_at
from portal_desktop.ui.transcript.items import DocumentItem, Item, Kit, Outcome
from portal_desktop.ui.transcript.message import Action
from portal_desktop.ui.transcript.rich import fill_plain
from portal_desktop.ui.transcript.safe_text import SafeDocument, visible

FOLDED_CHARACTERS = 1_500
FOLDED_LINES = 14
SHARE = 0.8


class AttachmentsItem(Item):
    """The files of a message as chips."""

    gap = 6

    def __init__(self, kit: Kit, attachments: tuple[Attachment, ...]) -> None:
        super().__init__(kit)
        self.attachments = attachments
        self._hits: list[Hit] = []

    def estimate(self, width: int) -> int:
        """One row."""
        del width
        return self.kit.theme.px(self.gap) + self.kit.theme.size("chip")

    def layout(self, width: int) -> int:
        """Place the chips from the right, in as many rows as they need."""
        theme = self.kit.theme
        high, space = theme.size("chip"), theme.px(6)
        x, y = float(width), 0
        self._hits = []
        for attachment in self.attachments:
            label = visible(attachment.name)
            wide = min(chip_width(theme, label) + theme.px(20), width)
            if x - wide < 0:
                x, y = float(width), y + high + space
            x -= wide
            self._hits.append(Hit(QRectF(x, y, wide, high), Action.OPEN_ATTACHMENT, attachment.id, label))
            x -= space
        return y + high

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the chips."""
        del width
        theme = canvas.theme
        for hit in self._hits:
            rect = hit.rect
            canvas.box(rect, theme.radius("chip"), "hover" if hit.same(canvas.hot) else "surface", "line")
            canvas.icon(rect.x() + theme.px(8), rect.y() + theme.px(6), "file", "muted", 14)
            space = rect.adjusted(theme.px(27), 0, -theme.px(6), 0)
            canvas.text(space, hit.label, theme.font("small"), "muted")
            canvas.button(hit)

    def hits(self) -> list[Hit]:
        """Return the chips."""
        return self._hits

    def spoken(self) -> str:
        """Return the names."""
        return ", ".join(visible(attachment.name) for attachment in self.attachments)


class FooterItem(Item):
    """The line below a message: which of its versions this is, and, under the pointer, what can be done with it."""

    gap = 2
    HEIGHT = 26

    def __init__(self, kit: Kit, role: Role) -> None:
        super().__init__(kit)
        self.role = role
        self.siblings = (0, 1)
        self.words = ""
        self.busy = False
        self._hits: list[Hit] = []

    def update(self, *, siblings: tuple[int, int], words: str, busy: bool) -> bool:
        """Take what is known now and return whether anything changed."""
        if (siblings, words, busy) == (self.siblings, self.words, self.busy):
            return False
        self.siblings, self.words, self.busy = siblings, words, busy
        self.dirty = True
        return True

    def estimate(self, width: int) -> int:
        """It is always the same."""
        del width
        return self.kit.theme.px(self.gap + self.HEIGHT)

    def needed(self) -> float:
        """Return the width of the buttons."""
        left = min((hit.rect.left() for hit in self._hits), default=0.0)
        return max((hit.rect.right() for hit in self._hits), default=0.0) - left

    def layout(self, width: int) -> int:
        """Place the buttons: at the right under the user's words, at the left under an answer."""
        theme = self.kit.theme
        self._hits = []
        step = theme.px(26)
        index, count = self.siblings
        if count > 1:
            back = icon_at(theme, QPointF(0, 0), Action.SIBLING, "chevron-left", label=tr("Previous version"))
            on = icon_at(
                theme, QPointF(step + theme.px(34), 0), Action.SIBLING, "chevron-right", label=tr("Next version")
            )
            self._hits += [_with(back, "previous", enabled=index > 0), _with(on, "next", enabled=index < count - 1)]
        x = theme.px(34) + 2 * step if count > 1 else 0
        if not self.busy:
            own = self.role is Role.USER
            second = (Action.EDIT, "edit", tr("Edit")) if own else (Action.REGENERATE, "refresh", tr("Answer again"))
            for action, icon, label in (("copy_message", "copy", tr("Copy message")), second):
                self._hits.append(icon_at(theme, QPointF(x, 0), action, icon, label=label))
                x += step
        if self.role is Role.USER:
            self._hits = [hit.moved(width - x, 0) for hit in self._hits]
        return theme.px(self.HEIGHT)

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw what is always there, and the rest under the pointer or the keyboard."""
        theme = canvas.theme
        shown = canvas.hovered or any(hit.same(canvas.focus) for hit in self._hits)
        height = theme.px(24)
        for hit in self._hits:
            if shown or hit.action == Action.SIBLING:
                canvas.button(hit)
        index, count = self.siblings
        if count > 1:
            left = self._hits[0].rect
            space = QRectF(left.right(), left.top(), theme.px(36), height)
            canvas.painter.setFont(theme.font("small"))
            canvas.painter.setPen(theme.color("muted"))
            canvas.painter.drawText(space, 0x84, f"{index + 1}/{count}")
        if not shown or not self.words or self.role is Role.USER:
            return
        start = max((hit.rect.right() for hit in self._hits), default=0.0) + theme.px(8)
        canvas.text(QRectF(start, 0, width - start, height), self.words, theme.font("small"), "muted")

    def hits(self) -> list[Hit]:
        """Return the buttons."""
        return [hit for hit in self._hits if hit.enabled]

    def markdown(self) -> str:
        """Nothing of it belongs on the clipboard."""
        return ""


class BubbleItem(DocumentItem):
    """A bubble at the right with plain text; a long one is folded until "Show all" is pressed."""

    gap = 0

    def __init__(self, kit: Kit, text: str) -> None:
        super().__init__(kit)
        self.text = text
        self.footer = FooterItem(kit, Role.USER)
        self._below = QPointF()
        self.folded = len(text) > FOLDED_CHARACTERS or text.count("\n") > FOLDED_LINES
        self._box = QRectF()
        self._hits: list[Hit] = []

    def shown(self) -> str:
        """Return the text, or its beginning while it is folded."""
        if not self.folded:
            return self.text
        return "\n".join(self.text[:FOLDED_CHARACTERS].split("\n")[:FOLDED_LINES]).rstrip() + " …"

    def estimate(self, width: int) -> int:
        """Guess by the number of letters."""
        theme = self.kit.theme
        letters = max(1, int(width * SHARE / theme.px(7)))
        lines = sum(len(line) // letters + 1 for line in self.shown().split("\n", 2000))
        return theme.px(20 + lines * 21 + (30 if self.folded else 0))

    def fill(self, document: SafeDocument) -> None:
        """Write the text as it is."""
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        document.setDefaultTextOption(option)
        fill_plain(document, self.shown(), self.kit.theme.font(), self.kit.style.paragraph())

    def text_width(self, width: int) -> int:
        """Return the widest the text may be."""
        return int(width * SHARE) - 2 * self.kit.theme.px(14)

    def layout(self, width: int) -> int:
        """Make the bubble as wide as its text needs."""
        theme = self.kit.theme
        document = self.document()
        most = self.text_width(width)
        document.setTextWidth(most)
        wide = min(most, int(document.idealWidth()) + 2)
        document.setTextWidth(wide)
        height = int(document.size().height() + 0.99) + 2 * theme.px(10)
        self._hits = []
        lines = self.text.count("\n") + 1
        if self.folded:
            label = (
                plural("Show all of {count} line", "Show all of {count} lines", lines) if lines > 1 else tr("Show all")
            )
            hit = button_at(theme, QPointF(0, height - theme.px(6)), "unfold", label, look=Look.LINK)
            wide = max(wide, int(hit.rect.width()))
            height += theme.px(26)
            self._hits = [hit]
        box_width = wide + 2 * theme.px(14)
        self._box = QRectF(width - box_width, 0, box_width, height)
        self._hits = [hit.moved(self._box.x() + theme.px(8), 0) for hit in self._hits]
        self.origin = QPointF(self._box.x() + theme.px(14), theme.px(8))
        return height + self._place_footer(width)

    def _place_footer(self, width: int) -> int:
        """Put the quiet buttons at the left of the bubble, or below it where there is no room; return what they add."""
        theme, box = self.kit.theme, self._box
        self.footer.height(width)
        needed = self.footer.needed()
        if needed + theme.px(8) <= box.x():
            self._below = QPointF(box.x() - theme.px(8) - width, box.bottom() - theme.px(28))
            return 0
        self._below = QPointF(0, box.bottom() + theme.px(2))
        return theme.px(FooterItem.HEIGHT + 2)

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the bubble; its lower right corner points to the one who spoke."""
        theme, box = canvas.theme, self._box
        radius, corner = theme.radius("bubble"), theme.px(4)
        path = QPainterPath()
        path.addRoundedRect(box, radius, radius)
        path.addRoundedRect(
            QRectF(box.right() - 2 * radius, box.bottom() - 2 * radius, 2 * radius, 2 * radius), corner, corner
        )
        painter = canvas.painter
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        path.setFillRule(path.fillRule().WindingFill)
        painter.fillPath(path, theme.color("user_bubble"))
        self.draw_text(canvas)
        for hit in self._hits:
            canvas.button(hit)
        painter.translate(self._below)
        self.footer.paint(canvas, width)
        painter.translate(-self._below)

    def hits(self) -> list[Hit]:
        """Return "Show all" and the quiet buttons."""
        place = self._below
        return [*self._hits, *(hit.moved(place.x(), place.y()) for hit in self.footer.hits())]

    def perform(self, hit: Hit) -> Outcome | None:
        """Unfold."""
        if hit.action != "unfold":
            return None
        self.folded = False
        self.release()
        return Outcome(changed=True)

    def spoken(self) -> str:
        """Return the whole text."""
        return self.text

    def markdown(self) -> str:
        """Return the whole text."""
        return self.text


def _with(hit: Hit, argument: str, *, enabled: bool) -> Hit:
    return Hit(hit.rect, hit.action, argument, hit.label, hit.look, hit.icon, enabled)
