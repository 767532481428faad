"""What a tool's line in the transcript says: a bold verb and the thing it was about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from portal_desktop.messages import Part, ToolCall, ToolReturn
from portal_desktop.ui.dates import day_text, time_text
from portal_desktop.ui.i18n import tr

LONGEST = 90


def badge_title(name: str, *, done: bool, ok: bool) -> str:
    """Return the verb of a tool: what it does while it runs, what it did after, what it could not do."""
    verbs = {
        "add_task": (tr("Adding a task"), tr("Added task"), tr("Could not add the task")),
        "list_tasks": (tr("Listing tasks"), tr("Listed tasks"), tr("Could not list the tasks")),
        "complete_task": (tr("Completing a task"), tr("Completed task"), tr("Could not complete the task")),
        "delete_task": (tr("Deleting a task"), tr("Deleted task"), tr("Could not delete the task")),
        "update_task": (tr("Updating a task"), tr("Updated task"), tr("Could not update the task")),
        "calculate": (tr("Calculating"), tr("Calculated"), tr("Could not calculate")),
    }
    plain = name.replace("_", " ").capitalize()
    running, good, bad = verbs.get(name, (plain, plain, tr("{tool} failed", tool=plain)))
    if not done:
        return running
    return good if ok else bad


def badge_detail(call: ToolCall, answer: ToolReturn | None, today: date) -> str:
    """Return the one thing worth reading of a call without opening it, on one line."""
    known = _fields(answer.content) if answer is not None else {}
    if answer is not None and not answer.ok:
        message = known.get("message") or known.get("error")
        return _short(str(message) if message else answer.content)
    for source in (known, call.arguments):
        for field in ("title", "expression", "query", "name"):
            if isinstance(value := source.get(field), str) and value.strip():
                when = source.get("due_date") or source.get("due")
                more = f" · {due_words(when, today)}" if isinstance(when, str) and when else ""
                return _short(f"{value}{more}")
    return ""


def due_words(text: str, today: date) -> str:
    """Return an ISO date or local time as a person says it; words stay as they are."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    day = day_text(moment.date(), today)
    return day if len(text) <= len("2026-11-22") else f"{day} {time_text(moment.time())}"


def badges(parts: Sequence[Part], today: date) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return titles and details of every call in an answer, by call id."""
    returns = {part.call_id: part for part in parts if isinstance(part, ToolReturn)}
    titles: dict[str, str] = {}
    details: dict[str, str] = {}
    for part in parts:
        if isinstance(part, ToolCall):
            answer = returns.get(part.id)
            titles[part.id] = badge_title(part.name, done=answer is not None, ok=answer is None or answer.ok)
            details[part.id] = badge_detail(part, answer, today)
    return titles, details


def _fields(content: str) -> Mapping[str, object]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, dict):
        inner = value.get("task")
        return inner if isinstance(inner, dict) else value
    return {}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
