"""The approval card: what a person judges before it happens."""

from __future__ import annotations

import json

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF

from portal_desktop.ui.i18n import tr
from portal_desktop.ui.transcript.cards import arguments_text
from portal_desktop.ui.transcript.drawing import Canvas, Hit, Look, button_at, chip_width
from portal_desktop.ui.transcript.inner import InnerText
from portal_desktop.ui.transcript.items import Item, Kit
from portal_desktop.ui.transcript.message import Action, Approval
from portal_desktop.ui.transcript.safe_text import has_hidden, visible

WHOLE = 2_000_000
"""Characters of arguments that are shown; a call's arguments are capped far below this."""

_POWERS = {
    "look": ("search", "plain"),
    "change": ("file", "warn"),
    "online": ("globe", "warn"),
    "run": ("terminal", "bad"),
}


class ApprovalItem(Item):
    """The question whether a call may run: what will change, the exact thing, its power, why it asks, how long."""

    gap = 12

    def __init__(self, kit: Kit, request: Approval, since: float) -> None:
        super().__init__(kit)
        self.request = request
        self._since = since or kit.clock.monotonic()
        arguments = request.call.arguments
        diff = arguments.get("diff")
        self._inner = InnerText(kit, code=True, diff=isinstance(diff, str), limit=WHOLE)
        rest = {key: value for key, value in arguments.items() if key != "diff"} if isinstance(diff, str) else arguments
        text = arguments_text(rest, raw=request.call.raw)
        self._inner.set_text(f"{text}\n{visible(diff)}".strip("\n") if isinstance(diff, str) else text)
        self._hits: list[Hit] = []
        judged = json.dumps(dict(arguments), ensure_ascii=False, default=str)
        hidden = any(has_hidden(part) for part in (judged, request.call.raw, request.tool_title, request.sentence))
        self._warning = InnerText(kit, code=False) if hidden else None
        self._sentence = InnerText(kit, code=False)
        self._reason = InnerText(kit, code=False)
        self._reason.set_text(tr("asks because: {reason}", reason=visible(request.reason)))
        self._marks: dict[str, float] = {}

    def live(self) -> bool:
        """Its time runs."""
        return True

    def left(self) -> float:
        """Return the share of its time that is left, 0-1."""
        whole = self.request.deadline_seconds
        return max(0.0, 1 - (self.kit.clock.monotonic() - self._since) / whole) if whole > 0 else 0.0

    def estimate(self, width: int) -> int:
        """A card of middle size."""
        del width
        return self.kit.theme.px(190)

    def layout(self, width: int) -> int:
        """Place title, sentence, arguments and buttons below each other."""
        theme = self.kit.theme
        margin = theme.px(14)
        y = theme.px(42)
        title, sentence = visible(self.request.tool_title), visible(self.request.sentence)
        fits = QFontMetricsF(theme.font(bold=True)).horizontalAdvance(title) <= self._title_space(width)
        self._sentence.set_text(sentence if fits else f"{title}\n{sentence}")
        y += self._sentence.layout(width - 2 * margin) + theme.px(10)
        self._marks = {"sentence": theme.px(44), "warning": y - theme.px(4)}
        if self._warning is not None:
            self._warning.set_text(tr("Holds characters that cannot be seen; they are written out as ⟦U+…⟧"))
            y += self._warning.layout(width - 2 * margin) + theme.px(6)
        pad = 0 if self._inner.diff else theme.px(6)
        self._marks["line"] = y
        self._marks["arguments"] = y + 1 + pad
        y += 1 + self._inner.layout(width - 2 * margin) + 1 + 2 * pad
        self._marks["buttons"] = y
        self._hits = []
        x = float(margin)
        for action, label, look in (
            (Action.ALLOW, tr("Allow once"), Look.PRIMARY),
            (Action.DENY, tr("Deny"), Look.PLAIN),
        ):
            hit = button_at(
                theme, QPointF(x, y + theme.px(10)), action, label, look=look, argument=self.request.call.id
            )
            self._hits.append(hit)
            x += hit.rect.width() + theme.px(8)
        y += int(theme.px(10) + theme.size("control"))
        self._marks["reason"] = x + theme.px(8)
        self._marks["below"] = 0
        reason = tr("asks because: {reason}", reason=visible(self.request.reason))
        if QFontMetricsF(theme.font("small")).horizontalAdvance(reason) > width - margin - self._marks["reason"]:
            self._marks["below"] = y + theme.px(6)
            y += theme.px(6) + self._reason.layout(width - 2 * margin)
        return y + theme.px(14)

    def _title_space(self, width: int) -> float:
        """Return the width that is left for the title beside icon, chips and the note about undoing."""
        theme = self.kit.theme
        chips = sum(chip_width(theme, _power_name(word)) + theme.px(8) for word in self.request.powers)
        undo = QFontMetricsF(theme.font("small")).horizontalAdvance(self._undo())
        return max(theme.px(80), width - theme.px(14 + 24 + 14 + 16) - undo - chips)

    def _undo(self) -> str:
        return tr("can be undone") if self.request.undoable else tr("cannot be undone")

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the card as in `looks/chat-*.png`."""
        theme, painter = canvas.theme, canvas.painter
        rect = QRectF(0, 0, width, self._height - theme.px(self.gap))
        radius = theme.radius("card")
        canvas.shadow(rect, radius)
        canvas.box(rect, radius, "surface", "line")
        self._paint_head(canvas, width)
        margin = theme.px(14)
        self._sentence.paint(canvas, QPointF(margin, self._marks["sentence"]), width - 2 * margin, color="muted")
        if self._warning is not None:
            self._warning.paint(canvas, QPointF(margin, self._marks["warning"]), width - 2 * margin, color="warn")
        for y in (self._marks["line"], self._marks["buttons"] - 1):
            painter.fillRect(QRectF(1, y, width - 2, 1), theme.color("line"))
        place = QPointF(margin, self._marks["arguments"])
        self._inner.paint(canvas, place, width - 2 * margin, margin=margin - 1)
        for hit in self._hits:
            canvas.button(hit)
        start = self._marks["reason"]
        button = self._hits[0].rect
        reason = tr("asks because: {reason}", reason=visible(self.request.reason))
        if self._marks["below"]:
            self._reason.paint(canvas, QPointF(margin, self._marks["below"]), width - 2 * margin, color="muted")
        else:
            space = QRectF(start, button.y(), width - margin - start, button.height())
            canvas.text(space, reason, theme.font("small"), "muted", right=True)
        self._paint_bar(canvas, rect, radius)

    def _paint_head(self, canvas: Canvas, width: int) -> None:
        theme = canvas.theme
        margin, height = theme.px(14), theme.px(26)
        top = theme.px(12)
        power = next((word for word in ("run", "online", "change", "look") if word in self.request.powers), "change")
        icon = _POWERS[power][0]
        canvas.icon(margin, top + theme.px(5), icon, "text", 16)
        undo = self._undo()
        right = QFontMetricsF(theme.font("small")).horizontalAdvance(undo)
        x = margin + theme.px(24.0)
        title = visible(self.request.tool_title)
        space = self._title_space(width)
        x += int(canvas.text(QRectF(x, top, space, height), title, theme.font(bold=True), "text")) + theme.px(8)
        for word in self.request.powers:
            tone = _POWERS.get(word, ("", "warn"))[1]
            fill, color, line = ("surface", "muted", "line") if tone == "plain" else (f"{tone}_soft", tone, "")
            x += int(canvas.chip(x, top, _power_name(word), fill, color, line=line)) + theme.px(6)
        canvas.text(
            QRectF(width - margin - right, top, right + 1, height), undo, theme.font("small"), "muted", right=True
        )

    def _paint_bar(self, canvas: Canvas, rect: QRectF, radius: float) -> None:
        painter, thick = canvas.painter, canvas.theme.px(3)
        painter.save()
        canvas.clipped(rect.adjusted(1, 1, -1, 0), radius)
        painter.fillRect(QRectF(0, rect.height() - thick, rect.width(), thick), canvas.theme.color("line"))
        width = rect.width() * self.left()
        painter.fillRect(QRectF(0, rect.height() - thick, width, thick), canvas.theme.color("warn"))
        painter.restore()

    def hits(self) -> list[Hit]:
        """Return the buttons."""
        return self._hits

    def wheel(self, pixels: int, x: float, y: float) -> bool:
        """Scroll long arguments."""
        del x
        return self._marks["arguments"] <= y < self._marks["buttons"] and self._inner.wheel(pixels)

    def spoken(self) -> str:
        """Return the question with its exact arguments."""
        request = self.request
        return f"{visible(request.tool_title)}. {visible(request.sentence)} {arguments_text(request.call.arguments)}"

    def markdown(self) -> str:
        """A question is not copied with the answer."""
        return ""


def _power_name(power: str) -> str:
    names = {"look": tr("Look"), "change": tr("Change"), "online": tr("Go online"), "run": tr("Run programs")}
    return names.get(power, power)
