"""Mouse and keyboard in the transcript: what lies under the pointer, what has the focus, what gets selected."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QScrollBar, QToolTip, QWidget

from portal_desktop.ui.i18n import tr
from portal_desktop.ui.transcript.accessible import announce
from portal_desktop.ui.transcript.code import CodeItem
from portal_desktop.ui.transcript.drawing import Hit, Look
from portal_desktop.ui.transcript.entry import Entry
from portal_desktop.ui.transcript.follow import BottomFollow
from portal_desktop.ui.transcript.items import DocumentItem, Item, Kit, LinkAt
from portal_desktop.ui.transcript.rich import LOAD_SCHEME
from portal_desktop.ui.transcript.selection import Selection, Spot
from portal_desktop.ui.transcript.stack import Placed, Stack

DRAG_SCROLL_MILLISECONDS = 40
EVENTS = frozenset(
    {
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.Wheel,
        QEvent.Type.Leave,
        QEvent.Type.ToolTip,
        QEvent.Type.ContextMenu,
    }
)
"""The events of the viewport that concern the content."""


class Surface(Protocol):
    """What this needs of the view."""

    stack: Stack
    selection: Selection
    follow: BottomFollow

    @property
    def kit(self) -> Kit:
        """What the items share."""
        ...

    def viewport(self) -> QWidget:
        """Return the widget that is painted."""
        ...

    def verticalScrollBar(self) -> QScrollBar:
        """Return the bar whose value is the place being shown."""
        ...

    def hasFocus(self) -> bool:
        """Return whether the keyboard is here."""
        ...

    def item_rect(self, placed: Placed) -> QRect:
        """Return where an item stands in the viewport."""
        ...

    def entry_in_sight(self, entry: Entry) -> QRect:
        """Return where a message stands in the viewport."""
        ...

    def placed_in_sight(self) -> list[Placed]:
        """Return the items in sight."""
        ...

    def press(self, entry: Entry, item: Item, hit: Hit) -> None:
        """Do what a button says."""
        ...

    def hover(self, target: str) -> None:
        """Tell which link is under the pointer."""
        ...

    def open_link(self, entry: Entry, link: LinkAt) -> None:
        """Tell that a link was clicked."""
        ...

    def copy(self) -> None:
        """Copy the selection."""
        ...

    def put(self, text: str, markdown: str = "") -> None:
        """Put a text on the clipboard."""
        ...

    def to_end(self) -> None:
        """Go to the end."""
        ...

    def show_message(self, message_id: int) -> None:
        """Bring a message to the top."""
        ...

    def take_keyboard(self) -> None:
        """Get the focus because of a click."""
        ...


class Pointer:
    """Handles the input of one view, which hands every event of its viewport and every key on."""

    def __init__(self, view: Surface) -> None:
        self._view = view
        self._hot: tuple[Item, Hit] | None = None
        self._hovered: Entry | None = None
        self._focus: tuple[Entry, Item, Hit] | None = None
        self._current: Entry | None = None
        self._pressed: tuple[Item, Hit] | None = None
        self._link = ""
        self._dragging = False
        self._place = QPoint()
        self._scroller = QTimer(view.viewport(), interval=DRAG_SCROLL_MILLISECONDS)
        self._scroller.timeout.connect(self._drag_on)

    def forget(self) -> None:
        """Forget everything that points into items which are no more."""
        self._hot = self._focus = self._pressed = None
        self._hovered = self._current = None
        self._dragging = False
        self._view.follow.selecting = False

    def hot_in(self, item: Item) -> Hit | None:
        """Return the button of an item that is under the pointer."""
        return self._hot[1] if self._hot is not None and self._hot[0] is item else None

    def focus_in(self, item: Item) -> Hit | None:
        """Return the button of an item that has the keyboard."""
        return self._focus[2] if self._focus is not None and self._focus[1] is item else None

    def hovers(self, entry: Entry) -> bool:
        """Return whether the pointer or the keyboard is at a message."""
        return entry is self._hovered or entry is self._current

    def drop_focus(self) -> None:
        """Let the keyboard leave."""
        self._focus = None

    def take(self, event: QEvent) -> bool:
        """Take an event of the viewport; False leaves it to Qt."""
        kind = event.type()
        if isinstance(event, QMouseEvent):
            return self._mouse(kind, event)
        if isinstance(event, QWheelEvent):
            return self._wheel(event)
        if kind == QEvent.Type.Leave:
            self._leave()
        elif isinstance(event, QHelpEvent):
            self._tip(event)
            return True
        elif isinstance(event, QContextMenuEvent):
            self._menu(event.globalPos())
            return True
        return False

    def _mouse(self, kind: QEvent.Type, event: QMouseEvent) -> bool:
        place = event.position().toPoint()
        left = event.button() == Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseMove:
            self._moved(place, event)
        elif kind == QEvent.Type.MouseButtonPress and left:
            self._press(place, extend=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif kind == QEvent.Type.MouseButtonRelease and left:
            self._release(place)
        elif kind == QEvent.Type.MouseButtonDblClick and left:
            self._select_word(place)
        else:
            return False
        return True

    def at(self, place: QPoint) -> tuple[Placed, QPointF] | None:
        """Return the item under a point of the viewport, and the point inside it."""
        view = self._view
        value = view.verticalScrollBar().value()
        for placed in view.stack.placed(value + place.y(), value + place.y() + 1):
            top = view.item_rect(placed).topLeft() + QPoint(0, view.kit.theme.px(placed.item.top_gap()))
            return placed, QPointF(place - top)
        return None

    def _hit(self, place: QPoint) -> tuple[Placed, Hit] | None:
        found = self.at(place)
        if found is None:
            return None
        placed, point = found
        hits = [hit for hit in placed.item.hits() if hit.rect.contains(point)]
        return (placed, min(hits, key=lambda hit: hit.rect.width())) if hits else None

    def _link_at(self, place: QPoint) -> LinkAt | None:
        found = self.at(place)
        if found is None:
            return None
        placed, point = found
        return placed.item.link_at(point.x(), point.y())

    def spot(self, place: QPoint) -> Spot | None:
        """Return the place in the text next to a point of the viewport."""
        found = self.at(place)
        stack = self._view.stack
        if found is None:
            if not stack.entries or not stack.entries[-1].items:
                return None
            if place.y() < 0:
                return Spot(0, 0, 0)
            last = stack.entries[-1]
            return Spot(len(stack.entries) - 1, len(last.items) - 1, 1 << 30)
        placed, point = found
        number = stack.number(placed.entry.message.id) or 0
        return Spot(number, placed.index, placed.item.text_at(point.x(), point.y()))

    def _moved(self, place: QPoint, event: QMouseEvent) -> None:
        view = self._view
        self._place = place
        if self._dragging and event.buttons() & Qt.MouseButton.LeftButton:
            inside = view.viewport().rect().contains(QPoint(1, place.y()))
            self._scroller.stop() if inside else self._scroller.start()
            self._extend(place)
            return
        found = self._hit(place)
        hot = None if found is None else (found[0].item, found[1])
        below = self.at(place)
        hovered = None if below is None else below[0].entry
        if hovered is not self._hovered or hot != self._hot:
            changed = [entry for entry in (hovered, self._hovered) if entry is not None]
            self._hovered, self._hot = hovered, hot
            for entry in changed:
                if view.stack.number(entry.message.id) is not None:
                    view.viewport().update(view.entry_in_sight(entry))
        link = self._link_at(place)
        self._hover_link(link)
        self._shape(hot, link, below)

    def _tip(self, event: QHelpEvent) -> None:
        """Say what an icon does once the pointer rests on it."""
        if self._hot is not None and self._hot[1].look is Look.ICON:
            QToolTip.showText(event.globalPos(), _plain(self._hot[1].label), self._view.viewport())

    def _shape(self, hot: tuple[Item, Hit] | None, link: LinkAt | None, below: tuple[Placed, QPointF] | None) -> None:
        shape = Qt.CursorShape.ArrowCursor
        if hot is not None or link is not None:
            shape = Qt.CursorShape.PointingHandCursor
        elif below is not None and isinstance(below[0].item, DocumentItem):
            shape = Qt.CursorShape.IBeamCursor
        self._view.viewport().setCursor(shape)

    def _hover_link(self, link: LinkAt | None) -> None:
        shown = ""
        if link is not None:
            shown = link.target.removeprefix(LOAD_SCHEME)
            if link.warning:
                shown = f"{shown}  ({tr(link.warning)})"
        if shown != self._link:
            self._link = shown
            self._view.hover(shown)

    def _leave(self) -> None:
        self._hot = None
        self._hovered = None
        self._hover_link(None)
        self._view.viewport().update()

    def _press(self, place: QPoint, *, extend: bool) -> None:
        view = self._view
        view.take_keyboard()
        found = self._hit(place)
        if found is not None:
            self._pressed = (found[0].item, found[1])
            return
        spot = self.spot(place)
        if spot is None:
            return
        self._dragging = True
        view.follow.selecting = True
        if extend:
            view.selection.extend(spot)
        else:
            view.selection.begin(spot)
        view.viewport().update()

    def _extend(self, place: QPoint) -> None:
        spot = self.spot(place)
        if spot is not None:
            self._view.selection.extend(spot)
            self._view.viewport().update()

    def _drag_on(self) -> None:
        """Scroll while the mouse is held outside the view."""
        view = self._view
        height = view.viewport().height()
        away = self._place.y() if self._place.y() < 0 else max(0, self._place.y() - height)
        if not self._dragging or not away:
            self._scroller.stop()
            return
        bar = view.verticalScrollBar()
        bar.setValue(bar.value() + max(-60, min(60, away)))
        self._extend(QPoint(self._place.x(), max(0, min(height - 1, self._place.y()))))

    def _release(self, place: QPoint) -> None:
        view = self._view
        self._scroller.stop()
        pressed, self._pressed = self._pressed, None
        if pressed is not None:
            found = self._hit(place)
            if found is not None and found[0].item is pressed[0] and found[1].same(pressed[1]):
                view.press(found[0].entry, found[0].item, found[1])
            return
        self._dragging = False
        selected = view.selection.bounds() is not None
        view.follow.selecting = selected
        below = self.at(place)
        if not selected and below is not None and (link := self._link_at(place)) is not None:
            view.open_link(below[0].entry, link)

    def _select_word(self, place: QPoint) -> None:
        found = self.at(place)
        view = self._view
        item = None if found is None else found[0].item
        if found is None or not isinstance(item, DocumentItem) or self._hit(place):
            return
        placed, point = found
        cursor = QTextCursor(item.document())
        cursor.setPosition(placed.item.text_at(point.x(), point.y()))
        cursor.select(QTextCursor.SelectionType.WordUnderCursor)
        number = view.stack.number(placed.entry.message.id) or 0
        view.selection.span(
            Spot(number, placed.index, cursor.selectionStart()), Spot(number, placed.index, cursor.selectionEnd())
        )
        view.follow.selecting = True
        view.viewport().update()

    def _wheel(self, event: QWheelEvent) -> bool:
        """Give inner areas the first chance; Ctrl+wheel belongs to the zoom of the window."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return True
        found = self.at(event.position().toPoint())
        if found is None:
            return False
        placed, point = found
        pixels = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
        sideways = pixels.x() or (pixels.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if sideways and isinstance(placed.item, CodeItem):
            taken = placed.item.scroll_sideways(-sideways)
        else:
            taken = placed.item.wheel(-pixels.y(), point.x(), point.y())
        if taken:
            self._view.viewport().update(self._view.entry_in_sight(placed.entry))
        return taken or bool(sideways)

    def key(self, event: QKeyEvent) -> bool:
        """Take a key; False leaves it to Qt."""
        view = self._view
        if event.matches(QKeySequence.StandardKey.Copy):
            view.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            last = len(view.stack.entries) - 1
            view.selection.span(Spot(0, 0, 0), Spot(max(0, last), 1 << 30, 1 << 30))
            view.follow.selecting = True
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier and event.key() in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self._step(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space} and self._focus is not None:
            entry, item, hit = self._focus
            view.press(entry, item, hit)
        elif event.key() == Qt.Key.Key_Escape and view.selection.bounds() is not None:
            view.selection.clear()
            view.follow.selecting = False
        else:
            return self._scroll_key(event)
        view.viewport().update()
        return True

    def _scroll_key(self, event: QKeyEvent) -> bool:
        bar = self._view.verticalScrollBar()
        if event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            self._view.to_end()
        else:
            return False
        return True

    def _step(self, direction: int) -> None:
        """Move to the message before or after; it is shown at the top and marked."""
        view = self._view
        entries = view.stack.entries
        if not entries:
            return
        known = None if self._current is None else view.stack.number(self._current.message.id)
        if known is None:
            sight = view.placed_in_sight()
            known = view.stack.number(sight[0].entry.message.id) if sight else len(entries) - 1
            known = (known or 0) - (1 if direction > 0 else 0)
        number = max(0, min(len(entries) - 1, known + direction))
        self._current = entries[number]
        view.show_message(self._current.message.id)

    def tab(self, direction: int) -> bool:
        """Move the keyboard to the next button or link in sight; at the end let it leave the view."""
        places = [
            (placed.entry, placed.item, hit) for placed in self._view.placed_in_sight() for hit in placed.item.hits()
        ]
        index = next((i for i, (_, item, hit) in enumerate(places) if hit.same(self.focus_in(item))), None)
        target = (0 if direction > 0 else len(places) - 1) if index is None else index + direction
        if not 0 <= target < len(places):
            self._focus = None
            self._view.viewport().update()
            return False
        self._focus = places[target]
        announce(self._view.viewport(), self._focus[2].label)
        self._current = places[target][0]
        self._view.viewport().update()
        return True

    def paint_current(self, painter: QPainter) -> None:
        """Mark the message the keyboard is at with a bar beside it."""
        view = self._view
        if self._current is None or not view.hasFocus() or view.stack.number(self._current.message.id) is None:
            return
        theme = view.kit.theme
        rect = QRectF(view.entry_in_sight(self._current))
        bar = QRectF(rect.left() - theme.px(12), rect.top(), theme.px(2), rect.height() - theme.px(30))
        painter.fillRect(bar, theme.color("accent"))

    def _menu(self, place: QPoint) -> None:
        """Offer Copy where the pointer is; opened without a nested loop."""
        view = self._view
        menu = QMenu(view.viewport())
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(tr("Copy"), view.copy)
        copy.setEnabled(view.selection.bounds() is not None)
        local = view.viewport().mapFromGlobal(place)
        found = self.at(local)
        if found is not None:
            entry = found[0].entry
            menu.addAction(tr("Copy message"), lambda: view.put(entry.markdown(), entry.markdown()))
        link = self._link_at(local)
        if link is not None:
            target = link.target.removeprefix(LOAD_SCHEME)
            menu.addAction(tr("Copy link address"), lambda: view.put(target))
        menu.popup(place)


def _plain(text: str) -> str:
    """Return a text for a tip that Qt cannot take for HTML."""
    return text.replace("<", "‹")
