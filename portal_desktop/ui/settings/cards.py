"""A card of words and a control: side by side, or below each other where there is no room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QLayout, QWidget

SIDE = 16
WORDS = 18
"""How many letters of a line must find room beside the control."""


class FoldingCard(QFrame):
    """Folds by its own width, so that a page never needs to scroll sideways."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("frame", "card")
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(SIDE, 12, SIDE, 12)
        self._tail: QWidget

    @property
    def folded(self) -> bool:
        """Whether the control stands below the words."""
        return self._row.direction() is QBoxLayout.Direction.TopToBottom

    def fill_row(self, words: QLayout, tail: QWidget) -> None:
        """Put in both halves."""
        self._tail = tail
        self._row.addLayout(words, 1)
        self._row.addWidget(tail)
        self._fold()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold or unfold."""
        super().resizeEvent(event)
        self._fold()

    def _fold(self) -> None:
        needed = self._tail.sizeHint().width() + 3 * SIDE + WORDS * self.fontMetrics().averageCharWidth()
        fold = self.width() < needed
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if fold else QBoxLayout.Direction.LeftToRight)
        self._row.setSpacing(SIDE // 2 if fold else SIDE)
        self._row.setAlignment(self._tail, Qt.AlignmentFlag.AlignLeft if fold else Qt.AlignmentFlag.AlignVCenter)
