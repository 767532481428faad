"""The chat page of the main window: the sidebar and the conversation beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from portal_desktop.chat.history import History
from portal_desktop.errors import InvalidInput
from portal_desktop.ui.chat.panel import ChatPanel
from portal_desktop.ui.chat.sidebar.feed import SidebarFeed
from portal_desktop.ui.chat.sidebar.panel import Sidebar
from portal_desktop.ui.controls import Toast
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import Places
from portal_desktop.ui.shortcuts import bind
from portal_desktop.ui.spawn import Spawn

OVERLAY_BELOW = 900
"""Widths of the window, rail included, below which the sidebar lies over the chat instead of beside it."""

OPEN_CHAT = "chat/open"
SIDEBAR = "chat/sidebar"


class Shade(QWidget):
    """Dims the chat under an open overlay; a click closes that."""

    pressed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Tell of the click."""
        super().mousePressEvent(event)
        self.pressed.emit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Darken what lies below."""
        painter = QPainter(self)
        painter.setOpacity(0.28)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)


class ChatPage(QWidget):
    """Sidebar and panel. Narrow windows get the sidebar as an overlay."""

    own_window_wanted = Signal(int)

    def __init__(
        self,
        look: Look,
        panel: ChatPanel,
        feed: SidebarFeed,
        *,
        history: History,
        places: Places,
        spawn: Spawn,
        toast: Toast,
    ) -> None:
        super().__init__()
        self.setAccessibleName(tr("Chat"))
        self._look = look
        self._history = history
        self._places = places
        self._spawn = spawn
        self._toast = toast
        self.panel = panel
        self.feed = feed
        self.sidebar = Sidebar(look, feed)
        self._overlay = False
        self._wanted = places.text(SIDEBAR, "shown") == "shown"
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self.sidebar)
        self._row.addWidget(panel, 1)
        self._shade = Shade(self)
        self._shade.pressed.connect(self._close_overlay)
        self._connect()
        self._bind()
        look.changed.connect(self._fit)
        self._fit()

    def _connect(self) -> None:
        side, panel = self.sidebar, self.panel
        side.open_wanted.connect(self.open)
        side.new_wanted.connect(self.new_chat)
        side.pin_wanted.connect(lambda chat, on: self._spawn.start(self._history.pin(chat, on), "pin a chat"))
        side.delete_wanted.connect(self.delete)
        side.window_wanted.connect(self.own_window_wanted)
        side.left.connect(self._leave_sidebar)
        panel.conversation_opened.connect(self._opened)
        panel.own_window_wanted.connect(self.own_window_wanted)
        panel.delete_wanted.connect(self.delete)
        panel.sidebar_wanted.connect(self.toggle_sidebar)

    def _bind(self) -> None:
        bind(self, "chat.new", self.new_chat)
        bind(self, "chat.search", self.search)
        bind(self, "chat.previous", lambda: self._step(-1))
        bind(self, "chat.next", lambda: self._step(1))
        bind(self, "window.sidebar", self.toggle_sidebar)
        bind(self, "chat.rename", self._rename)

    async def start(self) -> None:
        """Show the list, and the chat that was open last."""
        await self.feed.reload()
        kept = self._places.text(OPEN_CHAT)
        wanted = int(kept) if kept.isdigit() else None
        try:
            await self.panel.open(wanted)
        except InvalidInput:
            await self.panel.open(None)

    def open(self, conversation_id: int, message_id: int = 0) -> None:
        """Open a chat, at a message when one was found there."""
        self._close_overlay()
        self._spawn.start(self.panel.open(conversation_id, message_id), "open a chat")

    def new_chat(self) -> None:
        """Begin a chat; it is stored with its first message."""
        self._close_overlay()
        self.sidebar.search.clear()
        self._spawn.start(self.panel.open(None), "begin a chat")

    def search(self) -> None:
        """Go to the search line, showing the sidebar when it is hidden."""
        if self.sidebar.isHidden():
            self.toggle_sidebar()
        self.sidebar.search.setFocus()
        self.sidebar.search.selectAll()

    def delete(self, conversation_id: int) -> None:
        """Move a chat to the trash and offer it back for ten seconds."""
        self._spawn.start(self._delete(conversation_id), "delete a chat")

    def toggle_sidebar(self) -> None:
        """Show or hide the sidebar; in a wide window this is remembered."""
        showing = self.sidebar.isHidden()
        if not self._overlay:
            self._wanted = showing
            self._places.set_text(SIDEBAR, "shown" if showing else "hidden")
        self.sidebar.setVisible(showing)
        self._shade.setVisible(showing and self._overlay)
        self._place_overlay()
        self.panel.header.sidebar.setVisible(self._overlay or not showing)
        if showing:
            self.sidebar.list.go_first()
        else:
            self.panel.focus_input()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Hand the focus on to where one writes."""
        super().focusInEvent(event)
        self.panel.focus_input()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Change between beside and over."""
        super().resizeEvent(event)
        self._fit()

    async def _delete(self, conversation_id: int) -> None:
        title = self.feed.title(conversation_id) or tr("New chat")
        await self._history.delete(conversation_id)
        if conversation_id == self.panel.model.conversation_id:
            await self.panel.open(None)
        self._toast.say(
            tr("Deleted “{title}”", title=title),
            tr("Undo"),
            lambda: self._spawn.start(self._history.restore(conversation_id), "restore a chat"),
        )

    def _opened(self, conversation_id: int | None) -> None:
        self._places.set_text(OPEN_CHAT, str(conversation_id or ""))
        self.feed.set_current(conversation_id)

    def _step(self, step: int) -> None:
        chat = self.feed.neighbour(step)
        if chat is not None:
            self.open(chat)

    def _rename(self) -> None:
        if not self.sidebar.rename_current():
            self.panel.header.rename()

    def _leave_sidebar(self) -> None:
        self._close_overlay()
        self.panel.focus_input()

    def _fit(self) -> None:
        theme = self._look.theme
        self.sidebar.setFixedWidth(theme.size("sidebar"))
        overlay = self.width() + theme.size("rail") < theme.px(OVERLAY_BELOW)
        if overlay != self._overlay:
            self._overlay = overlay
            self._row.removeWidget(self.sidebar)
            if not overlay:
                self._row.insertWidget(0, self.sidebar)
            self.sidebar.setVisible(not overlay and self._wanted)
            self._shade.hide()
        self.panel.header.sidebar.setVisible(self._overlay or self.sidebar.isHidden())
        self._place_overlay()

    def _place_overlay(self) -> None:
        if self._overlay and not self.sidebar.isHidden():
            self._shade.setGeometry(self.rect())
            self._shade.raise_()
            self.sidebar.setGeometry(0, 0, self.sidebar.width(), self.height())
            self.sidebar.raise_()

    def _close_overlay(self) -> None:
        if self._overlay and not self.sidebar.isHidden():
            self.toggle_sidebar()
