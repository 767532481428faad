"""`portal tasks add|list|done|edit|rm|undo`: the to-do list, by the same rules as the window and the tools."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from portal_desktop.cli.exits import Exit
from portal_desktop.cli.output import Output
from portal_desktop.clock import to_iso
from portal_desktop.errors import InvalidInput
from portal_desktop.tasks import Task, TaskBook, TaskDraft, TaskQuery, parse_quick_add

PRIORITIES = ("none", "low", "medium", "high")
ACTOR = "cli"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="add|list|done|edit|rm|undo")
    add = _verb(verbs, "add", "add a task; a date, #tag, !priority and `every week` are understood")
    add.add_argument("text", nargs="+", help='such as "pay rent tomorrow 9am #home !high every month"')
    add.add_argument("--plain", action="store_true", help="take the text as the title, word for word")
    _field_options(add)
    listing = _verb(verbs, "list", "list tasks")
    listing.add_argument("--status", choices=("all", "pending", "completed"), default="all", help="all by default.")
    listing.add_argument("--search", default="", metavar="TEXT", help="words in title or description")
    listing.add_argument("--tag", action="append", default=[], metavar="TAG", help="all given tags must be there")
    listing.add_argument("--priority", choices=PRIORITIES, default="", help="any by default.")
    listing.add_argument(
        "--order",
        choices=("newest", "due", "priority", "title", "manual"),
        default="newest",
        help="newest first by default.",
    )
    listing.add_argument("--limit", type=int, default=1000, help="at most so many; 1000 by default")
    listing.add_argument("--json", action="store_true", help="an array of tasks")
    for verb, words in (("done", "complete tasks"), ("rm", "move tasks to the trash")):
        several = _verb(verbs, verb, words)
        several.add_argument("id", nargs="+", type=int, help="numbers of the list")
        several.add_argument("--json", action="store_true", help="an array of tasks")
    edit = _verb(verbs, "edit", "change a task; what is not named stays")
    edit.add_argument("id", type=int, help="its number in the list")
    edit.add_argument("--title", help="1 to 200 characters")
    _field_options(edit)
    undo = _verb(verbs, "undo", "take back the last change")
    undo.add_argument("--json", action="store_true", help="an array of tasks")


def _verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], verb: str, words: str) -> argparse.ArgumentParser:
    return verbs.add_parser(verb, help=words, description=words[0].upper() + words[1:] + ".")


def _field_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--description", help="at most 1000 characters")
    parser.add_argument("--due", metavar="WHEN", help='a date in words or ISO; "none" clears it')
    parser.add_argument("--priority", choices=PRIORITIES, help="how urgent it is.")
    parser.add_argument("--tag", action="append", metavar="TAG", help="replaces all tags; may be given again")
    parser.add_argument("--repeat", metavar="RULE", help='such as "every monday"; "none" ends it')
    parser.add_argument("--json", action="store_true", help="the task")


async def run(arguments: argparse.Namespace, output: Output, *, book: TaskBook, language: str) -> Exit:
    """Do one thing with the list and print what became of it."""
    match arguments.verb:
        case "add":
            _tell_one(output, "Added", await book.add(_draft(arguments, book, language), actor=ACTOR))
        case "list":
            _list(output, await _listed(arguments, book))
        case "done":
            _tell(output, "Completed", [await book.complete(number, actor=ACTOR) for number in arguments.id])
        case "rm":
            _tell(output, "Deleted", [await book.delete(number, actor=ACTOR) for number in arguments.id])
        case "edit":
            changes = _changes(arguments)
            if arguments.title is not None:
                changes["title"] = arguments.title
            _tell_one(output, "Changed", await book.update(arguments.id, changes, actor=ACTOR))
        case _:
            undone = await book.undo()
            if undone is None:
                raise InvalidInput("nothing_to_undo")
            _tell(output, "Put back", undone.tasks)
    return Exit.COMPLETE


def task_fields(task: Task) -> dict[str, object]:
    """Return a task as JSON shows it; an all-day date has no time."""
    due = None
    if task.due is not None:
        due = task.due.date.isoformat()
        due += f"T{task.due.time.isoformat('minutes')}" if task.due.time is not None else ""
    return {
        "id": task.id,
        "title": task.title,
        "description": task.description,
        "completed": task.completed,
        "priority": str(task.priority),
        "due": due,
        "due_zone": task.due.zone if task.due is not None else None,
        "tags": list(task.tags),
        "recurrence": task.recurrence,
        "created_at": to_iso(task.created),
        "updated_at": to_iso(task.updated),
        "completed_at": to_iso(task.completed_at) if task.completed_at else None,
        "version": task.version,
    }


def _draft(arguments: argparse.Namespace, book: TaskBook, language: str) -> TaskDraft:
    text = " ".join(arguments.text)
    read = TaskDraft(title=text) if arguments.plain else parse_quick_add(text, book.now(), language)
    given = _changes(arguments)
    return TaskDraft(
        title=read.title,
        description=str(given.get("description", read.description)),
        due=arguments.due if given.get("due") else None if "due" in given else read.due,
        priority=arguments.priority or read.priority,
        tags=arguments.tag or read.tags,
        recurrence=str(given.get("recurrence", read.recurrence)),
    )


def _changes(arguments: argparse.Namespace) -> dict[str, object]:
    changes: dict[str, object] = {
        "description": arguments.description,
        "priority": arguments.priority,
        "tags": arguments.tag,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if arguments.due is not None:
        changes["due"] = None if arguments.due in {"", "none"} else arguments.due
    if arguments.repeat is not None:
        changes["recurrence"] = "" if arguments.repeat in {"", "none"} else arguments.repeat
    return changes


async def _listed(arguments: argparse.Namespace, book: TaskBook) -> Sequence[Task]:
    page = await book.list(
        TaskQuery(
            status=arguments.status,
            search=arguments.search,
            tags=tuple(arguments.tag),
            priority=arguments.priority,
            order=arguments.order,
            limit=arguments.limit,
        )
    )
    return page.tasks


def _list(output: Output, tasks: Sequence[Task]) -> None:
    if output.as_json:
        output.document([task_fields(task) for task in tasks])
    elif tasks:
        output.table([_row(task) for task in tasks])
    else:
        output.aside("No tasks. `portal tasks add TEXT` adds one.")


def _tell(output: Output, verb: str, tasks: Sequence[Task]) -> None:
    if output.as_json:
        output.document([task_fields(task) for task in tasks])
    for task in () if output.as_json else tasks:
        output.line(f"{verb} {task.id}: {task.title}")


def _tell_one(output: Output, verb: str, task: Task) -> None:
    if output.as_json:
        output.document(task_fields(task))
        return
    output.line(f"{verb} {task.id}: " + "  ".join(cell for cell in _row(task)[2:] if cell))


def _row(task: Task) -> list[str]:
    fields = task_fields(task)
    return [
        "[x]" if task.completed else "[ ]",
        str(task.id),
        task.title,
        str(fields["due"] or "").replace("T", " "),
        f"!{task.priority}" if task.priority != "none" else "",
        " ".join(f"#{tag}" for tag in task.tags),
        "repeats" if task.recurrence else "",
    ]
