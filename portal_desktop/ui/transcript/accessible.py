"""The transcript for those who hear it: each message in sight is one readable item, new sentences are announced.

Messages are painted, not widgets; a screen reader finds an invisible label over each. They exist only while an
assistive technology listens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QLabel, QWidget

from portal_desktop.clock import Clock
from portal_desktop.ui.transcript.safe_text import clean

SPOKEN_CHARACTERS = 8_000
ANNOUNCE_SECONDS = 2.0
_SENTENCE_END = re.compile(r"[.!?:…。！？]\s|\n")


class Readers:
    """The invisible labels over a viewport, one per message in sight."""

    def __init__(self, viewport: QWidget) -> None:
        self._viewport = viewport
        self._labels: dict[int, QLabel] = {}
        self.always = False

    def wanted(self) -> bool:
        """Return whether anybody listens."""
        return self.always or QAccessible.isActive()

    def show(self, messages: Sequence[tuple[int, str, QRect]]) -> None:
        """Have a label for each of these messages, with what is said of it and where it is."""
        present = {identity for identity, _, _ in messages}
        for identity in [known for known in self._labels if known not in present]:
            self._labels.pop(identity).deleteLater()
        for identity, spoken, place in messages:
            label = self._labels.get(identity)
            if label is None:
                label = self._labels[identity] = QLabel(self._viewport)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
                label.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
                label.show()
            said = clean(spoken)[:SPOKEN_CHARACTERS]
            if label.accessibleName() != said:
                label.setAccessibleName(said)
            label.setGeometry(place)


class Announcer:
    """Finished sentences of a growing answer, at most every two seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._identity = 0
        self._said = 0
        self._next = 0.0

    def due(self, identity: int, text: str, *, finished: bool) -> str:
        """Return what to announce now of an answer, or nothing."""
        if identity != self._identity or len(text) < self._said:
            self._identity, self._said = identity, 0
        now = self._clock.monotonic()
        if now < self._next and not finished:
            return ""
        end = len(text) if finished else max((m.end() for m in _SENTENCE_END.finditer(text, self._said)), default=0)
        if end <= self._said:
            return ""
        said = text[self._said : end].strip()
        self._said, self._next = end, now + ANNOUNCE_SECONDS
        return clean(said)


def announce(widget: QWidget, text: str) -> None:
    """Have a screen reader say something politely."""
    if text:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))
