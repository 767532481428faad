"""Tells in the windows what the core can only put up with: no room, no backup, a refused file, a locked keyring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from portal_desktop.assembly import Core
from portal_desktop.errors import PortalError
from portal_desktop.events import (
    BackupFinished,
    KeyringChanged,
    SettingChanged,
    SettingsRefused,
    StorageTrouble,
    StorageWorks,
    Subscription,
)
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.window import PortalWindow

STORAGE = "storage"
BACKUP = "backup"
SETTINGS = "settings"
KEYRING = "keyring"
READ_ONLY = "read only"


class Notices:
    """Follows the bus. What concerns an answer is told in every window, the rest in the first."""

    def __init__(self, core: Core, windows: Callable[[], Iterable[PortalWindow]], spawn: Spawn) -> None:
        self._core = core
        self._windows = windows
        self._spawn = spawn
        bus = core.bus
        self._subscriptions: list[Subscription[Any]] = [
            bus.subscribe(StorageTrouble, self._storage_trouble),
            bus.subscribe(StorageWorks, lambda _: self._withdraw(STORAGE)),
            bus.subscribe(BackupFinished, self._backed_up),
            bus.subscribe(SettingsRefused, lambda event: self._first().notify(SETTINGS, event.title, event.advice)),
            bus.subscribe(SettingChanged, self._setting_changed),
            bus.subscribe(KeyringChanged, lambda _: self._keyring()),
        ]

    def start(self) -> None:
        """Tell what the start already found."""
        if self._core.database.read_only:
            advice = tr("Your chats and tasks can be read and copied. Nothing is saved until the app is started again.")
            self._first().notify(READ_ONLY, tr("Opened read-only"), advice)
        for problem in self._core.settings.problems[:1]:
            self._first().notify(SETTINGS, problem.title, problem.advice)

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            subscription.close()

    def _first(self) -> PortalWindow:
        return next(iter(self._windows()))

    def _withdraw(self, key: str) -> None:
        for window in self._windows():
            window.withdraw(key)

    def _storage_trouble(self, event: StorageTrouble) -> None:
        error = self._worded(event.error_name)
        for window in self._windows():
            window.notify(STORAGE, error.title, error.advice)

    def _backed_up(self, event: BackupFinished) -> None:
        if event.verified:
            self._withdraw(BACKUP)
            return
        error = self._worded(event.error_name or "backup_failed")

        def again() -> None:
            self._spawn.start(self._core.back_up(), "back up now")

        self._first().notify(BACKUP, error.title, error.advice, action=tr("Back up now"), run=again)

    def _setting_changed(self, _event: SettingChanged) -> None:
        if not self._core.settings.problems:
            self._withdraw(SETTINGS)

    def _keyring(self) -> None:
        problem = self._core.credentials.state().problem
        if problem is None:
            self._withdraw(KEYRING)
            return

        def again() -> None:
            self._spawn.start(self._ask_keyring(), "ask the keyring again")

        self._first().notify(KEYRING, problem.title, problem.advice, action=tr("Try again"), run=again)

    async def _ask_keyring(self) -> None:
        await self._core.credentials.retry()
        self._keyring()

    def _worded(self, name: str) -> PortalError:
        """Return the entry of the catalogue; what some of them want filled in is the same for all of this home."""
        return PortalError(name, folder=self._core.paths.data, place=self._core.paths.database.name, known="", found="")
