"""The reading column: content of limited width in the middle of whatever room there is."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from portal_desktop.ui.look import Look

NARROW = 640
"""Below this many pixels the column fills the width."""


class Column(QWidget):
    """A vertical layout kept to a width; `overhang` lets shadows stand out beyond it."""

    def __init__(self, look: Look, width: int = 0, overhang: int = 0) -> None:
        super().__init__()
        self._look = look
        self._width = width
        self._overhang = overhang
        self.column = QVBoxLayout(self)
        self.column.setSpacing(0)
        self._trailing = 0
        look.changed.connect(self._fit)

    def set_trailing(self, width: int) -> None:
        """Leave room at the end for a neighbour's scroll bar, so that both columns stand in line."""
        self._trailing = width
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share what is left on both sides."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        theme = self._look.theme
        widest = (theme.px(self._width) if self._width else theme.size("column")) + 2 * self._overhang
        least = 8 if self.width() < theme.px(NARROW) else 20
        side = max(least - self._overhang, (self.width() - self._trailing - widest) // 2, 0)
        margins = self.column.contentsMargins()
        if (margins.left(), margins.right()) != (side, side + self._trailing):
            self.column.setContentsMargins(side, margins.top(), side + self._trailing, margins.bottom())
