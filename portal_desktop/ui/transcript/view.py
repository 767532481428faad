"""The transcript widget."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QUrl, Signal
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from portal_desktop.clock import Clock
from portal_desktop.ui.theme import Theme
from portal_desktop.ui.transcript.message import TranscriptMessage


class TranscriptView(QAbstractScrollArea):
    """Shows the messages of one conversation.

    Every change is a snapshot: `apply` the same message again with more text and only its open tail is laid out anew.
    """

    linkActivated = Signal(QUrl, str)  # noqa: N815 - Qt's way; address, warning ("" when there is none)
    linkHovered = Signal(str)  # noqa: N815 - the real target in words, "" when the pointer left
    actionTriggered = Signal(int, str, str)  # noqa: N815 - message id, Action, argument
    olderWanted = Signal()  # noqa: N815 - the reader nears the top
    atEndChanged = Signal(bool)  # noqa: N815 - whether the end is in sight
    thinkingToggled = Signal(bool)  # noqa: N815 - the reader opened or closed reasoning: remember it

    def __init__(self, theme: Theme, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._clock = clock

    def set_theme(self, theme: Theme) -> None:
        """Change colours, zoom or motion; the line being read stays where it is."""

    def set_thinking_open(self, *, is_open: bool) -> None:
        """Set whether reasoning is shown open from the start (a remembered preference)."""

    def set_keep_own_in_place(self, *, keep: bool) -> None:
        """Set whether a growing answer leaves the own message near the top instead of following the end."""

    def set_messages(self, messages: Sequence[TranscriptMessage], position: str = "") -> None:
        """Show another conversation at a place that `position` returned, or at its end."""

    def prepend(self, older: Sequence[TranscriptMessage]) -> None:
        """Add older messages above; what is being read stays where it is."""

    def apply(self, message: TranscriptMessage, *, own: bool = False) -> None:
        """Show a message as it is now: a known id is changed, an unknown one goes to the end.

        `own` says that the user just sent it: it is placed near the top with room below.
        """

    def remove_from(self, message_id: int) -> None:
        """Take away this message and all below it (another branch is shown next)."""

    def position(self) -> str:
        """Return the place being read, for `set_messages`."""
        return ""

    def to_end(self) -> None:
        """Go to the end and follow it."""

    def at_end(self) -> bool:
        """Return whether the end is in sight."""
        return True

    def show_message(self, message_id: int) -> None:
        """Bring a message to the top of the view (a search hit)."""

    def selected_text(self) -> str:
        """Return what is selected, as plain text."""
        return ""

    def copy(self) -> None:
        """Put the selection on the clipboard as text and as Markdown."""
