"""An error in words over a page: what happened, what to do, and the technical chain for those who ask."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from portal_desktop.errors import PortalError
from portal_desktop.ui.controls import FloatCard, icon_button, push_button
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.room import free_place

WIDEST = 560
TOP = 60


def details_of(error: PortalError) -> str:
    """Return what a developer asks for: name and code, the technical text, the chain of causes, the request's id."""
    lines = [f"{error.name} ({error.code})"]
    if error.technical:
        lines.append(error.technical)
    lines.extend(f"{type(cause).__name__}: {cause}" for cause in error.causes())
    if error.request_id:
        lines.append(tr("Request {id}", id=error.request_id))
    return "\n".join(lines)


class ErrorCard(FloatCard):
    """Floats near the top of a page until dismissed; a newer error takes its place."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(look, "card", 10)
        self._page = parent
        self.setParent(parent)
        self._look_of_icon = look
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._title = plain_label(role="strong", wrap=True)
        self._advice = plain_label(role="muted", wrap=True)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setProperty("kind", "code")
        self._details.setAccessibleName(tr("Details of the error"))
        self._details.setMaximumHeight(140)
        self._retry = push_button(tr("Try again"), self._run_again)
        self._more = push_button(tr("Details"), self._toggle, kind="link")
        self._again: Callable[[], object] | None = None
        self._lay_out(look)
        look.changed.connect(self._draw)
        self._draw()
        parent.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """Title and advice, as read aloud."""
        return f"{self._title.text()}. {self._advice.text()}"

    def tell(self, error: PortalError, again: Callable[[], object] | None = None) -> None:
        """Show an error; `again` is what Try again does."""
        self._title.setText(error.title)
        self._advice.setText(error.advice)
        self._details.setPlainText(details_of(error))
        self._details.hide()
        self._again = again
        self._retry.setVisible(again is not None)
        self.setAccessibleName(self.text)
        self.show()
        self.raise_()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place when the page changes its size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _lay_out(self, look: Look) -> None:
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addWidget(self._title)
        words.addWidget(self._advice)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addWidget(self._retry)
        buttons.addWidget(self._more)
        buttons.addStretch(1)
        words.addLayout(buttons)
        words.addWidget(self._details)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 14, 8, 12)
        row.setSpacing(12)
        row.addWidget(self._icon)
        row.addLayout(words, 1)
        close = icon_button(look, "x", tr("Dismiss the error"), self.hide)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def _draw(self) -> None:
        self._icon.setPixmap(self._look_of_icon.theme.pixmap("error", "bad", 20, self.devicePixelRatioF()))

    def _toggle(self) -> None:
        self._details.setVisible(not self._details.isVisible())
        self._place()

    def _run_again(self) -> None:
        again = self._again
        self.hide()
        if again is not None:
            again()

    def _place(self) -> None:
        page = self._page
        width = min(WIDEST, page.width() - 32)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        height = max(self.heightForWidth(width), self.sizeHint().height() if width >= WIDEST else 0)
        size = QSize(width, height)
        self.setGeometry(QRect(free_place(page, self, size, TOP), size))
