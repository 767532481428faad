"""The theme in force. Widgets that paint or hold icons ask here, and listen for the next one."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from portal_desktop.ui.theme import Scheme, Theme, scheme_for


class Look(QObject):
    """Holds one `Theme` at a time and applies it to the application; open windows follow live."""

    changed = Signal()

    def __init__(self, theme: Theme, parent: QObject | None = None, *, wanted: str = "") -> None:
        super().__init__(parent)
        self._theme = theme
        self._wanted = wanted or theme.scheme.value

    @property
    def theme(self) -> Theme:
        """The theme in force."""
        return self._theme

    @property
    def wanted(self) -> str:
        """What the user chose: ``system`` or the name of a scheme."""
        return self._wanted

    def color(self, name: str) -> QColor:
        """Return a colour of the theme in force."""
        return self._theme.color(name)

    def icon(self, name: str, color: str = "muted") -> QIcon:
        """Return an icon tinted for the theme in force."""
        return self._theme.icon(name, color)

    def choose(self, wanted: str, *, zoom: int | None = None, motion: str = "") -> None:
        """Take the user's choice of appearance; ``system`` follows the desktop from now on."""
        self._wanted = wanted
        reduced = {"on": True, "off": False}.get(motion)
        self._become(self._theme.with_changes(scheme=self._resolved(), zoom=zoom, reduced_motion=reduced))

    def follow_system(self) -> None:
        """Listen to the desktop's switch between light and dark."""
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)

    def apply(self) -> None:
        """Give the application this look."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self._theme.apply(app)
        self.changed.emit()

    def _system_changed(self) -> None:
        self._become(self._theme.with_changes(scheme=self._resolved()))

    def _resolved(self) -> Scheme:
        return scheme_for(self._wanted, QGuiApplication.styleHints().colorScheme())

    def _become(self, theme: Theme) -> None:
        if theme != self._theme:
            self._theme = theme
            self.apply()
