"""The to-do list. Window, tools and command line all go through here, so that every way keeps the same rules."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from portal_desktop.clock import Clock
from portal_desktop.errors import InvalidInput
from portal_desktop.events import Bus, TaskChanged, TasksChanged
from portal_desktop.storage.tasks import Due, NewTask, Task, TaskChange, TaskRows, TaskStep
from portal_desktop.storage.tasks import TaskQuery as RowQuery
from portal_desktop.tasks import rules
from portal_desktop.tasks.dates import Reading
from portal_desktop.tasks.recurrence import following, parse_rule
from portal_desktop.tasks.rules import TaskDraft, TaskQuery

USER = "user"


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some of the tasks a query wants; `count` is how many there are in all."""

    tasks: tuple[Task, ...]
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The tasks one undo put back."""

    batch: str
    tasks: tuple[Task, ...]


class TaskBook:
    """The tasks of one owner.

    A task that does not exist, one in the trash and one of somebody else are the same error. Changes made under one
    `batch` are undone together; without one each change stands alone. `zone` tells the local zone at the moment.
    """

    def __init__(
        self,
        rows: TaskRows,
        clock: Clock,
        zone: Callable[[], tzinfo],
        *,
        bus: Bus | None = None,
        languages: Sequence[str] = ("en", "de"),
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._zone = zone
        self._bus = bus
        self._languages = tuple(languages)
        self._changing = asyncio.Lock()

    def now(self) -> datetime:
        """Return the local time by which dates in words are read."""
        return self._clock.now().astimezone(self._zone())

    def due(self, text: str) -> Due:
        """Return what a date in words means now, so that a face can show it before it is kept.

        Raises:
            InvalidInput: the text is not understood.
        """
        due = rules.due_of(text, self.now(), self._languages)
        assert due is not None
        return due

    async def add(self, draft: TaskDraft, *, actor: str = USER, batch: str = "") -> Task:
        """Add a task.

        Raises:
            InvalidInput: a field breaks a rule; nothing was added.
        """
        now = self.now()
        due = rules.due_of(draft.due, now, self._languages)
        recurrence, due = rules.with_repeat(draft.recurrence, due, now, self._languages)
        task = NewTask(
            title=rules.title_of(draft.title),
            description=rules.description_of(draft.description),
            due=due,
            priority=rules.priority_of(draft.priority),
            tags=rules.tags_of(draft.tags),
            recurrence=recurrence,
            conversation_id=rules.conversation_of(draft.conversation_id),
        )
        added = await self._rows.insert(task, batch=batch or _new_batch(), actor=actor)
        self._tell([added])
        return added

    async def get(self, task_id: int) -> Task:
        """Return one task that is not in the trash.

        Raises:
            InvalidInput: task_not_found.
        """
        return await self._existing(task_id)

    async def list(self, query: TaskQuery | None = None) -> TaskPage:
        """Return the tasks a query wants, newest first unless it says otherwise.

        Raises:
            InvalidInput: a filter has a value that does not exist.
        """
        wanted = rules.query_of(query or TaskQuery())
        tasks = await self._rows.select(wanted)
        complete = len(tasks) < wanted.limit and (tasks or not wanted.offset)
        count = wanted.offset + len(tasks) if complete else await self._rows.count(wanted)
        return TaskPage(tuple(tasks), count, more=wanted.offset + len(tasks) < count)

    async def named(self, title: str) -> Sequence[Task]:
        """Return the tasks a title may mean: those of exactly this title, else those that contain it, newest first."""
        wanted = " ".join(title.casefold().split())
        tasks = await self._rows.select(RowQuery(limit=rules.MOST_LISTED))
        exact = [task for task in tasks if task.title.casefold() == wanted]
        return exact or [task for task in tasks if wanted and wanted in task.title.casefold()]

    async def tags(self) -> Sequence[str]:
        """Return every tag in use."""
        return await self._rows.tags()

    async def update(self, task_id: int, changes: Mapping[str, object], *, actor: str = USER, batch: str = "") -> Task:
        """Change fields of a task; a `due` of None clears it, one that is absent stays.

        Raises:
            InvalidInput: task_not_found, or a field breaks a rule or does not exist, or there is none.
        """
        if not changes:
            raise rules.refuse("changes", "at least one field must be given")
        async with self._changing:
            task = await self._existing(task_id)
            return await self._change(task, self._fields(task, changes), actor, batch)

    def _fields(self, task: Task, changes: Mapping[str, object]) -> dict[str, object]:
        fields: dict[str, object] = {}
        for name, value in changes.items():
            if name in rules.PLAIN_FIELDS:
                fields[name] = rules.PLAIN_FIELDS[name](value)
            elif name not in {"due", "recurrence"}:
                raise rules.refuse(name, "a task has no such field")
        now = self.now()
        due = task.due
        if "due" in changes:
            due = fields["due"] = rules.due_of(changes["due"], now, self._languages)
        if "recurrence" in changes:
            fields["recurrence"], fields["due"] = rules.with_repeat(changes["recurrence"], due, now, self._languages)
        return fields

    async def complete(self, task_id: int, *, actor: str = USER, batch: str = "") -> Task:
        """Mark a task as done; one that is done already stays as it is.

        A recurring task hands its rule on to the next occurrence, which is added in the same step.

        Raises:
            InvalidInput: task_not_found.
        """
        async with self._changing:
            while not (task := await self._existing(task_id)).completed:
                try:
                    changed = await self._rows.apply(self._completion(task), batch=batch or _new_batch(), actor=actor)
                except InvalidInput as error:
                    if error.name != "task_changed":
                        raise
                    continue
                self._tell(changed)
                return changed[0]
            return task

    def _completion(self, task: Task) -> Sequence[TaskChange]:
        """Return the change and the successor; they hold only for the task as it was read.

        So of two processes that complete one task only one adds the next occurrence; the other finds it done.
        """
        done: dict[str, object] = {"completed": True, "completed_at": self._clock.now()}
        successor = self._successor(task)
        if successor is None:
            return [TaskChange(task.id, done, version=task.version)]
        return [
            TaskChange(task.id, {**done, "recurrence": ""}, version=task.version),
            TaskChange(None, successor),
        ]

    def _successor(self, task: Task) -> Mapping[str, object] | None:
        """Return the fields of the next occurrence, or None when the task does not recur any more."""
        now = self.now()
        step = _step(task, rules.zone_of(task.due, now))
        if step is None:
            return None
        due, recurrence = step
        if task.due is None:
            due = rules.due_from(Reading(due.date), now)
        return {
            "title": task.title,
            "description": task.description,
            "due": due,
            "priority": str(task.priority),
            "tags": task.tags,
            "recurrence": recurrence,
            "position": task.position,
            "conversation_id": task.conversation_id,
        }

    async def skip(self, task_id: int, *, actor: str = USER, batch: str = "") -> Task:
        """Move a recurring task to its next occurrence without doing this one.

        Raises:
            InvalidInput: task_not_found, or nothing follows.
        """
        async with self._changing:
            task = await self._existing(task_id)
            step = _step(task, None)
            if step is None:
                raise rules.refuse("recurrence", "nothing follows this one")
            return await self._change(task, {"due": step[0], "recurrence": step[1]}, actor, batch)

    async def reopen(self, task_id: int, *, actor: str = USER, batch: str = "") -> Task:
        """Mark a task as not done; an open one stays as it is. The rule it handed on does not come back.

        Raises:
            InvalidInput: task_not_found.
        """
        async with self._changing:
            task = await self._existing(task_id)
            if not task.completed:
                return task
            return await self._change(task, {"completed": False, "completed_at": None}, actor, batch)

    async def delete(self, task_id: int, *, actor: str = USER, batch: str = "") -> Task:
        """Move a task to the trash.

        Raises:
            InvalidInput: task_not_found.
        """
        async with self._changing:
            task = await self._existing(task_id)
            return await self._change(task, {"deleted_at": self._clock.now()}, actor, batch)

    async def restore(self, task_id: int, *, actor: str = USER, batch: str = "") -> Task:
        """Take a task out of the trash; one that is not there stays as it is.

        Raises:
            InvalidInput: task_not_found.
        """
        async with self._changing:
            task = await self._existing(task_id, in_trash=True)
            if task.deleted_at is None:
                return task
            return await self._change(task, {"deleted_at": None}, actor, batch)

    async def purge(self, task_id: int) -> None:
        """Remove a task from the trash for good, with its history. Only a user does this; no tool offers it.

        Raises:
            InvalidInput: task_not_found, also for a task that is not in the trash.
        """
        async with self._changing:
            task = await self._existing(task_id, in_trash=True)
            if task.deleted_at is None:
                raise InvalidInput("task_not_found")
            await self._rows.purge([task.id])
        self._tell_all()

    async def undo(self, *, batch: str = "", actor: str | None = None) -> UndoResult | None:
        """Take back the newest step of the last 30 days, or the named one; None when there is none.

        `actor` looks at the steps of one actor only. A step after which its tasks were changed again is not taken
        back.

        Raises:
            InvalidInput: undo_overtaken; nothing was changed.
        """
        async with self._changing:
            wanted = batch or await self._rows.last_batch(actor=actor)
            if wanted is None:
                return None
            tasks = await self._rows.undo(wanted)
        self._tell_all()
        return UndoResult(wanted, tuple(tasks))

    async def undoable(self, batches: Sequence[str]) -> Mapping[str, Collection[int]]:
        """Return the tasks each of these steps changed, for those that can still be taken back."""
        return await self._rows.undoable(batches) if batches else {}

    async def history(self, task_id: int | None = None, limit: int = 100) -> Sequence[TaskStep]:
        """Return the last changes, newest first, of one task or of all."""
        return await self._rows.history(task_id, limit)

    async def _existing(self, task_id: int, *, in_trash: bool = False) -> Task:
        known = isinstance(task_id, int) and 0 < task_id < 2**63
        task = await self._rows.get(task_id, include_deleted=in_trash) if known else None
        if task is None:
            raise InvalidInput("task_not_found")
        return task

    async def _change(self, task: Task, fields: Mapping[str, object], actor: str, batch: str) -> Task:
        change = TaskChange(task.id, fields, version=task.version)
        changed = await self._rows.apply([change], batch=batch or _new_batch(), actor=actor)
        self._tell(changed)
        return changed[0]

    def _tell(self, tasks: Sequence[Task]) -> None:
        if self._bus is not None:
            for task in tasks:
                self._bus.publish(TaskChanged(task.id))

    def _tell_all(self) -> None:
        if self._bus is not None:
            self._bus.publish(TasksChanged())


def _step(task: Task, done: datetime | None) -> tuple[Due, str] | None:
    """Return due date and rule of the next occurrence; without a time of completion one occurrence is skipped."""
    if not task.recurrence:
        return None
    due = task.due
    step = following(parse_rule(task.recurrence), due.date if due else None, due.time if due else None, done)
    if step is None:
        return None
    return Due(step[0], due.time if due else None, due.zone if due else ""), str(step[1])


def _new_batch() -> str:
    return uuid.uuid4().hex
