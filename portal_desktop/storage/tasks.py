"""The rows of the to-do list. Every change keeps what was before it, in the same transaction, so it can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

import apsw

from portal_desktop.clock import Clock, from_iso, to_iso
from portal_desktop.errors import InvalidInput
from portal_desktop.storage.connect import number, one_row, select
from portal_desktop.storage.database import Database
from portal_desktop.storage.records import clean, from_json, to_json
from portal_desktop.storage.task_values import (
    COLUMNS,
    Due,
    NewTask,
    Priority,
    Task,
    TaskChange,
    TaskOrder,
    TaskQuery,
    TaskStatus,
    TaskStep,
    Value,
    columns_of,
    image_of,
    task_of,
)

__all__ = [
    "Due",
    "NewTask",
    "Priority",
    "Task",
    "TaskChange",
    "TaskOrder",
    "TaskQuery",
    "TaskRows",
    "TaskStatus",
    "TaskStep",
]

OWNER = "local"
ONE = f"SELECT {COLUMNS} FROM tasks WHERE id = ? AND owner_id = ?"  # noqa: S608 - constants
UNDO_DAYS = 30
ORDERS = {
    TaskOrder.NEWEST: "created_at DESC, id DESC",
    TaskOrder.DUE: "due_date IS NULL, due_date, due_time IS NOT NULL, due_time, position, id",
    TaskOrder.PRIORITY: "instr('high  mediumlow   none  ', priority), due_date IS NULL, due_date, position, id",
    TaskOrder.TITLE: "title COLLATE NOCASE, id",
    TaskOrder.MANUAL: "position, id",
}


class TaskRows:
    """The tasks of one owner; ids of another owner's tasks behave like ids that do not exist."""

    def __init__(self, database: Database, clock: Clock, owner_id: str = OWNER) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner_id

    async def insert(self, task: NewTask, *, batch: str, actor: str) -> Task:
        """Add a task.

        Raises:
            InvalidInput: a field has a value of the wrong type.
        """
        given = {field.name: getattr(task, field.name) for field in fields(task)}
        if task.position is None:
            del given["position"]
        return (await self.apply([TaskChange(None, given)], batch=batch, actor=actor))[0]

    async def get(self, task_id: int, *, include_deleted: bool = False) -> Task | None:
        """Return one task, or None."""

        def query(connection: apsw.Connection) -> Task | None:
            rows = self._rows(connection, [task_id])
            task = task_of(rows[0]) if rows else None
            return None if task is None or (task.deleted_at is not None and not include_deleted) else task

        return await self._database.read(query)

    async def select(self, query: TaskQuery) -> list[Task]:
        """Return the tasks a query wants."""
        where, values = self._where(query)
        sql = (
            f"SELECT {COLUMNS} FROM tasks WHERE {where}"  # noqa: S608 - constants
            f" ORDER BY {ORDERS[query.order]} LIMIT ? OFFSET ?"
        )

        def read(connection: apsw.Connection) -> list[Task]:
            return [task_of(row) for row in select(connection, sql, (*values, query.limit, query.offset))]

        return await self._database.read(read)

    async def count(self, query: TaskQuery) -> int:
        """Return how many tasks a query wants, without its limit."""
        where, values = self._where(query)
        sql = f"SELECT count(*) FROM tasks WHERE {where}"  # noqa: S608 - constants
        return await self._database.read(lambda connection: number(connection, sql, values))

    async def apply(self, changes: Sequence[TaskChange], *, batch: str, actor: str) -> list[Task]:
        """Make all changes or none; tasks that are changed under one `batch` are undone together.

        Raises:
            InvalidInput: not_found, task_changed, or a field that is unknown or has a value of the wrong type.
        """
        prepared = [(change, columns_of(change.fields)) for change in changes]
        now = to_iso(self._clock.now())

        def write(connection: apsw.Connection) -> list[Task]:
            touched = []
            for change, columns in prepared:
                if change.task_id is None:
                    before, number = None, self._add(connection, columns, now)
                else:
                    before, number = self._image(connection, change.task_id), change.task_id
                    if change.version not in {None, before["version"]}:
                        raise InvalidInput("task_changed")
                    _update(connection, number, {**columns, "updated_at": now})
                self._remember(connection, number, before, (batch, actor, now))
                touched.append(number)
            return self._tasks(connection, touched)

        return await self._database.write(write)

    async def last_batch(self, *, actor: str | None = None) -> str | None:
        """Return the newest batch of the last 30 days that is not undone."""
        since = to_iso(self._clock.now() - timedelta(days=UNDO_DAYS))

        def query(connection: apsw.Connection) -> str | None:
            rows = select(
                connection,
                "SELECT batch FROM task_history WHERE owner_id = ?1 AND undone_at IS NULL AND at >= ?2"
                " AND (?3 IS NULL OR actor = ?3) ORDER BY id DESC LIMIT 1",
                (self._owner, since, actor),
            )
            return str(rows[0][0]) if rows else None

        return await self._database.read(query)

    async def undoable(self, batches: Sequence[str]) -> dict[str, set[int]]:
        """Return the tasks each of these batches changed; only batches of the last 30 days that `undo` would take."""
        sql = (
            "SELECT batch, task_id, EXISTS (SELECT 1 FROM task_history later WHERE later.task_id = step.task_id"
            " AND later.id > step.id AND later.batch <> step.batch AND later.undone_at IS NULL)"
            " FROM task_history step WHERE owner_id = ? AND undone_at IS NULL AND at >= ?"
            " AND batch IN (SELECT value FROM json_each(?))"
        )
        since = to_iso(self._clock.now() - timedelta(days=UNDO_DAYS))
        values = (self._owner, since, to_json(list(batches), "batches"))
        steps = await self._database.read(lambda connection: select(connection, sql, values))
        overtaken = {batch for batch, _, later in steps if later}
        found: dict[str, set[int]] = {}
        for batch, task_id, _ in steps:
            if batch not in overtaken:
                found.setdefault(batch, set()).add(task_id)
        return found

    async def undo_last(self, *, actor: str | None = None) -> list[Task]:
        """Undo the newest batch; an empty list when there is none."""
        batch = await self.last_batch(actor=actor)
        return [] if batch is None else await self.undo(batch)

    async def undo(self, batch: str) -> list[Task]:
        """Put every task of a batch back to what it was; one the batch made goes to the trash.

        Raises:
            InvalidInput: nothing_to_undo, or undo_overtaken when a task was changed again since.
        """
        now = to_iso(self._clock.now())

        def write(connection: apsw.Connection) -> list[Task]:
            steps = select(
                connection,
                "SELECT id, task_id, before FROM task_history"
                " WHERE owner_id = ? AND batch = ? AND undone_at IS NULL ORDER BY id DESC",
                (self._owner, batch),
            )
            if not steps:
                raise InvalidInput("nothing_to_undo")
            self._check_overtaken(connection, batch, steps)
            for step, task_id, before in steps:
                image = {"deleted_at": now} if before is None else from_json(before, f"task_history {step}")
                _update(connection, task_id, {**_changeable(image), "updated_at": now})
            connection.execute(
                "UPDATE task_history SET undone_at = ? WHERE owner_id = ? AND batch = ? AND undone_at IS NULL",
                (now, self._owner, batch),
            )
            return self._tasks(connection, dict.fromkeys(step[1] for step in reversed(steps)))

        return await self._database.write(write)

    async def history(self, task_id: int | None = None, limit: int = 100) -> list[TaskStep]:
        """Return the last changes, newest first, of one task or of all."""

        def query(connection: apsw.Connection) -> list[TaskStep]:
            rows = select(
                connection,
                "SELECT id, batch, actor, task_id, before, at, undone_at IS NOT NULL FROM task_history"
                " WHERE owner_id = ?1 AND (?2 IS NULL OR task_id = ?2) ORDER BY id DESC LIMIT ?3",
                (self._owner, task_id, limit),
            )
            return [
                TaskStep(
                    id=number,
                    batch=batch,
                    actor=actor,
                    task_id=task,
                    before=None if before is None else from_json(before, f"task_history {number}"),
                    at=from_iso(at),
                    undone=bool(undone),
                )
                for number, batch, actor, task, before, at, undone in rows
            ]

        return await self._database.read(query)

    async def purge(self, task_ids: Sequence[int]) -> None:
        """Remove tasks and their history for good."""

        def write(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM tasks WHERE id = ? AND owner_id = ?", [(number, self._owner) for number in task_ids]
            )

        await self._database.write(write)

    async def tags(self) -> list[str]:
        """Return every tag of a task outside the trash, in the order of the alphabet."""
        sql = (
            "SELECT DISTINCT t.value FROM tasks, json_each(tasks.tags) t"
            " WHERE owner_id = ? AND deleted_at IS NULL ORDER BY t.value"
        )
        return await self._database.read(
            lambda connection: [str(row[0]) for row in select(connection, sql, (self._owner,))]
        )

    def _where(self, query: TaskQuery) -> tuple[str, tuple[Value, ...]]:
        terms: list[tuple[str, tuple[Value, ...]]] = [("owner_id = ?", (self._owner,))]
        terms.append((f"deleted_at IS {'NOT NULL' if query.deleted else 'NULL'}", ()))
        if query.status is not TaskStatus.ALL:
            terms.append(("completed = ?", (int(query.status is TaskStatus.COMPLETED),)))
        if query.priority is not None:
            terms.append(("priority = ?", (str(query.priority),)))
        terms += [("EXISTS (SELECT 1 FROM json_each(tasks.tags) WHERE value = ?)", (tag,)) for tag in query.tags]
        for word in clean(query.search).split():
            pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            terms.append(("(title LIKE ? ESCAPE '\\' OR description LIKE ? ESCAPE '\\')", (pattern, pattern)))
        if query.due_from is not None:
            terms.append(("due_date >= ?", (query.due_from.isoformat(),)))
        if query.due_to is not None:
            terms.append(("due_date <= ?", (query.due_to.isoformat(),)))
        return " AND ".join(term for term, _ in terms), tuple(value for _, given in terms for value in given)

    def _rows(self, connection: apsw.Connection, task_ids: Sequence[int]) -> list[tuple[Any, ...]]:
        return [row for task_id in task_ids for row in select(connection, ONE, (task_id, self._owner))]

    def _tasks(self, connection: apsw.Connection, task_ids: Sequence[int] | dict[int, None]) -> list[Task]:
        return [task_of(one_row(connection, ONE, (task_id, self._owner))) for task_id in task_ids]

    def _image(self, connection: apsw.Connection, task_id: int) -> dict[str, Any]:
        if not self._rows(connection, [task_id]):
            raise InvalidInput("not_found", what=f"task {task_id}")
        return image_of(connection, task_id)

    def _add(self, connection: apsw.Connection, columns: dict[str, Value], now: str) -> int:
        if not columns.get("title"):
            raise InvalidInput("invalid_field", field="title", problem="it must not be empty")
        if "position" not in columns:
            last = select(
                connection, "SELECT coalesce(max(position), 0) + 1 FROM tasks WHERE owner_id = ?", (self._owner,)
            )
            columns = {**columns, "position": last[0][0]}
        row = {**columns, "owner_id": self._owner, "created_at": now, "updated_at": now}
        sql = (
            f"INSERT INTO tasks ({', '.join(row)})"  # noqa: S608 - names of columns
            f" VALUES ({', '.join('?' * len(row))}) RETURNING id"
        )
        return number(connection, sql, tuple(row.values()))

    def _remember(
        self, connection: apsw.Connection, task_id: int, before: dict[str, Any] | None, facts: tuple[str, str, str]
    ) -> None:
        batch, actor, now = facts
        connection.execute(
            "INSERT INTO task_history (owner_id, batch, actor, task_id, before, at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._owner,
                clean(batch),
                clean(actor),
                task_id,
                None if before is None else to_json(before, "before"),
                now,
            ),
        )

    def _check_overtaken(self, connection: apsw.Connection, batch: str, steps: list[tuple[Any, ...]]) -> None:
        first = {task_id: step for step, task_id, _ in steps}
        for task_id, step in first.items():
            later = select(
                connection,
                "SELECT 1 FROM task_history WHERE owner_id = ? AND task_id = ? AND id > ? AND batch <> ?"
                " AND undone_at IS NULL LIMIT 1",
                (self._owner, task_id, step, batch),
            )
            if later:
                raise InvalidInput("undo_overtaken")


def _update(connection: apsw.Connection, task_id: int, columns: dict[str, Value]) -> None:
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(
        f"UPDATE tasks SET {assignments}, version = version + 1 WHERE id = ?",  # noqa: S608 - names of columns
        (*columns.values(), task_id),
    )


def _changeable(image: dict[str, Any]) -> dict[str, Any]:
    fixed = {"id", "owner_id", "created_at", "updated_at", "version"}
    return {name: value for name, value in image.items() if name not in fixed}
