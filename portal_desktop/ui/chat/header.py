"""The line over the transcript: what this chat is called, where its model runs, and how far it may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from portal_desktop.messages import Mode
from portal_desktop.providers.base import Endpoint
from portal_desktop.ui.controls import ElidedLabel, PillButton, icon_button, named, styled_menu
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.shortcuts import keys_text


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A line of the menu; a separator has no words."""

    text: str = ""
    run: Callable[[], object] | None = None
    command: str = ""


def mode_text(mode: Mode) -> str:
    """Return a mode's name on its button."""
    return tr("Act mode") if mode is Mode.ACT else tr("Chat mode")


class TitleField(QLineEdit):
    """The field in which a chat is renamed: Enter keeps, Esc leaves it as it was."""

    given_up = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave on Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        else:
            super().keyPressEvent(event)


class ChatHeader(QWidget):
    """Title, place, mode and menu."""

    renamed = Signal(str)
    mode_chosen = Signal(object)
    sidebar_wanted = Signal()

    def __init__(self, look: Look, entries: Callable[[], Sequence[MenuEntry]]) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self._entries = entries
        self._mode = Mode.CHAT
        self.sidebar = icon_button(
            look, "sidebar", tr("Show or hide the sidebar"), self.sidebar_wanted.emit, command="window.sidebar"
        )
        self.sidebar.hide()
        self._title = ElidedLabel()
        self._title.setProperty("role", "title")
        self._title.clicked.connect(self.rename)
        self._field = TitleField()
        self._field.setAccessibleName(tr("Title of the chat"))
        self._field.setMaxLength(200)
        self._field.hide()
        self._field.returnPressed.connect(self._keep)
        self._field.given_up.connect(self._leave)
        self._place = plain_label()
        self._place.setProperty("chip", "ok")
        self._place.hide()
        self.mode = PillButton(look, "", tr("Mode"), opens=True, command="chat.mode")
        self.mode.clicked.connect(lambda _checked=False: self.open_modes())
        self.more = icon_button(look, "more", tr("More for this chat"), self.open_menu, kind="outlined")
        self._can_rename = False
        self._has_place = False
        self._narrow = False
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 20, 0)
        row.setSpacing(10)
        for widget in (self.sidebar, self._title):
            row.addWidget(widget)
        row.addWidget(self._field, 1)
        row.addWidget(self._place)
        row.addStretch(1)
        row.addWidget(self.mode)
        row.addWidget(self.more)
        look.changed.connect(self._fit)
        self._fit()
        self.show_mode(Mode.CHAT)

    @property
    def title(self) -> str:
        """What it says."""
        return self._title.whole

    @property
    def place(self) -> QLabel:
        """The chip that says where the model runs."""
        return self._place

    def show_title(self, title: str, *, can_rename: bool) -> None:
        """Show the chat's title."""
        self._title.show_text(title)
        self._can_rename = can_rename

    def show_endpoint(self, endpoint: Endpoint | None) -> None:
        """Say where the model runs."""
        self._has_place = endpoint is not None
        self._show_place()
        if endpoint is None:
            return
        self._place.setText(tr("On this computer") if endpoint.local else tr("Leaves this computer"))
        self._place.setProperty("chip", "ok" if endpoint.local else "warn")
        self._place.style().polish(self._place)
        self._place.setToolTip(f"{endpoint.name}, {endpoint.base_url}")

    def set_narrow(self, *, narrow: bool) -> None:
        """In a narrow window the title gets the room of the chip; only the chip goes."""
        self._narrow = narrow
        self._show_place()

    def _show_place(self) -> None:
        self._place.setVisible(self._has_place and not self._narrow and self._field.isHidden())

    def show_mode(self, mode: Mode) -> None:
        """Show how far turns of this chat may go."""
        self._mode = mode
        self.mode.setText(mode_text(mode))
        means = (
            tr("Act mode: the model may use tools, and asks before it changes things")
            if mode is Mode.ACT
            else tr("Chat mode: the model only talks")
        )
        named(self.mode, means, "chat.mode")

    def rename(self) -> None:
        """Open the field over the title."""
        if not self._can_rename:
            return
        self._field.setText(self._title.whole)
        self._title.hide()
        self._place.hide()
        self._field.show()
        self._field.setFocus()
        self._field.selectAll()

    def open_modes(self) -> None:
        """Open the choice of modes below its button."""
        menu = styled_menu(self, tr("Mode"))
        for mode, words in (
            (Mode.CHAT, tr("Chat mode: conversation only")),
            (Mode.ACT, tr("Act mode: with tools, asks before changes")),
        ):
            action = menu.addAction(words)
            action.triggered.connect(partial(self._choose, mode))
            action.setCheckable(True)
            action.setChecked(mode is self._mode)
        menu.popup(self.mode.mapToGlobal(QPoint(0, self.mode.height() + 4)))

    def open_menu(self) -> None:
        """Open everything else that can be done with this chat."""
        menu = styled_menu(self, tr("More for this chat"))
        for entry in self._entries():
            if entry.run is None:
                menu.addSeparator()
                continue
            keys = keys_text(entry.command) if entry.command else ""
            menu.addAction(f"{entry.text}\t{keys}" if keys else entry.text, entry.run)
        menu.popup(self.more.mapToGlobal(QPoint(self.more.width() - menu.sizeHint().width(), self.more.height() + 4)))

    def _choose(self, mode: Mode, _checked: bool = False) -> None:
        self.mode_chosen.emit(mode)

    def _keep(self) -> None:
        title = self._field.text().strip()
        self._leave()
        if title and title != self._title.whole:
            self.renamed.emit(title)

    def _leave(self) -> None:
        self._field.hide()
        self._title.show()
        self._show_place()

    def _fit(self) -> None:
        self.setFixedHeight(self._look.theme.size("header"))
