"""The conversations as lines of a list: pinned ones, then by date, or what a search found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from portal_desktop.chat.history import Conversation, SearchHit
from portal_desktop.ui.dates import local, month_text
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.rows import Index, RowsModel


class Mark(StrEnum):
    """The dot before a conversation; words for it are in `mark_text`."""

    NONE = ""
    UNREAD = "unread"
    RUNNING = "running"
    WAITING = "waiting"


class Kind(StrEnum):
    """What a line is."""

    HEADER = "header"
    CHAT = "chat"
    HIT = "hit"


class Roles(IntEnum):
    """Roles beyond Qt's own."""

    KIND = Qt.ItemDataRole.UserRole + 1
    CONVERSATION = Qt.ItemDataRole.UserRole + 2
    MESSAGE = Qt.ItemDataRole.UserRole + 3
    MARK = Qt.ItemDataRole.UserRole + 4
    SNIPPET = Qt.ItemDataRole.UserRole + 5
    PINNED = Qt.ItemDataRole.UserRole + 6
    CURRENT = Qt.ItemDataRole.UserRole + 7


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sidebar."""

    kind: Kind
    title: str
    conversation: int = 0
    message: int = 0
    mark: Mark = Mark.NONE
    snippet: str = ""
    pinned: bool = False
    current: bool = False

    @property
    def key(self) -> tuple[str, int, int, str]:
        """A header is its text; a chat its id."""
        return (self.kind, self.conversation, self.message, self.title if self.kind is Kind.HEADER else "")


def mark_text(mark: Mark) -> str:
    """Return what a dot means, for screen readers and tooltips."""
    return {
        Mark.NONE: "",
        Mark.UNREAD: tr("unread"),
        Mark.RUNNING: tr("answering"),
        Mark.WAITING: tr("waiting for you"),
    }[mark]


def group_of(conversation: Conversation, today: date) -> str:
    """Return the heading a conversation stands under."""
    if conversation.pinned:
        return tr("Pinned")
    day = local(conversation.updated).date()
    if day >= today:
        return tr("Today")
    if day == today - timedelta(days=1):
        return tr("Yesterday")
    if day > today - timedelta(days=7):
        return tr("Last 7 days")
    if day > today - timedelta(days=30):
        return tr("Last 30 days")
    return month_text(day)


def chat_lines(
    conversations: Sequence[Conversation], *, now: datetime, current: int | None, mark: Callable[[Conversation], Mark]
) -> list[Line]:
    """Return headings and conversations, pinned first, then the newest."""
    today = local(now).date()
    ordered = sorted(conversations, key=lambda item: (not item.pinned, -item.updated.timestamp(), -item.id))
    lines: list[Line] = []
    heading = ""
    for item in ordered:
        group = group_of(item, today)
        if group != heading:
            heading = group
            lines.append(Line(Kind.HEADER, group))
        title = item.title or tr("New chat")
        here = item.id == current
        lines.append(Line(Kind.CHAT, title, item.id, mark=mark(item), pinned=item.pinned, current=here))
    return lines


def hit_lines(hits: Sequence[SearchHit]) -> list[Line]:
    """Return what a search found, one line per message."""
    heading = tr("Found in messages") if hits else tr("Nothing found")
    found = [Line(Kind.HIT, hit.title, hit.conversation_id, hit.message_id or 0, snippet=hit.snippet) for hit in hits]
    return [Line(Kind.HEADER, heading), *found]


_PROPERTIES: Mapping[int, Callable[[Line], object]] = MappingProxyType(
    {
        Qt.ItemDataRole.DisplayRole: lambda line: line.title,
        Qt.ItemDataRole.EditRole: lambda line: line.title,
        Qt.ItemDataRole.ToolTipRole: lambda line: line.title,
        Qt.ItemDataRole.AccessibleTextRole: lambda line: ", ".join(
            part for part in (line.title, mark_text(line.mark), line.snippet) if part
        ),
        Roles.KIND: lambda line: line.kind.value,
        Roles.CONVERSATION: lambda line: line.conversation,
        Roles.MESSAGE: lambda line: line.message,
        Roles.MARK: lambda line: line.mark.value,
        Roles.SNIPPET: lambda line: line.snippet,
        Roles.PINNED: lambda line: line.pinned,
        Roles.CURRENT: lambda line: line.current,
    }
)


class SidebarModel(RowsModel[Line]):
    """Lines for the list view. Headings cannot be chosen; a chat can be renamed in place."""

    renamed = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_PROPERTIES, parent)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that chats can be chosen and renamed, hits chosen and headings only read."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self.line(index.row()).kind is Kind.HEADER:
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsEditable if self.line(index.row()).kind is Kind.CHAT else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: ANN401 - Qt's
        """Tell the new title; the line changes when it is stored."""
        if not index.isValid() or role != Qt.ItemDataRole.EditRole:
            return False
        line = self.line(index.row())
        title = str(value).strip()
        if line.kind is not Kind.CHAT or not title or title == line.title:
            return False
        self.renamed.emit(line.conversation, title)
        return True
