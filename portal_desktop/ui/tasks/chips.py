"""The small words at the right of a task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChipKind(StrEnum):
    """What a chip tells; decides its colour and what a click on it does."""

    DUE = "due"
    OVERDUE = "overdue"
    TAG = "tag"
    PRIORITY = "priority"
    REPEAT = "repeat"
    CHAT = "chat"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Chip:
    """A word with a kind; `target` is the tag, the chat's id or the priority behind it."""

    kind: ChipKind
    text: str
    target: str = ""

    @property
    def colors(self) -> tuple[str, str, str]:
        """The names of ground, border and text in the table of colours."""
        if self.kind is ChipKind.OVERDUE:
            return "surface", "line", "bad"
        if self.kind is ChipKind.PRIORITY and self.target == "high":
            return "warn_soft", "warn_soft", "warn"
        return "surface", "line", "muted"

    @property
    def framed(self) -> bool:
        """Whether it has a frame; the time of a completed task has none."""
        return self.kind is not ChipKind.PLAIN
