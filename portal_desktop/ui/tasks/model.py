"""The to-do items as lines of a list, grouped by when they are due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QObject, Qt

from portal_desktop.tasks import Task
from portal_desktop.ui.dates import day_text, local, time_text
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.rows import Index, RowsModel
from portal_desktop.ui.tasks.chips import Chip, ChipKind
from portal_desktop.ui.tasks.wording import priority_text, recurrence_text


class Section(StrEnum):
    """A group of the list."""

    OVERDUE = "overdue"
    TODAY = "today"
    TOMORROW = "tomorrow"
    LATER = "later"
    NO_DATE = "no_date"
    OPEN = "open"
    COMPLETED = "completed"


class Order(StrEnum):
    """How the list is sorted; only by due date it is grouped by day."""

    DUE = "due"
    PRIORITY = "priority"
    NEWEST = "newest"
    TITLE = "title"


class Roles(IntEnum):
    """Roles beyond Qt's own."""

    SECTION = Qt.ItemDataRole.UserRole + 1
    TASK = Qt.ItemDataRole.UserRole + 2
    CHIPS = Qt.ItemDataRole.UserRole + 3
    COUNT = Qt.ItemDataRole.UserRole + 4


@dataclass(frozen=True, slots=True)
class Line:
    """A heading (no task) or an item."""

    section: Section
    task: Task | None = None
    chips: tuple[Chip, ...] = ()
    count: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """A heading is its section; an item keeps its key when it moves to another."""
        return (self.section if self.task is None else "task", self.task.id if self.task else 0)


def section_title(section: Section) -> str:
    """Return a group's heading."""
    return {
        Section.OVERDUE: tr("Overdue"),
        Section.TODAY: tr("Today"),
        Section.TOMORROW: tr("Tomorrow"),
        Section.LATER: tr("Later"),
        Section.NO_DATE: tr("No date"),
        Section.OPEN: tr("To do"),
        Section.COMPLETED: tr("Completed"),
    }[section]


def order_title(order: Order) -> str:
    """Return the name of a sorting."""
    return {
        Order.DUE: tr("due"),
        Order.PRIORITY: tr("priority"),
        Order.NEWEST: tr("newest"),
        Order.TITLE: tr("title"),
    }[order]


def section_of(task: Task, now: datetime) -> Section:
    """Return the group of an item at a local moment; one with a time is overdue the minute it has passed."""
    if task.completed:
        return Section.COMPLETED
    if task.due is None:
        return Section.NO_DATE
    today = now.date()
    if task.due.date < today or (task.due.date == today and task.due.time is not None and task.due.time < now.time()):
        return Section.OVERDUE
    if task.due.date == today:
        return Section.TODAY
    if task.due.date == today + timedelta(days=1):
        return Section.TOMORROW
    return Section.LATER


def due_count(tasks: Iterable[Task], now: datetime) -> int:
    """Return how many items are overdue or due today: the number on the rail."""
    return sum(section_of(task, now) in {Section.OVERDUE, Section.TODAY} for task in tasks)


def chips_of(task: Task, section: Section, today: date, chat_title: Callable[[int], str]) -> tuple[Chip, ...]:
    """Return what stands at the right of an item, the most urgent first."""
    if task.completed:
        done = local(task.completed_at) if task.completed_at else None
        if done is None:
            return ()
        when = time_text(done.time()) if done.date() == today else day_text(done.date(), today)
        return (Chip(ChipKind.PLAIN, when),)
    chips: list[Chip] = []
    if priority := priority_text(task.priority.value):
        chips.append(Chip(ChipKind.PRIORITY, priority, task.priority.value))
    if when := _when(task, section, today):
        chips.append(Chip(ChipKind.OVERDUE if section is Section.OVERDUE else ChipKind.DUE, when))
    if task.recurrence:
        chips.append(Chip(ChipKind.REPEAT, recurrence_text(task.recurrence), task.recurrence))
    chips.extend(Chip(ChipKind.TAG, f"#{tag}", tag) for tag in task.tags)
    if task.conversation_id is not None and (title := chat_title(task.conversation_id)):
        chips.append(Chip(ChipKind.CHAT, tr("from “{title}”", title=title), str(task.conversation_id)))
    return tuple(chips)


def _when(task: Task, section: Section, today: date) -> str:
    if task.due is None:
        return ""
    clock = time_text(task.due.time) if task.due.time is not None else ""
    if section in {Section.TODAY, Section.TOMORROW}:
        return clock
    if section is Section.OVERDUE and task.due.date == today:
        return clock
    day = day_text(task.due.date, today)
    return f"{day} {clock}".strip() if section is not Section.OVERDUE else day


_PRIORITIES = {"high": 0, "medium": 1, "low": 2}


def _sort_key(task: Task, order: Order) -> tuple[Any, ...]:
    due = (task.due is None, task.due.date if task.due else date.max, _minutes(task))
    rank = _PRIORITIES.get(task.priority.value, 3)
    match order:
        case Order.DUE:
            return (*due, rank, task.position, task.id)
        case Order.PRIORITY:
            return (rank, *due, task.position, task.id)
        case Order.NEWEST:
            return (-task.created.timestamp(), -task.id)
        case Order.TITLE:
            return (task.title.casefold(), task.id)


def _minutes(task: Task) -> int:
    """Return the minute of the day, whole days after every time of that day."""
    return 24 * 60 if task.due is None or task.due.time is None else task.due.time.hour * 60 + task.due.time.minute


def matches(task: Task, words: str) -> bool:
    """Return whether every word stands in the title, the description or a tag (``#tag`` only in tags)."""
    text = f"{task.title}\n{task.description}".casefold()
    tags = [tag.casefold() for tag in task.tags]
    for word in words.casefold().split():
        if word.startswith("#") and len(word) > 1:
            if not any(tag.startswith(word[1:]) for tag in tags):
                return False
        elif word not in text and word not in tags:
            return False
    return True


def task_lines(
    tasks: Sequence[Task],
    *,
    now: datetime,
    order: Order = Order.DUE,
    words: str = "",
    chat_title: Callable[[int], str] = lambda _id: "",
) -> list[Line]:
    """Return headings and items. `now` is local; completed items come last, the newest of them first."""
    groups: dict[Section, list[Task]] = {}
    for task in sorted((task for task in tasks if matches(task, words)), key=lambda task: _sort_key(task, order)):
        section = section_of(task, now)
        if order is not Order.DUE and section is not Section.COMPLETED:
            section = Section.OPEN
        groups.setdefault(section, []).append(task)
    lines: list[Line] = []
    for section in Section:
        members = groups.get(section, [])
        if not members:
            continue
        if section is Section.COMPLETED:
            members.sort(key=lambda task: task.completed_at or task.updated, reverse=True)
        lines.append(Line(section, count=_count_text(section, members, now)))
        for task in members:
            own = section_of(task, now)
            shown = Section.LATER if section is Section.OPEN and own is not Section.OVERDUE else own
            lines.append(Line(section, task, chips_of(task, shown, now.date(), chat_title)))
    return lines


def _count_text(section: Section, members: Sequence[Task], now: datetime) -> str:
    if section is not Section.COMPLETED:
        return str(len(members))
    today = sum(task.completed_at is not None and local(task.completed_at).date() == now.date() for task in members)
    return tr("today {count}", count=today) if today else str(len(members))


def _spoken(line: Line) -> str:
    if line.task is None:
        return f"{section_title(line.section)}, {line.count}"
    state = tr("done") if line.task.completed else tr("not done")
    return ", ".join([line.task.title, state, *(chip.text for chip in line.chips)])


def _checked(line: Line) -> Qt.CheckState | None:
    if line.task is None:
        return None
    return Qt.CheckState.Checked if line.task.completed else Qt.CheckState.Unchecked


def _title(line: Line) -> str:
    return line.task.title if line.task else section_title(line.section)


_PROPERTIES: Mapping[int, Callable[[Line], object]] = MappingProxyType(
    {
        Qt.ItemDataRole.DisplayRole: _title,
        Qt.ItemDataRole.EditRole: _title,
        Qt.ItemDataRole.CheckStateRole: _checked,
        Qt.ItemDataRole.ToolTipRole: lambda line: (line.task.description or line.task.title) if line.task else None,
        Qt.ItemDataRole.AccessibleTextRole: _spoken,
        Roles.SECTION: lambda line: line.section.value,
        Roles.TASK: lambda line: line.task.id if line.task else 0,
        Roles.CHIPS: lambda line: line.chips,
        Roles.COUNT: lambda line: line.count,
    }
)


class TasksModel(RowsModel[Line]):
    """Lines for the list view. An item can be ticked and renamed in place; what that means is the page's affair."""

    def __init__(
        self,
        rename: Callable[[Task, str], None],
        tick: Callable[[Task, bool], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(_PROPERTIES, parent)
        self._rename = rename
        self._tick = tick

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: ANN401 - Qt's
        """Rename or tick; the line itself changes when the book says so."""
        task = self.line(index.row()).task if index.isValid() else None
        if task is None:
            return False
        if role == Qt.ItemDataRole.CheckStateRole:
            self._tick(task, Qt.CheckState(value) is Qt.CheckState.Checked)
            return True
        title = str(value).strip()
        if role == Qt.ItemDataRole.EditRole and title and title != task.title:
            self._rename(task, title)
            return True
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that items can be ticked and edited and headings only read."""
        flag = Qt.ItemFlag
        if not index.isValid():
            return flag.NoItemFlags
        if self.line(index.row()).task is None:
            return flag.ItemIsEnabled | flag.ItemNeverHasChildren
        common = flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemNeverHasChildren
        return common | flag.ItemIsEditable | flag.ItemIsUserCheckable
