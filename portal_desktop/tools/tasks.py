"""The five tools of the to-do list. Whose list it is, is bound into the book and never an argument."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from portal_desktop.clock import to_iso
from portal_desktop.errors import InvalidInput, ToolError
from portal_desktop.messages import JsonObject, ToolCall
from portal_desktop.tasks import Task, TaskBook, TaskDraft, TaskQuery
from portal_desktop.tools.base import AskWhen, Describe, Power, Tool, ToolContext
from portal_desktop.tools.results import object_schema

DELETE = "delete_task"
MOST_LISTED = 100
MOST_CANDIDATES = 10

Action = Callable[[JsonObject, ToolContext], Awaitable[object]]

_PRIORITIES = ("none", "low", "medium", "high")
_NAMES: Mapping[str, str] = MappingProxyType({"due": "due_date", "recurrence": "repeat", "changes": "arguments"})


def task_tools(book: TaskBook) -> tuple[Tool, ...]:
    """Return the tools that work on one to-do list; all changes of a turn are one undo step."""
    tools = TaskTools(book)
    return (tools.add(), tools.list(), tools.complete(), tools.delete(), tools.update())


def _which() -> dict[str, Any]:
    return {
        "type": ["integer", "string"],
        "minLength": 1,
        "maxLength": 200,
        "description": "The task's id, or its title.",
    }


def _fields() -> dict[str, dict[str, Any]]:
    """Return the schema of what a task is made of; lengths are the list's own rules and told in words."""
    return {
        "title": {"type": "string", "description": "What is to be done, 1 to 200 characters."},
        "description": {"type": "string", "description": "More about it, at most 1,000 characters."},
        "due_date": {
            "type": ["string", "null"],
            "maxLength": 120,
            "description": (
                "When it is due: ISO such as 2026-12-24 or 2026-12-24T09:00 (local time), or words such as"
                " 'tomorrow 9am', 'next friday', 'end of month'. Without a time it is due all day."
            ),
        },
        "priority": {"type": "string", "enum": list(_PRIORITIES), "description": "How urgent it is."},
        "tags": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 50},
            "maxItems": 20,
            "description": "Words to group tasks by.",
        },
        "repeat": {
            "type": ["string", "null"],
            "maxLength": 300,
            "description": (
                "How often it recurs: 'every friday', 'every 2 weeks', 'every month on the 15th', or an RRULE."
            ),
        },
    }


class TaskTools:
    """What the five tools have in common: one list, one way to name a task, one form of answer."""

    def __init__(self, book: TaskBook) -> None:
        self._book = book

    def add(self) -> Tool:
        """Return the tool that adds a task."""

        async def run(arguments: JsonObject, context: ToolContext) -> object:
            draft = TaskDraft(
                title=arguments["title"],
                description=arguments.get("description", ""),
                due=arguments.get("due_date"),
                priority=arguments.get("priority", "none"),
                tags=arguments.get("tags", ()),
                recurrence=arguments.get("repeat") or "",
            )
            with _worded():
                task = await self._book.add(draft, actor=context.actor, batch=_batch(context))
            return _changed(task, f"Added {task.title!r}{_when(task)}.")

        return _tool(
            "add_task",
            "Add a task to the user's to-do list.",
            object_schema(_fields(), required=("title",)),
            run,
            titles=("Add task", "Added task"),
        )

    def list(self) -> Tool:
        """Return the tool that lists tasks."""

        async def run(arguments: JsonObject, _context: ToolContext) -> object:
            query = TaskQuery(
                status=arguments.get("status", "all"),
                search=arguments.get("search", ""),
                tags=arguments.get("tags", ()),
                priority=arguments.get("priority", ""),
                order=arguments.get("order", "newest"),
                limit=int(arguments.get("limit", 50)),
                offset=int(arguments.get("offset", 0)),
            )
            with _worded():
                page = await self._book.list(query)
            return {
                "success": True,
                "tasks": [_facts(task) for task in page.tasks],
                "count": page.count,
                "more": page.more,
                "message": _counted(len(page.tasks), page.count),
            }

        properties = {
            "status": {
                "type": "string",
                "enum": ["all", "pending", "completed"],
                "description": "Which tasks; all when left out. Deleted ones are never listed.",
            },
            "search": {"type": "string", "maxLength": 200, "description": "Words in title or description."},
            "tags": _fields()["tags"],
            "priority": _fields()["priority"],
            "order": {
                "type": "string",
                "enum": ["newest", "due", "priority", "title", "manual"],
                "description": "Newest first when left out.",
            },
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "description": "50 when left out."},
            "offset": {"type": "integer", "minimum": 0, "description": "How many to pass over, to read on."},
        }
        return _tool(
            "list_tasks",
            "List the user's tasks with their ids, newest first.",
            object_schema(properties),
            run,
            titles=("List tasks", "Listed tasks"),
            powers=frozenset({Power.LOOK}),
        )

    def complete(self) -> Tool:
        """Return the tool that marks a task as done."""

        async def run(arguments: JsonObject, context: ToolContext) -> object:
            task = await self._named(arguments["task_id"], prefer_open=True)
            with _worded():
                done = await self._book.complete(task.id, actor=context.actor, batch=_batch(context))
            words = "was completed already" if task.completed else "is completed"
            again = " Its next occurrence was added." if task.recurrence and not done.recurrence else ""
            return _changed(done, f"{done.title!r} {words}.{again}")

        return _tool(
            "complete_task",
            "Mark a task as done. A recurring task gets its next occurrence by itself.",
            object_schema({"task_id": _which()}, required=("task_id",)),
            run,
            titles=("Complete task", "Completed task"),
        )

    def delete(self) -> Tool:
        """Return the tool that moves a task to the trash; a second one in a turn asks the user first."""

        async def run(arguments: JsonObject, context: ToolContext) -> object:
            task = await self._named(arguments["task_id"], prefer_open=False)
            with _worded():
                deleted = await self._book.delete(task.id, actor=context.actor, batch=_batch(context))
            return _changed(deleted, f"Moved {deleted.title!r} to the trash; the user can restore it.")

        async def describe(arguments: JsonObject) -> str:
            task = await self._named(arguments["task_id"], prefer_open=False)
            return f"Moves “{task.title}” to the trash, from where it can be restored."

        return _tool(
            DELETE,
            "Move a task to the trash, from where the user can restore it.",
            object_schema({"task_id": _which()}, required=("task_id",)),
            run,
            titles=("Delete task", "Deleted task"),
            ask_when=ask_before_second_delete,
            describe=describe,
        )

    def update(self) -> Tool:
        """Return the tool that changes fields of a task."""

        async def run(arguments: JsonObject, context: ToolContext) -> object:
            given = {
                {"due_date": "due", "repeat": "recurrence"}.get(name, name): value
                for name, value in arguments.items()
                if name != "task_id"
            }
            if not given:
                raise ToolError("Give at least one field to change.", code="VALIDATION_ERROR")
            task = await self._named(arguments["task_id"], prefer_open=True)
            with _worded():
                updated = await self._book.update(task.id, given, actor=context.actor, batch=_batch(context))
            return _changed(updated, f"Changed {updated.title!r}{_when(updated)}.")

        properties = {"task_id": _which(), **_fields()}
        properties["due_date"]["description"] += " Null clears it."
        properties["repeat"]["description"] += " Null ends it."
        return _tool(
            "update_task",
            "Change fields of a task. Fields that are left out stay as they are.",
            object_schema(properties, required=("task_id",)),
            run,
            titles=("Change task", "Changed task"),
        )

    async def _named(self, which: int | str, *, prefer_open: bool) -> Task:
        """Return the task an id or title means.

        Raises:
            ToolError: TASK_NOT_FOUND, or TASK_AMBIGUOUS with the candidates.
        """
        number = _number(which)
        if number is not None:
            try:
                return await self._book.get(number)
            except InvalidInput as error:
                if not isinstance(which, str) or not (found := await self._book.named(which)):
                    raise _not_found() from error
        else:
            found = await self._book.named(str(which))
        if prefer_open and len(found) > 1:
            found = [task for task in found if not task.completed] or found
        if not found:
            raise _not_found()
        if len(found) > 1:
            raise _ambiguous(str(which), found)
        return found[0]


def ask_before_second_delete(_arguments: JsonObject, earlier: Sequence[ToolCall]) -> str | None:
    """Return why a further deletion of the same turn is asked about."""
    before = sum(call.name == DELETE for call in earlier)
    return f"it would be deletion number {before + 1} in this answer" if before else None


def _tool(
    name: str,
    description: str,
    parameters: JsonObject,
    run: Action,
    *,
    titles: tuple[str, str],
    powers: frozenset[Power] = frozenset({Power.CHANGE}),
    ask_when: AskWhen | None = None,
    describe: Describe | None = None,
) -> Tool:
    title, done = titles
    return Tool(
        name, description, parameters, run, title, done, powers, ask_when=ask_when, describe=describe, seconds=30.0
    )


def batch_of(turn_id: str) -> str:
    """Return the name of the undo step that holds all changes of a turn."""
    return f"turn {turn_id}"


def _batch(context: ToolContext) -> str:
    return batch_of(context.turn_id) if context.turn_id else ""


def _number(which: str | float) -> int | None:
    """Return the id, also of a whole number written as text or fraction ("7", 7.0, "#7")."""
    if isinstance(which, str):
        digits = which.strip().removeprefix("#")
        return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None
    return int(which)


@contextmanager
def _worded() -> Iterator[None]:
    """Turn the list's refusals into words for a model."""
    try:
        yield
    except InvalidInput as error:
        if error.name == "task_not_found":
            raise _not_found() from error
        field = str(error.values.get("field", ""))
        raise ToolError(
            f"{_NAMES.get(field, field)}: {error.values.get('problem', error.title)}", code="VALIDATION_ERROR"
        ) from error


def _not_found() -> ToolError:
    return ToolError("There is no such task. Call list_tasks to see ids and titles.", code="TASK_NOT_FOUND")


def _ambiguous(which: str, found: Sequence[Task]) -> ToolError:
    listed = "; ".join(f"{task.id}: {task.title}{_when(task)}" for task in found[:MOST_CANDIDATES])
    more = f"; and {len(found) - MOST_CANDIDATES} more" if len(found) > MOST_CANDIDATES else ""
    return ToolError(f"{which!r} may mean {len(found)} tasks. Use an id: {listed}{more}.", code="TASK_AMBIGUOUS")


def _facts(task: Task) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "task_id": task.id,
        "title": task.title,
        "description": task.description,
        "completed": task.completed,
        "priority": str(task.priority),
        "created_at": to_iso(task.created),
    }
    return facts | _optional(task)


def _optional(task: Task) -> dict[str, Any]:
    """Return what most tasks do not have, only where they do."""
    found: dict[str, Any] = {"due_date": _due(task), "tags": task.tags, "repeat": task.recurrence}
    if task.completed_at is not None:
        found["completed_at"] = to_iso(task.completed_at)
    return {name: value for name, value in found.items() if value}


def _changed(task: Task, message: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "success": True,
        "task_id": task.id,
        "title": task.title,
        "description": task.description,
        "status": "deleted" if task.deleted_at else "completed" if task.completed else "pending",
        "priority": str(task.priority),
    }
    return answer | _optional(task) | {"message": message}


def _due(task: Task) -> str:
    if task.due is None:
        return ""
    clock = task.due.time
    return task.due.date.isoformat() + (f"T{clock:%H:%M}" if clock is not None else "")


def _when(task: Task) -> str:
    return f" (due {_due(task).replace('T', ' ')})" if task.due is not None else ""


def _counted(shown: int, count: int) -> str:
    if not count:
        return "There are no such tasks."
    if shown < count:
        return f"{shown} of {count} tasks; use offset to read on."
    return f"{count} task{'s' * (count != 1)}."
