"""The icon beside the system's clock. The app is whole without it, and a tray that appears later is used."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from portal_desktop.ui.i18n import tr

RECHECK_MS = 15_000


class Tray(QObject):
    """Open, New chat and Quit. `available` is asked again every 15 s, as desktops start their trays late."""

    def __init__(
        self,
        icon: QIcon,
        *,
        open_window: Callable[[], None],
        new_chat: Callable[[], None],
        quit_app: Callable[[], None],
        is_available: Callable[[], bool] = QSystemTrayIcon.isSystemTrayAvailable,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._open_window = open_window
        self._is_available = is_available
        self._tray: QSystemTrayIcon | None = None
        self.menu = QMenu()
        self.menu.setAccessibleName(tr("Portal Desktop"))
        self.menu.addAction(tr("Open Portal Desktop"), open_window)
        self.menu.addAction(tr("New chat"), new_chat)
        self.menu.addSeparator()
        self.menu.addAction(tr("Quit"), quit_app)
        self._timer = QTimer(self)
        self._timer.setInterval(RECHECK_MS)
        self._timer.timeout.connect(self.check)

    @property
    def visible(self) -> bool:
        """Whether the icon is where the user can reach it."""
        return self._tray is not None and self._is_available()

    def start(self) -> None:
        """Show the icon now, or as soon as the desktop has a tray."""
        self.check()
        self._timer.start()

    def check(self) -> None:
        """Look again whether there is a tray."""
        if self._tray is None and self._is_available():
            self._tray = QSystemTrayIcon(self._icon, self)
            self._tray.setToolTip(tr("Portal Desktop"))
            self._tray.setContextMenu(self.menu)
            self._tray.activated.connect(self._activated)
            self._tray.show()

    def close(self) -> None:
        """Remove the icon."""
        self._timer.stop()
        if self._tray is not None:
            self._tray.hide()
            self._tray = None
        self.menu.deleteLater()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self._open_window()
