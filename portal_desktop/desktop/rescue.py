"""A database that does not open: what can be done about each fault, offered on the page that tells of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir
from PySide6.QtWidgets import QFileDialog

from portal_desktop.errors import PortalError, StorageError
from portal_desktop.ui.dates import stamp_text
from portal_desktop.ui.i18n import plural, tr
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.window import Choice, MainWindow

if TYPE_CHECKING:
    from portal_desktop.assembly import Core
    from portal_desktop.storage.copies import Backup

DAMAGED = "database_damaged"
NEWER = "database_newer"
UNWRITABLE = frozenset({"database_read_only", "disk_full"})


class Rescue:
    """The choices after one failed start, whose core is stopped. Nothing is done before one of them is pressed."""

    def __init__(
        self,
        core: Core,
        window: MainWindow,
        spawn: Spawn,
        *,
        again: Callable[[], object],
        look_only: Callable[[], object],
        leave: Callable[[], object],
    ) -> None:
        self._core = core
        self._window = window
        self._spawn = spawn
        self._again = again
        self._look_only = look_only
        self._leave = leave

    async def offer(self, error: PortalError) -> None:
        """Tell the fault on its page, with its choices."""
        choices: list[Choice] = []
        advice = error.advice
        if error.name == DAMAGED:
            if (backup := await self._core.newest_whole_backup()) is not None:
                choices.append(Choice(self._restore_text(backup), partial(self._restore, error, backup)))
            else:
                advice = tr("There is no verified backup. Save a copy of the file before anything else is tried.")
            choices.append(Choice(tr("Save a copy"), self._choose_target))
        if error.name != NEWER:
            choices.append(Choice(tr("Try again"), self._again))
        if error.name in UNWRITABLE and await self._core.readable():
            choices.append(Choice(tr("Open read-only"), self._look_only))
        choices.append(Choice(tr("Quit"), self._leave, "app.quit"))
        self._window.show_failure(error.title, advice, choices)

    async def save_copy(self, target: Path) -> None:
        """Copy the file as it is, and the log beside it that belongs to it.

        Raises:
            StorageError: it cannot be written there.
        """
        source = self._core.paths.database
        try:
            await asyncio.to_thread(_copy_with_log, source, target)
        except OSError as error:
            problem = error.strerror or str(error)
            raise StorageError("file_not_written", file=target.name, problem=problem) from error
        self._window.toast.say(tr("Saved as {file}", file=str(target)))

    def _restore_text(self, backup: Backup) -> str:
        chats = plural("{count} chat", "{count} chats", backup.chats)
        when = stamp_text(backup.created, self._core.clock.now())
        return tr("Restore the last verified backup\n({when}, {chats})", when=when, chats=chats)

    def _restore(self, error: PortalError, backup: Backup) -> None:
        self._window.show_waiting()
        self._spawn.start(self._put_back(error, backup), "restore the last verified backup")

    async def _put_back(self, error: PortalError, backup: Backup) -> None:
        try:
            aside = await self._core.backups.restore(backup)
        except PortalError:
            await self.offer(error)
            raise
        if aside is not None:
            self._window.toast.say(tr("Restored. The damaged file is kept as {file}.", file=aside.name))
        self._again()

    def _choose_target(self) -> None:
        """Ask where to, without a nested loop."""
        dialog = QFileDialog(self._window, tr("Save a copy"), QDir.homePath())
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"{self._core.paths.database.stem}-damaged.db")
        dialog.fileSelected.connect(lambda file: self._spawn.start(self.save_copy(Path(file)), "save a copy"))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def _copy_with_log(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    log = source.with_name(f"{source.name}-wal")
    if log.exists():
        shutil.copyfile(log, target.with_name(f"{target.name}-wal"))
