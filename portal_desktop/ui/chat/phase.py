"""The line above the composer: what the turn is doing now, for how long, and Stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from portal_desktop.agent.phases import KEEP_WAITING, LAST, silent_seconds
from portal_desktop.messages import Phase, PhaseChanged
from portal_desktop.ui.controls import Dot, named, push_button
from portal_desktop.ui.dates import elapsed_text
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.shortcuts import keys_text

TICK_MS = 250


@dataclass(frozen=True, slots=True)
class PhaseWords:
    """The line in words: the bold state, what follows it, and the colour of the dot."""

    state: str
    rest: str
    color: str


def phase_words(phase: PhaseChanged, *, heard: float, now: float) -> PhaseWords:
    """Return the line at a monotonic moment; every phase but the last ones counts its time."""
    if phase.phase is Phase.WAITING and phase.detail == KEEP_WAITING:
        return PhaseWords(tr("No reply for {seconds} s", seconds=int(now - heard)), tr("Keep waiting?"), "warn")
    state, rest = _state(phase)
    if phase.phase in LAST:
        return PhaseWords(state, rest, "bad" if phase.phase is Phase.FAILED else "muted")
    parts = [elapsed_text(now - phase.started)]
    if phase.fraction is not None:
        parts.insert(0, f"{phase.fraction:.0%}")
    if rest:
        parts.append(rest)
    if (quiet := silent_seconds(phase, heard, now)) is not None:
        parts.append(tr("no reply for {seconds} s", seconds=quiet))
    waiting = phase.phase is Phase.WAITING
    return PhaseWords(state, " · ".join(parts), "warn" if waiting else "accent")


def _state(phase: PhaseChanged) -> tuple[str, str]:
    """Return the bold words and the detail that follows; connecting and calling name their partner in the words."""
    if phase.detail and phase.phase is Phase.CONNECTING:
        return tr("Connecting to {server}", server=phase.detail), ""
    if phase.detail and phase.phase is Phase.TOOL:
        return tr("Calling {tool}", tool=phase.detail), ""
    words = {
        Phase.CONNECTING: tr("Connecting"),
        Phase.QUEUED: tr("Waiting in queue"),
        Phase.LOADING: tr("Loading the model"),
        Phase.READING: tr("Reading the prompt"),
        Phase.THINKING: tr("Thinking"),
        Phase.WRITING: tr("Writing"),
        Phase.TOOL: tr("Calling a tool"),
        Phase.WAITING: tr("Waiting for you"),
        Phase.DONE: tr("Done"),
        Phase.STOPPED: tr("Stopped"),
        Phase.FAILED: tr("Failed"),
    }
    return words[phase.phase], phase.detail


class PhaseLine(QWidget):
    """Shows one phase; hidden while nothing runs. It reads the clock four times a second and only while it counts.

    `moments` returns the monotonic second of now and of the server's last sign of life.
    """

    stop_wanted = Signal()
    patience_given = Signal()

    def __init__(self, look: Look, moments: Callable[[], tuple[float, float]]) -> None:
        super().__init__()
        self._look = look
        self._moments = moments
        self._phase: PhaseChanged | None = None
        self._dot = Dot(look)
        self._state = plain_label()
        self._rest = plain_label(role="muted")
        self._rest.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._keep = push_button(tr("Keep waiting"), self.patience_given.emit, kind="chip")
        self.stop = KeyButton(tr("Stop"), "chat.stop")
        self.stop.clicked.connect(lambda _checked=False: self.stop_wanted.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 6)
        row.setSpacing(7)
        row.addWidget(self._dot)
        row.addWidget(self._state)
        row.addWidget(self._rest, 1)
        row.addWidget(self._keep)
        row.addWidget(self.stop)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._show)
        look.changed.connect(self._draw)
        self._draw()
        self.hide()

    @property
    def text(self) -> str:
        """The whole line."""
        return f"{self._state.text()} {self._rest.text()}".strip()

    def set_phase(self, phase: PhaseChanged | None) -> None:
        """Show a phase; None, or one that is the last of a turn, hides the line."""
        self._phase = None if phase is None or phase.phase in LAST else phase
        self.setVisible(self._phase is not None)
        if self._phase is None:
            self._tick.stop()
            return
        self._keep.setVisible(self._phase.phase is Phase.WAITING and self._phase.detail == KEEP_WAITING)
        self._show()
        self._tick.start()

    def _show(self) -> None:
        if self._phase is None:
            return
        now, heard = self._moments()
        words = phase_words(self._phase, heard=heard, now=now)
        self._dot.become(words.color)
        role = "warn" if words.color == "warn" else "accent"
        if self._state.property("role") != role:
            self._state.setProperty("role", role)
            self._state.style().polish(self._state)
        self._state.setText(words.state)
        self._rest.setText(f"· {words.rest}" if words.rest else "")
        self.setAccessibleName(self.text)

    def _draw(self) -> None:
        self._state.setFont(self._look.theme.font("small", bold=True))


class KeyButton(QPushButton):
    """A quiet button with its key drawn beside the word."""

    def __init__(self, text: str, command: str) -> None:
        super().__init__()
        self.setProperty("kind", "chip")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        named(self, text, command)
        word = plain_label(text, role="muted")
        key = plain_label(keys_text(command))
        key.setProperty("chip", "key")
        row = QHBoxLayout(self)
        row.setContentsMargins(9, 0, 9, 0)
        row.setSpacing(7)
        for label in (word, key):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(label, 0, Qt.AlignmentFlag.AlignVCenter)
        self._row = row

    def sizeHint(self) -> QSize:
        """Return what both labels need."""
        return QSize(self._row.sizeHint().width(), super().sizeHint().height())
