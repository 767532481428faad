"""What a task looks like outside this package, and how its row is read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, TypeAlias

import apsw

from portal_desktop.clock import from_iso, to_iso
from portal_desktop.errors import InvalidInput, StorageError
from portal_desktop.storage.records import clean, from_json, to_json

COLUMNS = (
    "id, owner_id, title, description, completed, priority, due_date, due_time, due_zone, tags, recurrence, position,"
    " created_at, updated_at, completed_at, deleted_at, conversation_id, version"
)

Value: TypeAlias = str | int | float | None


class Priority(StrEnum):
    """How urgent a task is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    NONE = "none"


class TaskStatus(StrEnum):
    """Which tasks a query wants."""

    ALL = "all"
    PENDING = "pending"
    COMPLETED = "completed"


class TaskOrder(StrEnum):
    """How a list of tasks is ordered."""

    NEWEST = "newest"
    DUE = "due"
    PRIORITY = "priority"
    TITLE = "title"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Due:
    """Local wall time: all day when `time` is None; `zone` names the zone it was meant in."""

    date: date
    time: time | None = None
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One item of the to-do list; `version` grows with every change."""

    id: int
    owner_id: str
    title: str
    description: str
    completed: bool
    priority: Priority
    due: Due | None
    tags: tuple[str, ...]
    recurrence: str
    position: float
    created: datetime
    updated: datetime
    completed_at: datetime | None
    deleted_at: datetime | None
    conversation_id: int | None
    version: int


@dataclass(frozen=True, slots=True)
class NewTask:
    """The fields of a task to be made; without a position it goes to the end of the manual order."""

    title: str
    description: str = ""
    completed: bool = False
    priority: Priority = Priority.NONE
    due: Due | None = None
    tags: tuple[str, ...] = ()
    recurrence: str = ""
    position: float | None = None
    completed_at: datetime | None = None
    deleted_at: datetime | None = None
    conversation_id: int | None = None


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What changes in one task; without an id the fields make a new one.

    A `version` makes the change hold only for a task that still has it.
    """

    task_id: int | None
    fields: Mapping[str, object]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks, in which order; `search` looks into title and description, `tags` must all be there."""

    status: TaskStatus = TaskStatus.ALL
    search: str = ""
    tags: tuple[str, ...] = ()
    priority: Priority | None = None
    deleted: bool = False
    due_from: date | None = None
    due_to: date | None = None
    order: TaskOrder = TaskOrder.NEWEST
    limit: int = 1000
    offset: int = 0


@dataclass(frozen=True, slots=True)
class TaskStep:
    """One row of the history: the task before a change, None where the change made it."""

    id: int
    batch: str
    actor: str
    task_id: int
    before: Mapping[str, Any] | None = field(repr=False)
    at: datetime
    undone: bool


FIELDS = frozenset(field.name for field in fields(NewTask))


def columns_of(given: Mapping[str, object]) -> dict[str, Value]:
    """Return the columns for fields of a task.

    Raises:
        InvalidInput: a field is unknown or its value has the wrong type.
    """
    columns: dict[str, Value] = {}
    for name, value in given.items():
        if name not in FIELDS:
            raise InvalidInput("invalid_field", field=name, problem="a task has no such field")
        columns.update(_column(name, value))
    return columns


def _column(name: str, value: object) -> dict[str, Value]:
    columns: dict[str, Value] | None = None
    match name, value:
        case "title" | "description" | "recurrence", str():
            columns = {name: clean(value)}
        case "completed", bool():
            columns = {name: int(value)}
        case "priority", str() if value in set(Priority):
            columns = {name: str(value)}
        case "due", None | Due():
            columns = _due_columns(value)
        case "tags", tuple() | list():
            columns = {name: to_json([str(tag) for tag in value], "tags")}
        case "position", int() | float():
            columns = {name: float(value)}
        case "completed_at" | "deleted_at", datetime():
            columns = {name: to_iso(value)}
        case "completed_at" | "deleted_at" | "conversation_id", None:
            columns = {name: None}
        case "conversation_id", int():
            columns = {name: value}
    if columns is None:
        raise InvalidInput("invalid_field", field=name, problem=f"{type(value).__name__} does not fit")
    return columns


def _due_columns(due: Due | None) -> dict[str, Value]:
    if due is None:
        return {"due_date": None, "due_time": None, "due_zone": ""}
    at = None if due.time is None else due.time.isoformat()
    return {"due_date": due.date.isoformat(), "due_time": at, "due_zone": clean(due.zone)}


def task_of(row: tuple[Any, ...]) -> Task:
    """Return the task in a row of `COLUMNS`.

    Raises:
        StorageError: bad_record.
    """
    place = f"tasks {row[0]}"
    try:
        due = None
        if row[6] is not None:
            due = Due(date.fromisoformat(row[6]), time.fromisoformat(row[7]) if row[7] else None, row[8])
        return Task(
            id=row[0],
            owner_id=row[1],
            title=row[2],
            description=row[3],
            completed=bool(row[4]),
            priority=Priority(row[5]),
            due=due,
            tags=tuple(str(tag) for tag in from_json(row[9], place)),
            recurrence=row[10],
            position=row[11],
            created=from_iso(row[12]),
            updated=from_iso(row[13]),
            completed_at=from_iso(row[14]) if row[14] else None,
            deleted_at=from_iso(row[15]) if row[15] else None,
            conversation_id=row[16],
            version=row[17],
        )
    except (ValueError, TypeError) as error:
        raise StorageError("bad_record", place=place, technical=str(error)) from error


def image_of(connection: apsw.Connection, task_id: int) -> dict[str, Any]:
    """Return all columns of a task, as the history keeps them."""
    cursor = connection.execute(f"SELECT {COLUMNS} FROM tasks WHERE id = ?", (task_id,))  # noqa: S608 - constants
    names = [name.strip() for name in COLUMNS.split(",")]
    return dict(zip(names, cursor.fetchall()[0], strict=True))
