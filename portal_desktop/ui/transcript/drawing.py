"""What the items of the transcript draw with: rounded boxes, buttons, chips, lines of text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from portal_desktop.ui.theme import Theme


class Look(StrEnum):
    """How something that can be pressed is drawn."""

    PRIMARY = "primary"
    PLAIN = "plain"
    LINK = "link"
    ICON = "icon"
    AREA = "area"


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that can be pressed, in the coordinates of its item. `action` is an `Action` or the item's own word."""

    rect: QRectF
    action: str
    argument: str = ""
    label: str = ""
    look: Look = Look.AREA
    icon: str = ""
    enabled: bool = True

    def same(self, other: Hit | None) -> bool:
        """Return whether the other is the same button, perhaps drawn elsewhere."""
        return other is not None and (self.action, self.argument) == (other.action, other.argument)

    def moved(self, x: float, y: float) -> Hit:
        """Return the same button somewhere else."""
        return replace(self, rect=self.rect.translated(x, y))


@dataclass(slots=True)
class Canvas:
    """One paint event, as an item sees it: the painter stands at the item's top left corner."""

    painter: QPainter
    theme: Theme
    ratio: float
    now: float
    clip: QRectF
    hot: Hit | None = None
    focus: Hit | None = None
    hovered: bool = False
    selection: tuple[int, int] | None = None

    def box(self, rect: QRectF, radius: float, fill: str = "", line: str = "") -> None:
        """Draw a rounded box with a crisp 1 px line."""
        painter = self.painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.theme.color(line), 1) if line else Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color(fill) if fill else Qt.BrushStyle.NoBrush)
        inner = rect.adjusted(0.5, 0.5, -0.5, -0.5) if line else rect
        painter.drawRoundedRect(inner, radius, radius)

    def shadow(self, rect: QRectF, radius: float) -> None:
        """Draw the one soft shadow of what floats."""
        painter = self.painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        color = QColor(self.theme.color("shadow"))
        whole = color.alphaF()
        for step in range(6, 0, -1):
            color.setAlphaF(whole * 0.16)
            painter.setBrush(color)
            grown = rect.adjusted(-step * 0.7, -step * 0.2, step * 0.7, step * 1.6)
            painter.drawRoundedRect(grown, radius + step, radius + step)

    def text(self, rect: QRectF, text: str, font: QFont, color: str, *, right: bool = False) -> float:
        """Draw one line, elided where it does not fit, and return the width it took."""
        metrics = QFontMetricsF(font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        self.painter.setFont(font)
        self.painter.setPen(self.theme.color(color))
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        self.painter.drawText(rect, int(side | Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine), shown)
        return metrics.horizontalAdvance(shown)

    def icon(self, x: float, y: float, name: str, color: str, size: float = 18) -> None:
        """Draw an icon; `size` is before zoom."""
        self.painter.drawPixmap(QPointF(x, y), self.theme.pixmap(name, color, size, self.ratio))

    def chip(self, x: float, y: float, text: str, fill: str, color: str, *, line: str = "") -> float:
        """Draw a chip and return its width."""
        theme = self.theme
        font = theme.font("small")
        width = chip_width(theme, text)
        rect = QRectF(x, y, width, theme.size("chip"))
        self.box(rect, theme.radius("chip"), fill, line)
        self.text(rect.adjusted(theme.px(9), 0, 0, 0), text, font, color)
        return width

    def button(self, hit: Hit) -> None:
        """Draw what can be pressed, with its hover and its focus ring."""
        theme, rect = self.theme, hit.rect
        hot = hit.same(self.hot)
        radius = theme.radius("control")
        match hit.look:
            case Look.PRIMARY:
                self.box(rect, radius, "accent_hover" if hot else "accent")
                self._label(hit, "on_accent")
            case Look.PLAIN:
                self.box(rect, radius, "hover" if hot else "surface", "line")
                self._label(hit, "text")
            case Look.LINK:
                if hot:
                    self.box(rect, theme.radius("chip"), "accent_soft")
                self._label(hit, "accent")
            case Look.ICON:
                if hot:
                    self.box(rect, theme.radius("chip"), "hover")
                size = 15.0
                inset = (rect.width() - theme.px(size)) / 2
                color = "text" if hot else "muted" if hit.enabled else "faint"
                self.icon(rect.x() + inset, rect.y() + inset, hit.icon, color, size)
            case Look.AREA:
                pass
        if hit.same(self.focus):
            self.ring(rect, radius)

    def ring(self, rect: QRectF, radius: float) -> None:
        """Draw the focus ring around something."""
        self.painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.painter.setPen(QPen(self.theme.color("focus"), 2))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), radius, radius)

    def _label(self, hit: Hit, color: str) -> None:
        font = button_font(self.theme)
        self.painter.setFont(font)
        self.painter.setPen(self.theme.color(color))
        self.painter.drawText(hit.rect, Qt.AlignmentFlag.AlignCenter, hit.label)

    def clipped(self, rect: QRectF, radius: float = 0) -> None:
        """Limit drawing to a box; the caller saves and restores the painter."""
        if radius:
            path = QPainterPath()
            path.addRoundedRect(rect, radius, radius)
            self.painter.setClipPath(path, Qt.ClipOperation.IntersectClip)
        else:
            self.painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)


def button_font(theme: Theme) -> QFont:
    """Return the letters of a button."""
    font = theme.font()
    font.setWeight(QFont.Weight.Medium)
    return font


def chip_width(theme: Theme, text: str) -> float:
    """Return the width of a chip with a text."""
    return QFontMetricsF(theme.font("small")).horizontalAdvance(text) + 2 * theme.px(9)


def button_at(theme: Theme, place: QPointF, action: str, label: str, *, look: Look, argument: str = "") -> Hit:
    """Return a button wide enough for its label; right-aligned ones are moved by the caller."""
    padding = theme.px(14 if look is not Look.LINK else 6)
    width = QFontMetricsF(button_font(theme)).horizontalAdvance(label) + 2 * padding
    height = theme.size("control") if look is not Look.LINK else theme.px(26)
    return Hit(QRectF(place.x(), place.y(), width, height), action, argument, label, look)


def icon_at(theme: Theme, place: QPointF, action: str, icon: str, *, label: str) -> Hit:
    """Return a small button that is an icon; its label is spoken and shown as a tip."""
    side = theme.px(24)
    return Hit(QRectF(place.x(), place.y(), side, side), action, "", label, Look.ICON, icon)
