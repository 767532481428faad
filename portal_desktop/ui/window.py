"""The main window: the rail, its pages, and what floats over them. It stands before the core does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from portal_desktop.errors import PortalError
from portal_desktop.ui.controls import EmptyState, Toast, push_button
from portal_desktop.ui.error_card import ErrorCard
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.notice import Notice, Tone
from portal_desktop.ui.places import Places
from portal_desktop.ui.rail import Rail
from portal_desktop.ui.shortcuts import bind

DEFAULT_SIZE = QSize(1280, 800)
SMALLEST = QSize(420, 420)


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be done about a failure, as a button."""

    text: str
    run: Callable[[], object]
    command: str = ""


class PortalWindow(QMainWindow):
    """A window of the app: it comes back where it was, closes with Ctrl+W, and shows errors and notices."""

    closed = Signal(object)

    def __init__(self, look: Look, places: Places, name: str, title: str, size: QSize = DEFAULT_SIZE) -> None:
        super().__init__()
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setMinimumSize(SMALLEST)
        self._places = places
        self._name = name
        self.look = look
        places.restore(self, name, size)
        body = QWidget()
        body.setObjectName("page")
        body.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setCentralWidget(body)
        self.body = body
        self.toast = Toast(look, body)
        self.error_card = ErrorCard(look, body)
        self.notices: dict[str, Notice] = {}
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        bind(self, "window.close", self.close)

    def set_page(self, page: QWidget) -> None:
        """Fill the whole window with one page."""
        self.body.setLayout(self._column)
        self._column.addWidget(page, 1)
        self.toast.raise_()

    def show_error(self, error: PortalError, again: Callable[[], object] | None = None) -> None:
        """Show an error over the page."""
        self.error_card.tell(error, again)

    def notify(
        self,
        key: str,
        title: str,
        advice: str = "",
        *,
        tone: Tone = Tone.WARN,
        action: str = "",
        run: Callable[[], object] = lambda: None,
        dismissed: Callable[[], object] = lambda: None,
    ) -> None:
        """Show a notice above the page until `withdraw` or the user ends it; a newer one of the key replaces it."""

        def dismiss() -> None:
            self.withdraw(key)
            dismissed()

        self.withdraw(key)
        notice = Notice(self.look, title, advice, tone=tone, action=action, run=run, dismissed=dismiss)
        self._column.insertWidget(len(self.notices), notice)
        self.notices[key] = notice

    def withdraw(self, key: str) -> None:
        """Take a notice away; one that is not there is fine."""
        notice = self.notices.pop(key, None)
        if notice is not None:
            self._column.removeWidget(notice)
            notice.hide()
            notice.deleteLater()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the place, then tell whoever counts windows."""
        self._places.keep(self, self._name)
        super().closeEvent(event)
        self.closed.emit(self)


class MainWindow(PortalWindow):
    """Rail and pages. `painted` is emitted once, after the first picture is on the screen."""

    painted = Signal()
    page_changed = Signal(str)

    def __init__(self, look: Look, places: Places) -> None:
        super().__init__(look, places, "main", tr("Portal Desktop"))
        self.rail = Rail(look)
        self.rail.chosen.connect(self.show_page)
        self._stack = QStackedWidget()
        self._pages: dict[str, QWidget] = {}
        self._first_paint = True
        row = QHBoxLayout(self.body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        self._column.addWidget(self._stack, 1)
        row.addLayout(self._column, 1)
        self._waiting = EmptyState(look, "chat", tr("Opening your chats"), tr("One moment."))
        self._stack.addWidget(self._waiting)

    @property
    def was_painted(self) -> bool:
        """Whether the first picture has been drawn."""
        return not self._first_paint

    @property
    def page(self) -> str:
        """The name of the open page, "" while starting."""
        return next((name for name, page in self._pages.items() if page is self._stack.currentWidget()), "")

    def add_page(self, name: str, icon: str, title: str, page: QWidget) -> None:
        """Add a page with its button and key."""
        command = f"window.{name}"
        self.rail.add_page(name, icon, title, command)
        self._pages[name] = page
        self._stack.addWidget(page)
        bind(self, command, lambda: self.show_page(name))

    def show_page(self, name: str) -> None:
        """Open a page; its focus goes where its work begins."""
        page = self._pages[name]
        self._stack.setCurrentWidget(page)
        self.rail.show_page(name)
        page.setFocus()
        self.page_changed.emit(name)

    def show_failure(self, title: str, advice: str, choices: Sequence[Choice]) -> None:
        """Say why the app could not start, and what can be done; the first of several choices is the suggested one."""
        buttons: list[QPushButton] = []
        for choice in choices:
            kind = "primary" if not buttons and len(choices) > 1 else ""
            name = choice.text.replace("\n", " ")
            buttons.append(push_button(choice.text, choice.run, name=name, command=choice.command, kind=kind))
            buttons[-1].setProperty("lines", choice.text.count("\n") + 1)
        failed = EmptyState(self.look, "error", title, advice, buttons)
        self._stack.addWidget(failed)
        self._stack.setCurrentWidget(failed)
        buttons[0].setFocus()

    def show_waiting(self) -> None:
        """Go back to the picture shown while starting."""
        self._stack.setCurrentWidget(self._waiting)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint, and tell of the first time once the event is over."""
        super().paintEvent(event)
        if self._first_paint:
            self._first_paint = False
            QTimer.singleShot(0, self, self.painted.emit)
