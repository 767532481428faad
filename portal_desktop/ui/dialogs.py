"""Dialogs and labels that show plain text only, opened without a nested event loop."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget


def plain_label(text: str = "", *, role: str = "", wrap: bool = False) -> QLabel:
    """Return a label that never reads its text as markup; `role` is the look the stylesheet gives it."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    if role:
        label.setProperty("role", role)
    return label


async def ask(parent: QWidget | None, title: str, text: str, choices: Sequence[str]) -> str | None:
    """Ask and return the chosen button's text; None when the dialog was dismissed. The last choice is the default."""
    import asyncio  # noqa: PLC0415 - labels are needed before the first picture, the loop is not

    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(title)
    box.setText(title)
    box.setInformativeText(text)
    box.setAccessibleName(title)
    for choice in choices:
        button = box.addButton(choice, QMessageBox.ButtonRole.ActionRole)
        button.setAccessibleName(choice)
        box.setDefaultButton(button)
    answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def finished() -> None:
        clicked = box.clickedButton()
        if not answer.done():
            answer.set_result(clicked.text() if clicked is not None else None)

    box.finished.connect(finished)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return await answer
