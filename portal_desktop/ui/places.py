"""Where windows stood and what stood open. Kept beside the database, as it is needed before that is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSettings, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

VISIBLE_EDGE = 64


def fitted(wanted: QRect, screens: Sequence[QRect]) -> QRect:
    """Return the rectangle moved and shrunk so that it lies whole on the screen it overlaps most, else on the first."""
    if not screens:
        return wanted

    def overlap(screen: QRect) -> int:
        shared = screen.intersected(wanted)
        return shared.width() * shared.height() if shared.isValid() else 0

    screen = max(screens, key=overlap)
    size = QSize(min(wanted.width(), screen.width()), min(wanted.height(), screen.height()))
    x = min(max(wanted.x(), screen.x()), screen.x() + screen.width() - size.width())
    y = min(max(wanted.y(), screen.y()), screen.y() + screen.height() - size.height())
    return QRect(QPoint(x, y), size)


def screen_areas() -> list[QRect]:
    """Return the usable area of every screen there is now, the main one first."""
    primary = QGuiApplication.primaryScreen()
    return sorted(
        (screen.availableGeometry() for screen in QGuiApplication.screens()),
        key=lambda area: primary is None or area != primary.availableGeometry(),
    )


class Places:
    """A small file of window geometry, the open page and chat, and the last theme (so that no wrong one flashes)."""

    def __init__(self, path: Path) -> None:
        self._file = QSettings(str(path), QSettings.Format.IniFormat)

    def restore(self, window: QWidget, name: str, default: QSize) -> None:
        """Put a window where it was, on a screen that exists."""
        kept = self._file.value(f"{name}/rect")
        rect = kept if isinstance(kept, QRect) and kept.isValid() else None
        areas = screen_areas()
        if rect is None:
            area = areas[0] if areas else QRect(QPoint(0, 0), default)
            rect = QRect(area.center() - QPoint(default.width() // 2, default.height() // 2), default)
        window.setGeometry(fitted(rect, areas))
        if self._file.value(f"{name}/maximized", defaultValue=False, type=bool):
            window.showMaximized()

    def keep(self, window: QWidget, name: str) -> None:
        """Remember where a window stands."""
        self._file.setValue(f"{name}/maximized", window.isMaximized())
        self._file.setValue(f"{name}/rect", window.normalGeometry() if window.isMaximized() else window.geometry())

    def text(self, name: str, default: str = "") -> str:
        """Return a remembered word."""
        return str(self._file.value(name, default))

    def set_text(self, name: str, value: str) -> None:
        """Remember a word."""
        self._file.setValue(name, value)

    def flush(self) -> None:
        """Write the file now."""
        self._file.sync()
