"""What a task may be: one set of rules for the window, the tools and the command line."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from portal_desktop.errors import InvalidInput
from portal_desktop.storage import tasks as rows
from portal_desktop.storage.tasks import Due, Priority
from portal_desktop.tasks import calendar
from portal_desktop.tasks.dates import Reading, read_date
from portal_desktop.tasks.every import Repeat, first_due, read_every
from portal_desktop.tasks.recurrence import parse_rule

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 1_000
LONGEST_TAG = 50
MOST_TAGS = 20
MOST_LISTED = 10_000

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Understood:
    """A piece of a quick-add line that was read: `due`, `repeat`, `tag` or `priority`, and where it stood."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A task as it is asked for, before the rules.

    `due` may be a date in words or ISO; `recurrence` an RRULE or a phrase such as "every month".
    """

    title: str
    description: str = ""
    due: Due | str | None = None
    priority: str = Priority.NONE
    tags: Sequence[str] = ()
    recurrence: str = ""
    conversation_id: int | None = None
    understood: tuple[Understood, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks, in which order. A value that is not one of those named is refused, never read as "all".

    Status: all, pending, completed. Order: newest, due, priority, title, manual. Priority: empty for any, or low,
    medium, high, none. All of `tags` must be there.
    """

    status: str = "all"
    search: str = ""
    tags: Sequence[str] = ()
    priority: str = ""
    deleted: bool = False
    due_from: date | None = None
    due_to: date | None = None
    order: str = "newest"
    limit: int = 1_000
    offset: int = 0


def refuse(field: str, problem: str) -> InvalidInput:
    """Return the error for a field that breaks a rule."""
    return InvalidInput("invalid_field", field=field, problem=problem)


def query_of(query: TaskQuery) -> rows.TaskQuery:
    """Return the query of the rows.

    Raises:
        InvalidInput: a filter has a value that does not exist.
    """
    if not 1 <= query.limit <= MOST_LISTED or query.offset < 0:
        raise refuse("limit", f"it is a number from 1 to {MOST_LISTED}")
    return rows.TaskQuery(
        status=_choice(rows.TaskStatus, query.status, "status"),
        search=query.search,
        tags=tags_of(query.tags),
        priority=_choice(Priority, query.priority, "priority") if query.priority else None,
        deleted=query.deleted,
        due_from=query.due_from,
        due_to=query.due_to,
        order=_choice(rows.TaskOrder, query.order, "order"),
        limit=query.limit,
        offset=query.offset,
    )


def _choice(kind: type[Choice], value: str, field: str) -> Choice:
    try:
        return kind(value)
    except ValueError as error:
        raise refuse(field, f"it is one of {', '.join(kind)}") from error


def title_of(value: object) -> str:
    """Return a title in one line and trimmed."""
    if not isinstance(value, str) or not (title := " ".join(_clean(value).split())):
        raise refuse("title", "it must not be blank")
    if len(title) > LONGEST_TITLE:
        raise refuse("title", f"it has {len(title)} characters, {LONGEST_TITLE} are allowed")
    return title


def description_of(value: object) -> str:
    """Return a description, trimmed."""
    if not isinstance(value, str):
        raise refuse("description", "it must be text")
    description = _clean(value).strip()
    if len(description) > LONGEST_DESCRIPTION:
        raise refuse("description", f"it has {len(description)} characters, {LONGEST_DESCRIPTION} are allowed")
    return description


def tags_of(value: object) -> tuple[str, ...]:
    """Return tags trimmed, in lower case, without a leading #, each once."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(tag, str) for tag in value):
        raise refuse("tags", "they must be a list of words")
    tags = tuple(dict.fromkeys(_clean(tag).strip().lstrip("#").strip().lower() for tag in value))
    if any(not tag or len(tag) > LONGEST_TAG for tag in tags):
        raise refuse("tags", f"each has 1 to {LONGEST_TAG} characters")
    if len(tags) > MOST_TAGS:
        raise refuse("tags", f"a task has at most {MOST_TAGS}")
    return tags


def priority_of(value: object) -> Priority:
    """Return a priority by its name."""
    return _choice(Priority, value if isinstance(value, str) else "", "priority")


def due_of(value: object, now: datetime, languages: Sequence[str]) -> Due | None:
    """Return a due date from a `Due`, from words, or None for none; `now` is local."""
    if value is None or isinstance(value, Due):
        return value
    reading = read_date(value, now, languages) if isinstance(value, str) else None
    if reading is None:
        raise refuse("due", f"{str(value)[:60]!r} is not a date that is understood")
    return due_from(reading, now)


def due_from(reading: Reading, now: datetime) -> Due:
    """Return a reading as the due date of a task, in the zone of `now`."""
    assert now.tzinfo is not None
    return Due(reading.day, reading.clock, calendar.zone_name(now.tzinfo))


def with_repeat(value: object, due: Due | None, now: datetime, languages: Sequence[str]) -> tuple[str, Due | None]:
    """Return the rule to store and the due date, which a recurring task without one gets from its rule."""
    if value is None or value == "":
        return "", due
    repeat = _repeat(value, now, languages)
    if due is None:
        due = due_from(Reading(first_due(repeat, now), repeat.clock), now)
    elif due.time is None and repeat.clock is not None:
        due = replace(due, time=repeat.clock)
    return str(repeat.rule.anchored(due.date)), due


def _repeat(value: object, now: datetime, languages: Sequence[str]) -> Repeat:
    if not isinstance(value, str):
        raise refuse("recurrence", "it must be text")
    if "=" not in value:
        repeat = read_every(value, now, languages)
        if repeat is None:
            raise refuse("recurrence", f"{value[:60]!r} is not a repetition that is understood")
        return repeat
    try:
        return Repeat(parse_rule(value))
    except ValueError as error:
        raise refuse("recurrence", str(error)) from error


def position_of(value: object) -> float:
    """Return a place in the manual order."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise refuse("position", "it must be a number")
    return float(value)


def conversation_of(value: object) -> int | None:
    """Return the id of a linked conversation, or None."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise refuse("conversation_id", "it must be the number of a conversation")


PLAIN_FIELDS: Mapping[str, Callable[[object], object]] = MappingProxyType(
    {
        "title": title_of,
        "description": description_of,
        "tags": tags_of,
        "priority": priority_of,
        "position": position_of,
        "conversation_id": conversation_of,
    }
)


def zone_of(due: Due | None, now: datetime) -> datetime:
    """Return `now` in the zone a due date was meant in; an unknown zone is read as the present one."""
    if due is None or not due.zone:
        return now
    try:
        return now.astimezone(ZoneInfo(due.zone))
    except (KeyError, OSError, ValueError):
        return now


def _clean(text: str) -> str:
    """Return text in composed form without control characters, which no list can show."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(char for char in composed if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"})
