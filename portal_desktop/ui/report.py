"""What went wrong last time, as plain text, and the bundle for a bug report: made and looked at here, never sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QDir
from PySide6.QtGui import QFocusEvent, QGuiApplication
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from portal_desktop.doctor import Bundle
from portal_desktop.errors import PortalError
from portal_desktop.ui.controls import Toast, named, push_button
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.spawn import Spawn

FILE_NAME = "portal-report.zip"


class ReportPage(QWidget):
    """First the reports, then, when a bundle is wanted, every file of it before it is written."""

    def __init__(
        self, reports: Sequence[str], collect: Callable[[], Awaitable[Bundle]], *, spawn: Spawn, toast: Toast
    ) -> None:
        super().__init__()
        self.setAccessibleName(tr("Report"))
        self._reports = "\n\n".join(reports)
        self._collect = collect
        self._spawn = spawn
        self._toast = toast
        self._bundle: Bundle | None = None
        self._title = plain_label(tr("What went wrong"), role="page_title")
        self._words = plain_label(
            tr("This report is on this computer only, with keys masked. Nothing is sent."),
            role="muted",
            wrap=True,
        )
        self.files = QComboBox()
        named(self.files, tr("File of the bundle"))
        self.files.currentTextChanged.connect(self._show_file)
        self.files.hide()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("kind", "code")
        self.text.setAccessibleName(tr("Text of the report"))
        self.text.setPlainText(self._reports)
        self.copy = push_button(tr("Copy"), self._copy)
        self.create_bundle = push_button(tr("Create bundle"), self._create, kind="primary")
        self.save = push_button(tr("Save bundle"), self._choose, kind="primary")
        self.save.hide()
        self._lay_out()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in (self.copy, self.create_bundle, self.save):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 18)
        column.setSpacing(10)
        for widget in (self._title, self._words, self.files):
            column.addWidget(widget)
        column.addWidget(self.text, 1)
        column.addLayout(buttons)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Hand the focus on to the text."""
        super().focusInEvent(event)
        self.text.setFocus()

    async def write(self, target: Path) -> None:
        """Write the bundle that was shown.

        Raises:
            PortalError: it cannot be written there.
        """
        assert self._bundle is not None
        try:
            await asyncio.to_thread(self._bundle.write, target)
        except OSError as error:
            raise PortalError("file_not_written", file=target.name, problem=error.strerror or str(error)) from error
        self._toast.say(tr("Saved as {file}. Nothing was sent.", file=str(target)))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self._toast.say(tr("The text is on the clipboard"))

    def _create(self) -> None:
        self.create_bundle.setEnabled(False)
        self.create_bundle.setText(tr("Looking at every part…"))
        self._spawn.start(self._show_bundle(), "collect the bundle")

    async def _show_bundle(self) -> None:
        try:
            self._bundle = await self._collect()
        finally:
            self.create_bundle.setEnabled(True)
            self.create_bundle.setText(tr("Create bundle"))
        self._title.setText(tr("What the bundle holds"))
        self._words.setText(
            tr("These files and nothing else. Look at them before you save; whom you give the bundle is up to you.")
        )
        self.files.clear()
        self.files.addItems(list(self._bundle.files))
        self.files.show()
        self.create_bundle.hide()
        self.save.show()
        self.save.setFocus()

    def _show_file(self, name: str) -> None:
        if self._bundle is not None and name:
            self.text.setPlainText(self._bundle.files[name])

    def _choose(self) -> None:
        """Ask where to, without a nested loop."""
        dialog = QFileDialog(self, tr("Save bundle"), QDir.homePath(), "*.zip")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("zip")
        dialog.selectFile(FILE_NAME)
        dialog.fileSelected.connect(lambda file: self._spawn.start(self.write(Path(file)), "save the bundle"))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
