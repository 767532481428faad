"""The transcript widget: paints what is in sight, follows the end, and tells what the user wants."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QToolButton, QWidget

from portal_desktop.clock import Clock
from portal_desktop.messages import Status, Text
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.theme import Theme
from portal_desktop.ui.transcript.accessible import Announcer, Readers, announce
from portal_desktop.ui.transcript.code import CodeItem
from portal_desktop.ui.transcript.drawing import Canvas, Hit
from portal_desktop.ui.transcript.entry import UNCHANGED, Entry
from portal_desktop.ui.transcript.follow import BottomFollow, Move, State, wants_button
from portal_desktop.ui.transcript.items import Item, Kit, LinkAt
from portal_desktop.ui.transcript.message import Action, TranscriptMessage
from portal_desktop.ui.transcript.pointer import EVENTS, Pointer
from portal_desktop.ui.transcript.rich import LOAD_SCHEME
from portal_desktop.ui.transcript.selection import Selection
from portal_desktop.ui.transcript.stack import Anchor, Placed, Stack

FLUSH_MILLISECONDS = 33
LIVE_MILLISECONDS = 1_000
MARGIN = 20
OLDER_VIEWPORTS = 2


class TranscriptView(QAbstractScrollArea):
    """Shows the messages of one conversation.

    Every change is a snapshot: `apply` the same message again with more text and only its open tail is laid out anew.
    """

    linkActivated = Signal(QUrl, str)  # noqa: N815 - Qt's way; address, warning ("" when there is none)
    linkHovered = Signal(str)  # noqa: N815 - the real target in words, "" when the pointer left
    actionTriggered = Signal(int, str, str)  # noqa: N815 - message id, Action, argument
    olderWanted = Signal()  # noqa: N815 - the reader nears the top
    atEndChanged = Signal(bool)  # noqa: N815 - whether the end is in sight
    thinkingToggled = Signal(bool)  # noqa: N815 - the reader opened or closed reasoning: remember it

    def __init__(self, theme: Theme, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._images: dict[str, QImage] = {}
        self._kit = Kit(theme, clock, self._images)
        self.stack = Stack(self._kit)
        self.follow = BottomFollow()
        self.selection = Selection(self.stack)
        self._pointer = Pointer(self)
        self.readers = Readers(self.viewport())
        self._announcer = Announcer(clock)
        self._pending: dict[int, TranscriptMessage] = {}
        self._anchor: Anchor | None = None
        self._own_move = False
        self._at_end = True
        self._older_asked = False
        self._flusher = QTimer(self, singleShot=True, interval=FLUSH_MILLISECONDS)
        self._flusher.timeout.connect(self._flush_due)
        self._ticker = QTimer(self, interval=LIVE_MILLISECONDS)
        self._ticker.timeout.connect(self._tick)
        self._painter_of_code = QTimer(self, singleShot=True, interval=0)
        self._painter_of_code.timeout.connect(self._color_code)
        self._button = QToolButton(self)
        self._prepare()

    def _prepare(self) -> None:
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Messages"))
        viewport = self.viewport()
        viewport.setMouseTracking(True)
        viewport.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        viewport.setCursor(Qt.CursorShape.ArrowCursor)
        self._button.setProperty("kind", "float")
        self._button.setAccessibleName(tr("To the newest message"))
        self._button.setToolTip(tr("To the newest message"))
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.clicked.connect(self.to_end)
        self._button.hide()
        self._dress()

    def _dress(self) -> None:
        theme = self._kit.theme
        self._button.setIcon(theme.icon("arrow-down", "text"))
        self._button.setIconSize(QSize(theme.px(16), theme.px(16)))
        self.verticalScrollBar().setSingleStep(theme.px(24))

    @property
    def kit(self) -> Kit:
        """What the items share."""
        return self._kit

    def set_theme(self, theme: Theme) -> None:
        """Change colours, zoom or motion; the line being read stays where it is."""
        anchor = self._anchor
        number = None if anchor is None else self.stack.number(anchor.entry.message.id)
        kit = Kit(theme, self._clock, self._images, self._kit.load_images, self._kit.thinking_open)
        self._kit = kit
        self.selection.clear()
        self._pointer.forget()
        self.stack.rebuilt(kit)
        self._dress()
        self._resize()
        if anchor is not None and number is not None:
            anchor.entry.build(self.stack.width)
            self._go(self.stack.settle(anchor))
        self.viewport().update()

    def set_thinking_open(self, *, is_open: bool) -> None:
        """Set whether reasoning is shown open from the start (a remembered preference)."""
        self._kit.thinking_open = is_open

    def set_keep_own_in_place(self, *, keep: bool) -> None:
        """Set whether a growing answer leaves the own message near the top instead of following the end."""
        self.follow.keep_own = keep

    def set_image_loading(self, *, offered: bool) -> None:
        """Set whether placeholders of images offer "Load once" (`Action.LOAD_IMAGE`, then `show_image`)."""
        self._kit.load_images = offered

    def show_image(self, address: str, image: QImage) -> None:
        """Show an image that the user asked for, in the place of its placeholder."""
        self._images[address] = image
        self.stack.rebuilt(self._kit)
        self._restore(self._anchor)
        self.viewport().update()

    def set_messages(self, messages: Sequence[TranscriptMessage], position: str = "") -> None:
        """Show another conversation at a place that `position` returned, or at its end."""
        self._pending.clear()
        self._flusher.stop()
        self.selection.clear()
        self._pointer.forget()
        self._anchor = None
        self._older_asked = False
        self.stack.set(messages)
        self._resize()
        anchor = self._parse(position)
        self.follow.opened(at_end=anchor is None)
        self._go(self.stack.settle(anchor))
        self.viewport().update()

    def _parse(self, position: str) -> Anchor | None:
        identity, _, rest = position.partition(":")
        item, _, offset = rest.partition(":")
        if not (identity.isdecimal() and item.isdecimal() and offset.lstrip("-").isdecimal()):
            return None
        number = self.stack.number(int(identity))
        return None if number is None else Anchor(self.stack.entries[number], int(item), int(offset))

    def position(self) -> str:
        """Return the place being read, for `set_messages`; empty at the end."""
        anchor = self._anchor
        if self.follow.state is State.FOLLOWING or anchor is None:
            return ""
        return f"{anchor.entry.message.id}:{anchor.item}:{anchor.offset}"

    def prepend(self, older: Sequence[TranscriptMessage]) -> None:
        """Add older messages above; what is being read stays where it is."""
        anchor = self._anchor
        self.stack.prepend(older)
        self.selection.moved(len(older))
        self._older_asked = False
        self._restore(anchor)

    def apply(self, message: TranscriptMessage, *, own: bool = False) -> None:
        """Show a message as it is now: a known id is changed, an unknown one goes to the end.

        `own` says that the user just sent it: it is placed near the top with room below.
        """
        if self.stack.number(message.id) is None:
            self.flush()
            entry = self.stack.append(message)
            if own:
                self.stack.own = entry
            self._grown(self.follow.sent() if own else None)
            return
        self._pending[message.id] = message
        if message.status is not Status.STREAMING:
            self.flush()
        elif not self._flusher.isActive():
            self.flush()
            self._flusher.start()

    def _flush_due(self) -> None:
        if self._pending:
            self.flush()
            self._flusher.start()

    def flush(self) -> None:
        """Show what was applied and still waits for its turn."""
        if not self._pending:
            return
        dirty = self.viewport().height()
        value = self.verticalScrollBar().value()
        for message in self._pending.values():
            self._announce(message)
            number = self.stack.number(message.id)
            if number is None:
                continue
            entry = self.stack.entries[number]
            first = entry.update(message)
            self.stack.refresh(entry)
            if first < UNCHANGED:
                top = self.stack.top_of(entry) + entry.heights.top(min(first, len(entry.items)))
                dirty = min(dirty, top - value)
        self._pending.clear()
        self._grown(None, dirty)

    def _announce(self, message: TranscriptMessage) -> None:
        if self.readers.wanted():
            text = "".join(part.text for part in message.parts if isinstance(part, Text))
            finished = message.status is not Status.STREAMING
            announce(self, self._announcer.due(message.id, text, finished=finished))

    def _show_to_readers(self) -> None:
        if self.readers.wanted():
            entries = {placed.entry.message.id: placed.entry for placed in self.placed_in_sight()}
            self.readers.show([(i, entry.spoken(), self.entry_in_sight(entry)) for i, entry in entries.items()])

    def remove_from(self, message_id: int) -> None:
        """Take away this message and all below it (another branch is shown next)."""
        number = self.stack.number(message_id)
        if number is None:
            return
        anchor = self._anchor
        self._pending.clear()
        self.selection.clear()
        self._pointer.forget()
        self.stack.cut(number)
        self._restore(anchor)
        self.viewport().update()

    def _grown(self, move: Move | None, dirty: int = 0) -> None:
        """Take in that the content changed: measure what is in sight, then move as the follow machine says."""
        if move is Move.PLACE_OWN and self.stack.own is not None:
            self.stack.own.build(self.stack.width)
            self._go(self.stack.settle(Anchor(self.stack.own, 0, -self._kit.theme.px(16))))
            self.viewport().update()
            return
        anchor = self._anchor
        if self.follow.state is State.FOLLOWING and not self.follow.selecting:
            anchor = None
        value = self.stack.settle(anchor)
        decided = self.follow.grew(self.stack.base - self.stack.viewport - value, self.stack.viewport)
        if anchor is not None and decided is not Move.STAY:
            value = self.stack.settle(None)
        self._go(value)
        viewport = self.viewport()
        viewport.update(QRect(0, max(0, dirty), viewport.width(), viewport.height()))

    def to_end(self) -> None:
        """Go to the end and follow it."""
        self.flush()
        value = self.verticalScrollBar().value()
        self.follow.asked_for_end(self.stack.base - self.stack.viewport - value, self.stack.viewport)
        self._go(self.stack.settle(None))

    def at_end(self) -> bool:
        """Return whether the end is in sight."""
        return self._at_end

    def show_message(self, message_id: int) -> None:
        """Bring a message to the top of the view (a search hit)."""
        number = self.stack.number(message_id)
        if number is not None:
            self.follow.opened(at_end=False)
            self._go(self.stack.settle(Anchor(self.stack.entries[number], 0, -self._kit.theme.px(16))))

    def selected_text(self) -> str:
        """Return what is selected, as plain text."""
        return self.selection.text()

    def copy(self) -> None:
        """Put the selection on the clipboard as text and as Markdown."""
        if self.selection.bounds() is not None:
            self.put(self.selection.text(), self.selection.markdown())

    def put(self, text: str, markdown: str = "") -> None:
        """Put a text on the clipboard."""
        data = QMimeData()
        data.setText(text)
        if markdown:
            data.setData("text/markdown", markdown.encode())
        QGuiApplication.clipboard().setMimeData(data)

    def _restore(self, anchor: Anchor | None) -> None:
        following = self.follow.state is State.FOLLOWING and not self.follow.selecting
        self._go(self.stack.settle(None if following else anchor))

    def _go(self, value: int) -> None:
        """Move the view; this is the program, not the reader."""
        bar = self.verticalScrollBar()
        self._own_move = True
        bar.setPageStep(self.stack.viewport)
        bar.setRange(0, max(0, self.stack.total - self.stack.viewport))
        bar.setValue(value)
        self._own_move = False
        self._moved()

    def _moved(self) -> None:
        value = self.verticalScrollBar().value()
        self._anchor = self.stack.anchor(value)
        distance = self.stack.base - self.stack.viewport - value
        self._button.setVisible(wants_button(distance, self.stack.viewport))
        at_end = distance <= self._kit.theme.px(40)
        if at_end != self._at_end:
            self._at_end = at_end
            self.atEndChanged.emit(at_end)
        self._show_to_readers()
        if value < OLDER_VIEWPORTS * self.stack.viewport and not self._older_asked and self.stack.entries:
            self._older_asked = True
            self.olderWanted.emit()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move the pixels; when it was the reader, measure what came into sight and tell the follow machine."""
        self.viewport().scroll(dx, dy)
        if self._own_move:
            return
        value = self.verticalScrollBar().value()
        old = self._anchor
        shift = -dy
        near = old is not None and abs(shift) < 2 * self.stack.viewport
        anchor = old if near else self.stack.anchor(value)
        self.follow.scrolled(shift, self.stack.base - self.stack.viewport - value)
        target = self.stack.settle(anchor, shift if near else 0)
        self._go(target)
        if not near:
            self.viewport().update()

    def _resize(self) -> None:
        theme, viewport = self._kit.theme, self.viewport()
        column = min(theme.size("column"), self.width() - 2 * theme.px(MARGIN))
        self.stack.resized(max(theme.px(160), column), viewport.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the line being read, or the end."""
        super().resizeEvent(event)
        anchor = self._anchor
        self._resize()
        self._restore(anchor)
        side = self._kit.theme.px(32)
        viewport = self.viewport()
        self._button.setGeometry(
            viewport.x() + (viewport.width() - side) // 2, viewport.height() - side - self._kit.theme.px(12), side, side
        )
        viewport.update()

    def column_x(self) -> int:
        """Return where the reading column begins."""
        return (self.viewport().width() - self.stack.width) // 2

    def item_rect(self, placed: Placed) -> QRect:
        """Return where an item stands in the viewport, its gap included."""
        y = placed.top - self.verticalScrollBar().value()
        return QRect(self.column_x(), y, self.stack.width, placed.height)

    def placed_in_sight(self) -> list[Placed]:
        """Return the items in sight, from top to bottom."""
        value = self.verticalScrollBar().value()
        return list(self.stack.placed(value, value + self.stack.viewport))

    def entry_in_sight(self, entry: Entry) -> QRect:
        """Return where a message stands in the viewport."""
        y = self.stack.top_of(entry) - self.verticalScrollBar().value()
        return QRect(self.column_x(), y, self.stack.width, entry.height(self.stack.width))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the items that the dirty part touches."""
        dirty = event.rect()
        painter = QPainter(self.viewport())
        theme = self._kit.theme
        painter.fillRect(dirty, theme.color("bg"))
        value = self.verticalScrollBar().value()
        live = code = False
        for placed in self.stack.placed(value + dirty.top(), value + dirty.bottom() + 1):
            self._paint_item(painter, placed, dirty)
            live = live or placed.item.live()
            code = code or (isinstance(placed.item, CodeItem) and placed.item.wants_exact())
        self._pointer.paint_current(painter)
        painter.end()
        if live and not self._ticker.isActive():
            self._ticker.start()
        if code and not self._painter_of_code.isActive():
            self._painter_of_code.start()

    def _paint_item(self, painter: QPainter, placed: Placed, dirty: QRect) -> None:
        theme, item = self._kit.theme, placed.item
        origin = self.item_rect(placed).topLeft() + QPoint(0, theme.px(item.top_gap()))
        painter.save()
        painter.translate(origin)
        canvas = Canvas(
            painter,
            theme,
            self.devicePixelRatioF(),
            self._clock.monotonic(),
            QRectF(dirty).translated(-QPointF(origin)),
            hot=self._pointer.hot_in(item),
            focus=self._pointer.focus_in(item),
            hovered=self._pointer.hovers(placed.entry),
            selection=self.selection.part(placed),
        )
        item.paint(canvas, self.stack.width)
        painter.restore()

    def _tick(self) -> None:
        """Let the live items count; stop when none is left in sight."""
        live = [placed for placed in self.placed_in_sight() if placed.item.live()]
        for placed in live:
            self.viewport().update(self.item_rect(placed))
        if not live:
            self._ticker.stop()

    def _color_code(self) -> None:
        """Colour a slice of a finished piece of code exactly, then let the loop have its turn."""
        waiting = [p for p in self.placed_in_sight() if isinstance(p.item, CodeItem) and p.item.wants_exact()]
        if not waiting:
            return
        item = waiting[0].item
        if isinstance(item, CodeItem) and item.color_exactly():
            self.viewport().update(self.item_rect(waiting[0]))
        if len(waiting) > 1 or waiting[0].item.has_document():
            self._painter_of_code.start()

    def press(self, entry: Entry, item: Item, hit: Hit) -> None:
        """Do what a pressed button says: the item's own affair, the clipboard, or a signal."""
        outcome = item.perform(hit)
        if outcome is not None:
            if outcome.copied:
                self.put(outcome.copied)
            if outcome.changed:
                item.dirty = True
                self._remeasure(entry)
            if hit.action == "toggle_thinking":
                self.thinkingToggled.emit(bool(getattr(item, "is_open", False)))
        elif hit.action == "copy_message":
            self.put(entry.markdown(), entry.markdown())
        else:
            self.actionTriggered.emit(entry.message.id, hit.action, hit.argument)

    def hover(self, target: str) -> None:
        """Tell which link is under the pointer."""
        self.linkHovered.emit(target)

    def open_link(self, entry: Entry, link: LinkAt) -> None:
        """Tell that a link, or the offer to load an image, was clicked; nothing is opened here."""
        if link.target.startswith(LOAD_SCHEME):
            address = link.target.removeprefix(LOAD_SCHEME)
            self.actionTriggered.emit(entry.message.id, Action.LOAD_IMAGE.value, address)
        else:
            self.linkActivated.emit(QUrl(link.target), link.warning)

    def take_keyboard(self) -> None:
        """Get the focus because of a click."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def _remeasure(self, entry: Entry) -> None:
        anchor = self._anchor
        for index, item in enumerate(entry.items):
            if item.dirty or isinstance(item, CodeItem):
                item.dirty = True
                if isinstance(item, CodeItem):
                    item.release()
                entry.measure(index)
        self.stack.refresh(entry)
        self._go(self.stack.settle(anchor))
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        """Hand the mouse to the content."""
        return (event.type() in EVENTS and self._pointer.take(event)) or super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand the keys to the content."""
        if not self._pointer.key(event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, following: bool) -> bool:
        """Move the keyboard through what can be pressed before it leaves the view."""
        return self._pointer.tab(1 if following else -1) or super().focusNextPrevChild(following)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keyboard is."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide where the keyboard was."""
        super().focusOutEvent(event)
        self._pointer.drop_focus()
        self.viewport().update()
