"""Where windows stood and what stood open. The caller brings what was kept and stores what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

FARTHEST = 1_000_000


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


PLACES = "window.places"
"""The row of the settings table in which the places are kept."""

THEME = "appearance/theme"
ZOOM = "appearance/zoom"
MOTION = "appearance/motion"
"""Texts kept beside the places, because the first picture needs them before the settings are open."""


class Places:
    """Window geometry, the open page and chat, and the last look (so that no wrong one flashes), by name.

    `kept` is what `values` gave at an earlier time, or anything else: what makes no sense in it is left out.
    """

    def __init__(self, kept: object = None) -> None:
        found: Mapping[object, object] = kept if isinstance(kept, Mapping) else {}
        self._values: dict[str, object] = {name: value for name, value in found.items() if isinstance(name, str)}
        self._changed: Callable[[], object] | None = None

    def follow(self, changed: Callable[[], object]) -> None:
        """Call back after each change from now on."""
        self._changed = changed

    def values(self) -> dict[str, object]:
        """Return everything, in values of JSON's types."""
        return dict(self._values)

    def restore(self, window: QWidget, name: str, default: QSize) -> None:
        """Put a window where it was, on a screen that exists."""
        areas = screen_areas()
        rect = _rect(self._values.get(f"{name}/rect"))
        if rect is None:
            area = areas[0] if areas else QRect(QPoint(0, 0), default)
            rect = QRect(area.center() - QPoint(default.width() // 2, default.height() // 2), default)
        window.setGeometry(fitted(rect, areas))
        if self._values.get(f"{name}/maximized") is True:
            window.showMaximized()

    def keep(self, window: QWidget, name: str) -> None:
        """Remember where a window stands."""
        rect = window.normalGeometry() if window.isMaximized() else window.geometry()
        self._set(f"{name}/maximized", window.isMaximized())
        self._set(f"{name}/rect", [rect.x(), rect.y(), rect.width(), rect.height()])

    def text(self, name: str, default: str = "") -> str:
        """Return a remembered word."""
        value = self._values.get(name)
        return value if isinstance(value, str) else default

    def set_text(self, name: str, value: str) -> None:
        """Remember a word."""
        self._set(name, value)

    def _set(self, name: str, value: object) -> None:
        if name in self._values and self._values[name] == value:
            return
        self._values[name] = value
        if self._changed is not None:
            self._changed()


def _rect(value: object) -> QRect | None:
    """Return the rectangle of four whole numbers, None for anything else."""
    match value:
        case [int(x), int(y), int(width), int(height)] if min(width, height) > 0:
            sane = max(abs(x), abs(y), width, height) < FARTHEST
            return QRect(x, y, width, height) if sane else None
    return None
