"""Local dates and times as a person reads them; the only place where moments become text."""

from __future__ import annotations

from datetime import date, datetime, time

from PySide6.QtCore import QDate, QLocale, QTime

from portal_desktop.ui.i18n import tr


def local(moment: datetime) -> datetime:
    """Return an aware moment in this computer's zone."""
    return moment.astimezone()


def time_text(moment: time) -> str:
    """Return hours and minutes in the order and with the signs of the user's locale."""
    locale = QLocale()
    twelve_hours = "AP" in locale.timeFormat(QLocale.FormatType.ShortFormat).upper() and locale.language() != _C
    return locale.toString(QTime(moment.hour, moment.minute), "h:mm AP" if twelve_hours else "HH:mm")


def day_text(day: date, today: date) -> str:
    """Return the shortest name that cannot be mistaken: today, tomorrow, a weekday within six days, or a date."""
    distance = (day - today).days
    named = {0: tr("today"), 1: tr("tomorrow"), -1: tr("yesterday")}
    if distance in named:
        return named[distance]
    locale = QLocale()
    value = QDate(day.year, day.month, day.day)
    if abs(distance) <= 6:
        return locale.dayName(value.dayOfWeek(), QLocale.FormatType.ShortFormat)
    return locale.toString(value, "d MMM" if day.year == today.year else "d MMM yyyy")


def month_text(day: date) -> str:
    """Return a month with its year, standing alone."""
    name = QLocale().standaloneMonthName(day.month, QLocale.FormatType.LongFormat)
    return f"{name} {day.year}"


def stamp_text(moment: datetime, now: datetime) -> str:
    """Return when something was said: the time today, day and time before."""
    there, here = local(moment), local(now)
    if there.date() == here.date():
        return time_text(there.time())
    return f"{day_text(there.date(), here.date())} {time_text(there.time())}"


def elapsed_text(seconds: float) -> str:
    """Return minutes and seconds, hours only when there are some: ``0:12``, ``1:02:05``."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


_C = QLocale.Language.C
