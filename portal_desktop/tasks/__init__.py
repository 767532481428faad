"""The user's to-do list: its rules, its dates and its recurrences. What others may use is these five names."""

from portal_desktop.storage.tasks import Task
from portal_desktop.tasks.book import TaskBook
from portal_desktop.tasks.quick_add import parse_quick_add
from portal_desktop.tasks.rules import TaskDraft, TaskQuery

__all__ = ["Task", "TaskBook", "TaskDraft", "TaskQuery", "parse_quick_add"]
