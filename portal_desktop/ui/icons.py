"""The icons: 24 × 24 strokes in `resources/icons/*.svg`, tinted when drawn."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

RATIOS = (1.0, 2.0, 3.0)


class Icons:
    """Icons of one folder by name; a drawn pixmap is kept for as long as this object lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: dict[str, str] = {}
        self._pixmaps: dict[tuple[str, int, int, float], QPixmap] = {}

    def names(self) -> tuple[str, ...]:
        """Return the name of every icon there is."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.svg")))

    def icon(
        self, name: str, color: QColor, *, disabled: QColor | None = None, checked: QColor | None = None, size: int = 18
    ) -> QIcon:
        """Return an icon for buttons and menus, sharp on screens up to three times the density."""
        icon = QIcon()
        states = [(color, QIcon.Mode.Normal, QIcon.State.Off)]
        if disabled is not None:
            states.append((disabled, QIcon.Mode.Disabled, QIcon.State.Off))
        if checked is not None:
            states.append((checked, QIcon.Mode.Normal, QIcon.State.On))
        for tint, mode, state in states:
            for ratio in RATIOS:
                icon.addPixmap(self.pixmap(name, tint, size, ratio), mode, state)
        return icon

    def pixmap(self, name: str, color: QColor, size: int, ratio: float = 1.0) -> QPixmap:
        """Return the icon drawn in one colour at a size in device-independent pixels.

        Raises:
            FileNotFoundError: there is no icon of that name.
        """
        key = (name, color.rgba(), size, ratio)
        if key not in self._pixmaps:
            self._pixmaps[key] = self._draw(name, color, size, ratio)
        return self._pixmaps[key]

    def _draw(self, name: str, color: QColor, size: int, ratio: float) -> QPixmap:
        if name not in self._sources:
            self._sources[name] = (self._folder / f"{name}.svg").read_text("utf-8")
        source = self._sources[name].replace("currentColor", color.name(QColor.NameFormat.HexRgb))
        pixmap = QPixmap(round(size * ratio), round(size * ratio))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        QSvgRenderer(QByteArray(source.encode())).render(painter)
        painter.end()
        pixmap.setDevicePixelRatio(ratio)
        return pixmap
