"""The quick-add line."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.storage.tasks import Due
from portal_desktop.tasks import TaskBook, TaskDraft, parse_quick_add
from tests.support.pace import allowed

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Europe/Berlin"))

LINES = """
en | pay rent tomorrow 9am #home !high every month | pay rent | 2026-11-19 09:00 | high | home | FREQ=MONTHLY;BYMONTHDAY=19
en | Call Bob on Friday at 3pm                     | Call Bob | 2026-11-20 15:00 | none |      |
en | tomorrow #home call Bob 9am                   | call Bob 9am | 2026-11-19   | none | home |
en | dentist tomorrow #health 9am                  | dentist  | 2026-11-19 09:00 | none | health |
en | Water plants every 3 days after completion    | Water plants | 2026-11-18   | none |      | FREQ=DAILY;INTERVAL=3;X-FROM=COMPLETION
en | Bins every thursday 7:30 !low                 | Bins     | 2026-11-19 07:30 | low  |      | FREQ=WEEKLY;BYDAY=TH
en | Send report end of month                      | Send report | 2026-11-30    | none |      |
en | Pay on the last day of the month              | Pay      | 2026-11-30       | none |      |
en | Buy sun cream                                 | Buy sun cream |             | none |      |
en | Read the 3rd chapter                          | Read the 3rd chapter |      | none |      |
en | Fix bug #12 in C#                             | Fix bug #12 in C# |         | none |      |
en | Great! Really!!                               | Great! Really!! |           | none |      |
en | Buy !wow paint                                | Buy !wow paint |            | none |      |
en | Daily standup notes                           | Daily standup notes |       | none |      |
en | Meeting 14:30 #Work #work                     | Meeting  | 2026-11-18 14:30 | none | work |
en | 2026-12-24 wrap gifts                         | wrap gifts | 2026-12-24     | none |      |
en | Tax, due friday                               | Tax      | 2026-11-20       | none |      |
en |                                               |          |                  | none |      |
de | Miete zahlen morgen 9 Uhr #wohnung !hoch jeden Monat | Miete zahlen | 2026-11-19 09:00 | high | wohnung | FREQ=MONTHLY;BYMONTHDAY=19
de | Zahnarzt am 3. Mai um 14 Uhr                  | Zahnarzt | 2027-05-03 14:00 | none |      |
de | Mülltonne jeden zweiten Freitag               | Mülltonne | 2026-11-20      | none |      | FREQ=WEEKLY;INTERVAL=2;BYDAY=FR
de | call Bob next friday                          | call Bob | 2026-11-20       | none |      |
de | Mit Fr Mueller reden                          | Mit Fr Mueller reden |      | none |      |
de | Abend planen                                  | Abend planen |              | none |      |
"""


@pytest.mark.spec("X-69", "X-70")
@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_quick_add_line_yields_title_due_priority_tags_and_rule(line: str) -> None:
    language, text, *expected = (part.strip() for part in line.split("|"))
    draft = parse_quick_add(text, NOW, language)
    assert [draft.title, written(draft.due), str(draft.priority), " ".join(draft.tags), draft.recurrence] == expected


def written(due: Due | str | None) -> str:
    if not isinstance(due, Due):
        return ""
    return due.date.isoformat() + (f" {due.time:%H:%M}" if due.time is not None else "")


def test_quick_add_understood_pieces_say_what_was_read_and_where() -> None:
    line = "pay rent tomorrow 9am #home !high every month"
    pieces = parse_quick_add(line, NOW).understood
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("due", "tomorrow 9am"),
        ("tag", "#home"),
        ("priority", "!high"),
        ("repeat", "every month"),
    ]
    assert all(line[piece.start : piece.end] == piece.text for piece in pieces)


def test_quick_add_line_of_endless_text_is_all_title() -> None:
    assert parse_quick_add("tomorrow " * 10_000, NOW).understood == ()


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(
    "line", ["pay rent tomorrow 9am #home !high every month", "the of " * 42, "in a " * 60, "every 3. mai am " * 18]
)
def test_quick_add_line_is_understood_in_ten_milliseconds(line: str) -> None:
    def seconds() -> float:
        start = time.thread_time()
        parse_quick_add(line, NOW, "de")
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < allowed(0.010)


async def test_quick_add_draft_is_accepted_by_the_book(book: TaskBook) -> None:
    draft = parse_quick_add("pay rent tomorrow 9am #home !high every month", book.now())
    task = await book.add(draft)
    assert isinstance(draft, TaskDraft)
    assert (task.title, task.due, task.recurrence) == ("pay rent", draft.due, draft.recurrence)
