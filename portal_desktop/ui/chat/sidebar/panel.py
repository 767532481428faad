"""The sidebar: search, New chat, and the list."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QVBoxLayout, QWidget

from portal_desktop.ui.chat.sidebar.feed import SidebarFeed
from portal_desktop.ui.chat.sidebar.lines import LineDelegate
from portal_desktop.ui.chat.sidebar.model import Kind, Line
from portal_desktop.ui.controls import AccentRow, SearchField, styled_menu
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.shortcuts import bind, keys_text


class ChatList(QListView):
    """The list itself: Enter opens, F2 renames, Delete deletes, the context menu offers all of it."""

    open_wanted = Signal(int, int)
    menu_wanted = Signal(int, QPoint)
    window_wanted = Signal(int)

    def __init__(self, feed: SidebarFeed) -> None:
        super().__init__()
        self.setModel(feed.model)
        self.setAccessibleName(tr("Chats"))
        self.setUniformItemSizes(False)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.clicked.connect(self._clicked)
        self.activated.connect(self._open)
        self._feed = feed
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def line_at(self, index: QModelIndex) -> Line | None:
        """Return the chat or hit of an index, None for a heading."""
        line = self._feed.model.line(index.row()) if index.isValid() else None
        return line if line is not None and line.kind is not Kind.HEADER else None

    def current_line(self) -> Line | None:
        """Return the chat or hit the keyboard is on."""
        return self.line_at(self.currentIndex())

    def go_first(self) -> None:
        """Put the keyboard on the open chat, else on the first."""
        lines = self._feed.model.lines()
        places = [row for row, line in enumerate(lines) if line.kind is not Kind.HEADER]
        if places:
            row = next((row for row in places if lines[row].current), places[0])
            self.setCurrentIndex(self._feed.model.index(row))
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens; everything else is Qt's, but letters do not search (the field does)."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._open(self.currentIndex())
        elif event.key() == Qt.Key.Key_Menu:
            self._menu(self.visualRect(self.currentIndex()).center())
        elif event.text().isprintable() and event.text().strip():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _clicked(self, index: QModelIndex) -> None:
        line = self.line_at(index)
        if line is None:
            return
        modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if (QGuiApplication.keyboardModifiers() & modifiers) == modifiers:
            self.window_wanted.emit(line.conversation)
        else:
            self._open(index)

    def _open(self, index: QModelIndex) -> None:
        if line := self.line_at(index):
            self.open_wanted.emit(line.conversation, line.message)

    def _menu(self, place: QPoint) -> None:
        if line := self.line_at(self.indexAt(place)):
            self.menu_wanted.emit(line.conversation, self.viewport().mapToGlobal(place))

    def _scrolled(self, value: int) -> None:
        bar = self.verticalScrollBar()
        if value >= bar.maximum() - bar.pageStep():
            self._feed.more()


class Sidebar(QWidget):
    """What the user does here is told by signals; the chat page does it."""

    open_wanted = Signal(int, int)
    new_wanted = Signal()
    pin_wanted = Signal(int, bool)
    delete_wanted = Signal(int)
    window_wanted = Signal(int)
    left = Signal()

    def __init__(self, look: Look, feed: SidebarFeed) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(tr("Chats"))
        self._feed = feed
        self.search = SearchField(look, tr("Search chats"), tr("Search chats"), "chat.search")
        self.search.show_keys(keys_text("chat.search").replace("+", " "))
        self.search.textChanged.connect(feed.search)
        self.search.left.connect(self.left)
        self.new = AccentRow(look, "plus", tr("New chat"), "chat.new")
        self.new.clicked.connect(lambda _checked=False: self.new_wanted.emit())
        self.list = ChatList(feed)
        self.list.setItemDelegate(LineDelegate(look, self.list))
        self.search.down.connect(self.list.go_first)
        self.search.returnPressed.connect(self._open_first)
        self.list.open_wanted.connect(self.open_wanted)
        self.list.window_wanted.connect(self.window_wanted)
        self.list.menu_wanted.connect(self._menu)
        words = tr("Your chats will be listed here, the newest on top. They stay on this computer.")
        self.nothing = plain_label(words, role="muted", wrap=True)
        self.nothing.setContentsMargins(look.theme.px(10), 8, look.theme.px(6), 0)
        self.nothing.hide()
        feed.loaded.connect(lambda: self.nothing.setVisible(not feed.model.lines()))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 8)
        column.setSpacing(0)
        column.addWidget(self.search)
        column.addSpacing(9)
        column.addWidget(self.new)
        column.addSpacing(7)
        column.addWidget(self.nothing)
        column.addWidget(self.list, 1)
        bind(self.list, "tasks.delete", lambda: self._on_current(self.delete_wanted.emit), inside=True)

    def rename_current(self) -> bool:
        """Open the field over the line the keyboard is on; False when the list has not the focus."""
        if not self.list.hasFocus() or self.list.current_line() is None:
            return False
        self.list.edit(self.list.currentIndex())
        return True

    def rename(self, conversation: int) -> None:
        """Open the field over a chat's line."""
        row = next((row for row, line in enumerate(self._feed.model.lines()) if line.conversation == conversation), -1)
        if row >= 0:
            self.list.setCurrentIndex(self._feed.model.index(row))
            self.list.edit(self._feed.model.index(row))

    def _on_current(self, run: Callable[[int], object]) -> None:
        if line := self.list.current_line():
            run(line.conversation)

    def _open_first(self) -> None:
        for line in self._feed.model.lines():
            if line.kind is Kind.HIT:
                self.open_wanted.emit(line.conversation, line.message)
                return

    def _menu(self, conversation: int, place: QPoint) -> None:
        line = next((each for each in self._feed.model.lines() if each.conversation == conversation), None)
        if line is None:
            return
        menu = styled_menu(self, tr("Chat {title}", title=line.title))
        menu.addAction(tr("Open in own window"), lambda: self.window_wanted.emit(conversation))
        menu.addAction(tr("Rename"), lambda: self.rename(conversation))
        menu.addAction(
            tr("Unpin") if line.pinned else tr("Pin"), lambda: self.pin_wanted.emit(conversation, not line.pinned)
        )
        menu.addSeparator()
        menu.addAction(tr("Delete"), lambda: self.delete_wanted.emit(conversation))
        menu.popup(place)
