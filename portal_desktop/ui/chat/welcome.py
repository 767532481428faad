"""What an empty chat shows: four ways to begin, or what is missing before one can."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from portal_desktop.ui.column import Column
from portal_desktop.ui.controls import PaintedButton, named, push_button, tint
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import FoundModels, Search


def suggestions() -> tuple[tuple[str, str, str], ...]:
    """Return icon, words on the card and the message of each suggestion."""
    return (
        ("tasks", tr("Plan my week"), tr("Look at my tasks and help me plan the week.")),
        ("edit", tr("Write a letter"), tr("Help me write a letter to my landlord about the heating.")),
        ("book", tr("Explain something"), tr("Explain how mortgages work, with a small example.")),
        ("plus", tr("Add a task"), tr("Add a task: water the plants tomorrow at 9.")),
    )


class Suggestion(PaintedButton):
    """A card that puts a message into the composer."""

    def __init__(self, look: Look, icon: str, title: str, message: str) -> None:
        super().__init__(look, radius="card", outlined=True)
        self.message = message
        named(self, f"{title}: {message}")
        picture = QLabel()
        heading = plain_label(title, role="strong")
        words = plain_label(message, role="muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeading)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(4)
        top = QHBoxLayout()
        top.setSpacing(9)
        top.addWidget(picture)
        top.addWidget(heading, 1)
        column.addLayout(top)
        column.addWidget(words, 1)
        for label in (picture, heading, words):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._picture = picture
        self._icon = icon
        look.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        self._picture.setPixmap(self._look.theme.pixmap(self._icon, "accent", 18, self.devicePixelRatioF()))
        self.setFixedHeight(self._look.theme.px(84))


class Welcome(QWidget):
    """Follows the search for models. Its buttons always lead somewhere."""

    suggested = Signal(str)

    def __init__(self, look: Look, found: FoundModels, add_server: Callable[[], object] | None = None) -> None:
        super().__init__()
        self._found = found
        self._title = plain_label(role="page_title")
        self._text = plain_label(role="muted", wrap=True)
        self._privacy = plain_label(role="muted", wrap=True)
        self._again = push_button(tr("Try again"), found.look_again, kind="primary")
        self._add = push_button(tr("Add a server"), add_server or (lambda: None))
        self._can_add = add_server is not None
        self.cards = [Suggestion(look, *each) for each in suggestions()]
        self._grid = QGridLayout()
        self._grid.setSpacing(10)
        self._cards = QWidget()
        self._cards.setLayout(self._grid)
        self._buttons = QWidget()
        row = QHBoxLayout(self._buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._again)
        row.addWidget(self._add)
        row.addStretch(1)
        inside = Column(look, 620)
        for label in (self._title, self._text, self._privacy):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside.column.setSpacing(8)
        inside.column.addStretch(2)
        inside.column.addWidget(self._title)
        inside.column.addWidget(self._text)
        inside.column.addSpacing(14)
        inside.column.addWidget(self._cards)
        inside.column.addWidget(self._buttons)
        inside.column.addSpacing(10)
        inside.column.addWidget(self._privacy)
        inside.column.addStretch(3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(inside)
        for card in self.cards:
            card.clicked.connect(lambda _checked=False, card=card: self.suggested.emit(card.message))
        self._arrange(columns=2)
        tint(self._again, look, "refresh", "on_accent")
        found.changed.connect(self.follow)
        self.follow()

    @property
    def text(self) -> str:
        """What it says."""
        return f"{self._title.text()} {self._text.text()}"

    def follow(self) -> None:
        """Show the state of the search."""
        state = self._found.state
        found = state is Search.FOUND
        self._cards.setVisible(found)
        self._buttons.setVisible(state is Search.NONE)
        self._add.setVisible(self._can_add)
        self._privacy.setVisible(found)
        if found:
            self._title.setText(tr("What shall we do?"))
            self._text.setText(tr("Found {what}. Write below, or begin with one of these.", what=self._found.summary()))
        elif state is Search.LOOKING:
            self._title.setText(tr("Looking for models on this computer"))
            self._text.setText(
                tr("Ollama, LM Studio, llama.cpp, vLLM and Jan are asked; nothing beyond this computer.")
            )
        else:
            self._title.setText(tr("No models found on this computer"))
            self._text.setText(
                tr("Start Ollama, LM Studio or another local server with at least one model. It is found by itself.")
            )
        away = any(not endpoint.local for endpoint in self._found.endpoints().values())
        self._privacy.setText(
            tr("Messages to a cloud model leave this computer; everything else stays on it.")
            if away
            else tr("Everything you write stays on this computer.")
        )

    def arrange(self, width: int) -> None:
        """Lay the cards out for a width."""
        self._arrange(columns=2 if width >= 520 else 1)

    def _arrange(self, *, columns: int) -> None:
        for place, card in enumerate(self.cards):
            self._grid.addWidget(card, place // columns, place % columns)
