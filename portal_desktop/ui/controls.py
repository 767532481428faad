"""The small parts every page is built from. Each interactive one is born with a name, a tooltip and its keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.room import free_place
from portal_desktop.ui.shortcuts import with_keys

TOAST_MS = 10_000
TOAST_TOP = 58
SHADOW_STEPS = 8


def named(widget: QWidget, name: str, command: str = "") -> None:
    """Give a control its accessible name and a tooltip that ends with the command's keys."""
    widget.setAccessibleName(name)
    widget.setToolTip(with_keys(name, command) if command else name)


class _Tint(QObject):
    """Redraws a button's icon for each theme, for as long as the button lives."""

    def __init__(self, button: QAbstractButton, look: Look, icon: str, color: str) -> None:
        super().__init__(button)
        self._button = button
        self._look = look
        self._icon = icon
        self._color = color
        look.changed.connect(self.draw)
        self.draw()

    def draw(self) -> None:
        """Set the icon."""
        self._button.setIcon(self._look.icon(self._icon, self._color))
        side = self._look.theme.px(18)
        self._button.setIconSize(QSize(side, side))


def tint(button: QAbstractButton, look: Look, icon: str, color: str = "muted") -> None:
    """Give a button an icon that follows the theme."""
    _Tint(button, look, icon, color)


def push_button(
    text: str, run: Callable[[], object], *, name: str = "", command: str = "", kind: str = ""
) -> QPushButton:
    """Return a button with words on it; `kind` is its look in the style sheet."""
    button = QPushButton(text)
    if kind:
        button.setProperty("kind", kind)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    named(button, name or text, command)
    button.clicked.connect(lambda _checked=False: run())
    return button


def icon_button(
    look: Look,
    icon: str,
    name: str,
    run: Callable[[], object] | None = None,
    *,
    command: str = "",
    kind: str = "",
    color: str = "muted",
) -> QToolButton:
    """Return a button with an icon on it."""
    button = QToolButton()
    if kind:
        button.setProperty("kind", kind)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    named(button, name, command)
    tint(button, look, icon, color)
    if run is not None:
        button.clicked.connect(lambda _checked=False: run())
    return button


class PillButton(QPushButton):
    """A quiet outlined control: an icon, a word, and a chevron when it opens something."""

    def __init__(
        self, look: Look, text: str, name: str, *, icon: str = "", opens: bool = False, command: str = ""
    ) -> None:
        super().__init__(text)
        self._look = look
        self._opens = opens
        self.setProperty("kind", "chip")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        named(self, name, command)
        if icon:
            tint(self, look, icon)

    def sizeHint(self) -> QSize:
        """Return the room for icon, words and chevron."""
        theme = self._look.theme
        width = self.fontMetrics().horizontalAdvance(self.text()) + 2 * theme.px(11)
        width += 0 if self.icon().isNull() else theme.px(16 + 6)
        return QSize(width + (theme.px(14 + 6) if self._opens else 0), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return the same: a word cut in half tells nothing."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the frame of the style sheet, then icon, words and chevron from the leading edge."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text, option.icon = "", QIcon()
        icon, text = self.icon(), self.text()
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        theme = self._look.theme
        mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        room = self.rect().adjusted(theme.px(11), 0, -theme.px(11), 0)
        leading, trailing = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        if mirrored:
            leading, trailing = trailing, leading
        middle = Qt.AlignmentFlag.AlignVCenter
        if not icon.isNull():
            self._paint_icon(painter, icon, 16, leading | middle, room)
            room.adjust(0 if mirrored else theme.px(22), 0, -theme.px(22) if mirrored else 0, 0)
        painter.setPen(theme.color("muted" if self.isEnabled() else "faint"))
        painter.drawText(room, leading | middle, text)
        if self._opens:
            self._paint_icon(painter, self._look.icon("chevron-down"), 14, trailing | middle, room)

    def _paint_icon(self, painter: QPainter, icon: QIcon, side: int, place: Qt.AlignmentFlag, room: QRect) -> None:
        size = QSize(self._look.theme.px(side), self._look.theme.px(side))
        icon.paint(painter, QStyle.alignedRect(Qt.LayoutDirection.LeftToRight, place, size, room))


class PaintedButton(QPushButton):
    """A button that draws its own ground: nothing, or an outlined surface; hover and focus are always shown."""

    def __init__(self, look: Look, *, radius: str = "control", outlined: bool = False) -> None:
        super().__init__()
        self._look = look
        self._radius = radius
        self._outlined = outlined
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        look.changed.connect(self.update)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ground and the ring; the content is in the layout or drawn by a subclass."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._look.theme
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.radius(self._radius)
        hovered = self.underMouse() and self.isEnabled()
        painter.setPen(theme.color("line") if self._outlined else Qt.PenStyle.NoPen)
        ground = "hover" if hovered or self.isDown() else "surface"
        painter.setBrush(theme.color(ground) if hovered or self._outlined else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(body, radius, radius)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        self.draw(painter)

    def draw(self, painter: QPainter) -> None:
        """Draw what is not in the layout."""


class AccentRow(PaintedButton):
    """An icon and a word in the accent colour across the whole width: the one thing a list can begin with."""

    def __init__(self, look: Look, icon: str, text: str, command: str = "") -> None:
        super().__init__(look)
        self._icon = icon
        self.setText(text)
        named(self, text, command)

    def sizeHint(self) -> QSize:
        """Return the height of a row."""
        return QSize(super().sizeHint().width(), self._look.theme.size("row"))

    def draw(self, painter: QPainter) -> None:
        """Draw icon and word."""
        theme = self._look.theme
        side = theme.px(18)
        left = theme.px(10)
        pixmap = theme.pixmap(self._icon, "accent", 18, self.devicePixelRatioF())
        painter.drawPixmap(left, (self.height() - side) // 2, pixmap)
        font = theme.font("body")
        font.setWeight(font.Weight.Medium)
        painter.setFont(font)
        painter.setPen(theme.color("accent"))
        words = self.rect().adjusted(left + side + theme.px(8), 0, -left, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())


class FloatCard(QFrame):
    """A rounded surface with the one soft shadow. The shadow lies inside the widget's own margins."""

    def __init__(self, look: Look, radius: str = "composer", shadow: int = 8) -> None:
        super().__init__()
        self._look = look
        self._radius = radius
        self._shadow = shadow
        self.lit = False
        look.changed.connect(self.update)
        self.setContentsMargins(shadow, shadow // 2, shadow, shadow)

    def light(self, *, on: bool) -> None:
        """Show the focus ring, or take it away."""
        self.lit = on
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw shadow, surface and border."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.contentsRect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = self._look.theme.radius(self._radius)
        paint_shadow(painter, body, radius, self._look.color("shadow"), self._shadow)
        painter.setBrush(self._look.color("surface"))
        painter.setPen(self._look.color("accent" if self.lit else "line"))
        painter.drawRoundedRect(body, radius, radius)


def paint_shadow(painter: QPainter, body: QRectF, radius: float, color: QColor, reach: int) -> None:
    """Paint a soft shadow around a rounded rectangle, a little below it."""
    painter.setPen(Qt.PenStyle.NoPen)
    shade = QColor(color)
    shade.setAlphaF(color.alphaF() / SHADOW_STEPS)
    painter.setBrush(shade)
    for step in range(SHADOW_STEPS, 0, -1):
        grown = reach * (step / SHADOW_STEPS) ** 1.6
        painter.drawRoundedRect(body.adjusted(-grown, -grown * 0.4, grown, grown), radius + grown, radius + grown)


class SearchField(QLineEdit):
    """A line with a lens and its keys; Esc empties it first and gives the focus back second."""

    left = Signal()
    down = Signal()

    def __init__(self, look: Look, placeholder: str, name: str, command: str = "") -> None:
        super().__init__()
        self._look = look
        self.setPlaceholderText(placeholder)
        named(self, name, command)
        self._lens = self.addAction(look.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        look.changed.connect(self._draw)
        self._keys = plain_label("")
        self._keys.setParent(self)
        self._keys.setProperty("chip", "key")
        self._keys.setVisible(False)
        self.textChanged.connect(lambda _text: self._place_keys())

    def show_keys(self, text: str) -> None:
        """Show the keys that lead here at the end of the empty line."""
        self._keys.setText(text)
        self._place_keys()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the keys at the end."""
        super().resizeEvent(event)
        self._place_keys()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc clears or leaves; down goes to the list."""
        if event.key() == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                self.left.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.down.emit()
        else:
            super().keyPressEvent(event)

    def _draw(self) -> None:
        self._lens.setIcon(self._look.icon("search"))

    def _place_keys(self) -> None:
        self._keys.setVisible(bool(self._keys.text()) and not self.text())
        self._keys.adjustSize()
        x = self.width() - self._keys.width() - self._look.theme.px(10)
        self._keys.move(x, (self.height() - self._keys.height()) // 2)


class Toast(FloatCard):
    """One sentence that floats over a page for ten seconds, with at most one thing to do about it."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(look, "card", 8)
        self._page = parent
        self.setParent(parent)
        self.setAccessibleName(tr("Notice"))
        self._text = plain_label()
        self._action = push_button("", self._act, name=tr("Undo"), kind="link")
        self._run: Callable[[], object] | None = None
        close = icon_button(look, "x", tr("Dismiss"), self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 6, 6)
        row.setSpacing(8)
        row.addWidget(self._text, 1)
        row.addWidget(self._action)
        row.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOAST_MS)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def say(self, text: str, action: str = "", run: Callable[[], object] | None = None) -> None:
        """Show a sentence; the action's button runs once."""
        self._text.setText(text)
        self._run = run
        self._action.setVisible(run is not None)
        self._action.setText(action)
        self._action.setAccessibleName(f"{action}: {text}" if action else text)
        self._place()
        self.show()
        self.raise_()
        self._timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place when the page changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        page = self._page
        widest = page.width() - 32
        self.setMaximumWidth(max(120, widest))
        self.adjustSize()
        self.move(free_place(page, self, self.size(), TOAST_TOP))

    def _act(self) -> None:
        run, self._run = self._run, None
        self.hide()
        if run is not None:
            run()


class EmptyState(QWidget):
    """What an empty view says: an icon, what it is for, and what to do next."""

    def __init__(self, look: Look, icon: str, title: str, text: str, buttons: Sequence[QPushButton] = ()) -> None:
        super().__init__()
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = plain_label(title, role="page_title")
        self.text = plain_label(text, role="muted", wrap=True)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        for label in (self._picture, self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        row = QVBoxLayout() if len(buttons) > 2 else QHBoxLayout()
        row.setSpacing(8)
        for button in buttons:
            row.addWidget(button)
        column.addSpacing(8)
        column.addLayout(row)
        column.setAlignment(row, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        self._icon = icon
        self._look = look
        look.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        self._picture.setPixmap(self._look.theme.pixmap(self._icon, "faint", 34, self.devicePixelRatioF()))


class ElidedLabel(QLabel):
    """One line of plain text that ends in … where there is no room; the tooltip then holds all of it."""

    clicked = Signal()

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._whole = ""
        self.show_text(text)

    @property
    def whole(self) -> str:
        """The text without shortening."""
        return self._whole

    def show_text(self, text: str) -> None:
        """Show a text, as much of it as fits."""
        self._whole = " ".join(text.split())
        self.setAccessibleName(self._whole)
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:
        """Return the room for the whole text."""
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return room for a few letters."""
        return QSize(40, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten anew."""
        super().resizeEvent(event)
        self._fit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell a double click."""
        super().mouseDoubleClickEvent(event)
        self.clicked.emit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(40, self.width()))
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class Dot(QWidget):
    """A small round mark whose colour tells a state; words beside it say the same."""

    def __init__(self, look: Look, color: str = "accent", *, hollow: bool = False) -> None:
        super().__init__()
        self._look = look
        self._color = color
        self._hollow = hollow
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Return seven pixels and a little air."""
        side = self._look.theme.px(9)
        return QSize(side, side)

    def become(self, color: str, *, hollow: bool = False) -> None:
        """Show another state."""
        self._color, self._hollow = color, hollow
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the dot in the middle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._look.color(self._color)
        painter.setPen(color)
        painter.setBrush(Qt.BrushStyle.NoBrush if self._hollow else color)
        radius = self._look.theme.px(6) / 2
        painter.drawEllipse(QPointF(self.rect().center()) + QPointF(0.5, 0.5), radius, radius)


def styled_menu(parent: QWidget, name: str) -> QMenu:
    """Return a menu with a name; open it with `popup`, never with `exec`."""
    menu = QMenu(parent)
    menu.setAccessibleName(name)
    menu.setWindowFlag(Qt.WindowType.NoDropShadowWindowHint, on=False)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return menu
