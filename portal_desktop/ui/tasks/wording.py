"""Dates, rules and drafts of tasks in the words of their chips."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QLocale

from portal_desktop.tasks import TaskDraft
from portal_desktop.ui.dates import day_text, time_text
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.tasks.chips import Chip, ChipKind

_DAYS = {"MO": 1, "TU": 2, "WE": 3, "TH": 4, "FR": 5, "SA": 6, "SU": 7}


def recurrence_text(rule: str) -> str:
    """Return an RRULE in words as far as its fields are plain; anything more is "repeats"."""
    fields = dict(part.split("=", 1) for part in rule.removeprefix("RRULE:").split(";") if "=" in part)
    interval = int(fields.get("INTERVAL", "1")) if fields.get("INTERVAL", "1").isdigit() else 1
    units = {
        "DAILY": (tr("every day"), tr("every {count} days", count=interval)),
        "WEEKLY": (tr("every week"), tr("every {count} weeks", count=interval)),
        "MONTHLY": (tr("every month"), tr("every {count} months", count=interval)),
        "YEARLY": (tr("every year"), tr("every {count} years", count=interval)),
    }
    if fields.get("FREQ") not in units:
        return tr("repeats")
    base = units[fields["FREQ"]][0 if interval == 1 else 1]
    days = fields.get("BYDAY", "").split(",")
    if fields["FREQ"] == "WEEKLY" and all(day in _DAYS for day in days):
        if len(days) == 5 and not {"SA", "SU"} & set(days) and interval == 1:
            return tr("every weekday")
        names = [QLocale().dayName(_DAYS[day], QLocale.FormatType.ShortFormat) for day in days]
        return tr("{base} on {days}", base=base, days=", ".join(names))
    month_day = fields.get("BYMONTHDAY", "")
    if fields["FREQ"] == "MONTHLY" and month_day.isdigit():
        return tr("{base} on the {day}", base=base, day=ordinal(int(month_day)))
    if fields["FREQ"] == "MONTHLY" and month_day == "-1":
        return tr("{base} on the last day", base=base)
    return base


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 21st in English and the number with a dot elsewhere."""
    if QLocale().language() not in {QLocale.Language.English, QLocale.Language.C}:
        return f"{number}."
    teens = 10 <= number % 100 <= 20
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def draft_chips(draft: TaskDraft, today: date) -> tuple[Chip, ...]:
    """Return what was understood of a quick-add line, the title first."""
    if not draft.title and not draft.understood:
        return ()
    chips = [Chip(ChipKind.PLAIN, draft.title or tr("no title yet"))]
    if draft.due is not None and not isinstance(draft.due, str):
        clock = f" {time_text(draft.due.time)}" if draft.due.time is not None else ""
        chips.append(Chip(ChipKind.DUE, f"{day_text(draft.due.date, today)}{clock}"))
    chips.extend(Chip(ChipKind.TAG, f"#{tag}", tag) for tag in draft.tags)
    if word := priority_text(str(draft.priority)):
        chips.append(Chip(ChipKind.PRIORITY, word, str(draft.priority)))
    if draft.recurrence:
        chips.append(Chip(ChipKind.REPEAT, recurrence_text(draft.recurrence)))
    return tuple(chips)


def priority_text(priority: str) -> str:
    """Return a priority's word, "" for none."""
    return {"high": tr("high"), "medium": tr("medium"), "low": tr("low")}.get(priority, "")
