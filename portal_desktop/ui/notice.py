"""A strip above the page for what stays true for a while: it goes when it is over, or when the user sends it away."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from portal_desktop.ui.controls import icon_button, push_button
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look


class Tone(StrEnum):
    """How much a notice asks for the eye."""

    QUIET = "quiet"
    WARN = "warn"


_GROUND = {Tone.QUIET: ("surface", "info", "muted"), Tone.WARN: ("warn_soft", "alert", "warn")}


class Notice(QWidget):
    """Title, advice and at most one thing to do; `run` leaves it standing, the cross calls `dismissed`."""

    def __init__(
        self,
        look: Look,
        title: str,
        advice: str,
        *,
        tone: Tone,
        action: str,
        run: Callable[[], object],
        dismissed: Callable[[], object],
    ) -> None:
        super().__init__()
        self._look = look
        self._tone = tone
        self.title = plain_label(title, role="strong", wrap=True)
        self.advice = plain_label(advice, role="muted", wrap=True)
        self.advice.setVisible(bool(advice))
        self.setAccessibleName(f"{title}. {advice}" if advice else title)
        self._icon = QLabel()
        self.button = push_button(action, run, name=f"{action}: {title}", kind="link")
        self.button.setVisible(bool(action))
        self.cross = icon_button(look, "x", tr("Dismiss"), dismissed)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.title)
        words.addWidget(self.advice)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 8, 7)
        row.setSpacing(10)
        row.addWidget(self._icon)
        row.addLayout(words, 1)
        row.addWidget(self.button)
        row.addWidget(self.cross)
        for widget in (self._icon, self.button, self.cross):
            row.setAlignment(widget, Qt.AlignmentFlag.AlignVCenter)
        look.changed.connect(self._draw)
        self._draw()

    @property
    def text(self) -> str:
        """Title and advice, as read aloud."""
        return self.accessibleName()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ground and the line below it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._look.color(_GROUND[self._tone][0]))
        painter.setPen(self._look.color("line"))
        painter.drawLine(self.rect().bottomLeft(), self.rect().bottomRight())

    def _draw(self) -> None:
        _, icon, color = _GROUND[self._tone]
        self._icon.setPixmap(self._look.theme.pixmap(icon, color, 18, self.devicePixelRatioF()))
        self.update()
