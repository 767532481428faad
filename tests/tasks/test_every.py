"""Phrases of repetition, in both languages, at a fixed clock."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.tasks.every import first_due, read_every

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Europe/Berlin"))

PHRASES = """
en | every day                            | FREQ=DAILY | 2026-11-18
en | daily                                | FREQ=DAILY | 2026-11-18
en | every day at 9                       | FREQ=DAILY | 2026-11-19 09:00
en | every weekday at 8:30                | FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR | 2026-11-19 08:30
en | every monday and thursday            | FREQ=WEEKLY;BYDAY=MO,TH | 2026-11-19
en | every mon, wed and fri               | FREQ=WEEKLY;BYDAY=MO,WE,FR | 2026-11-18
en | on mondays and fridays               | FREQ=WEEKLY;BYDAY=MO,FR | 2026-11-20
en | every weekend                        | FREQ=WEEKLY;BYDAY=SA,SU | 2026-11-21
en | every other friday                   | FREQ=WEEKLY;INTERVAL=2;BYDAY=FR | 2026-11-20
en | every second friday                  | FREQ=WEEKLY;INTERVAL=2;BYDAY=FR | 2026-11-20
en | every 2 weeks                        | FREQ=WEEKLY;INTERVAL=2 | 2026-11-18
en | every two weeks on monday            | FREQ=WEEKLY;INTERVAL=2;BYDAY=MO | 2026-11-23
en | every fortnight                      | FREQ=WEEKLY;INTERVAL=2 | 2026-11-18
en | weekly on monday                     | FREQ=WEEKLY;BYDAY=MO | 2026-11-23
en | every month                          | FREQ=MONTHLY | 2026-11-18
en | every 3 months                       | FREQ=MONTHLY;INTERVAL=3 | 2026-11-18
en | quarterly                            | FREQ=MONTHLY;INTERVAL=3 | 2026-11-18
en | every month on the 15th              | FREQ=MONTHLY;BYMONTHDAY=15 | 2026-12-15
en | monthly on the 1st                   | FREQ=MONTHLY;BYMONTHDAY=1 | 2026-12-01
en | every 15th                           | FREQ=MONTHLY;BYMONTHDAY=15 | 2026-12-15
en | every 31st of the month              | FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1 | 2026-11-30
en | on the 15th of every month           | FREQ=MONTHLY;BYMONTHDAY=15 | 2026-12-15
en | every first monday of the month      | FREQ=MONTHLY;BYDAY=1MO | 2026-12-07
en | first monday of every month          | FREQ=MONTHLY;BYDAY=1MO | 2026-12-07
en | every month on the first monday      | FREQ=MONTHLY;BYDAY=1MO | 2026-12-07
en | every second tuesday of the month    | FREQ=MONTHLY;BYDAY=2TU | 2026-12-08
en | every last friday of the month       | FREQ=MONTHLY;BYDAY=-1FR | 2026-11-27
en | last day of every month              | FREQ=MONTHLY;BYMONTHDAY=-1 | 2026-11-30
en | every year                           | FREQ=YEARLY | 2026-11-18
en | every year on may 3                  | FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3 | 2027-05-03
en | every 29 february                    | FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1 | 2027-02-28
en | every christmas                      | FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25 | 2026-12-25
en | every 3 days after completion        | FREQ=DAILY;INTERVAL=3;X-FROM=COMPLETION | 2026-11-18
en | 3 days after completion              | FREQ=DAILY;INTERVAL=3;X-FROM=COMPLETION | 2026-11-18
en | every week until december 24         | FREQ=WEEKLY;UNTIL=20261224 | 2026-11-18
en | every day for 5 times                | FREQ=DAILY;COUNT=5 | 2026-11-18
en | every monday starting next week at 9 | FREQ=WEEKLY;BYDAY=MO | 2026-11-23 09:00
de | jeden Tag                            | FREQ=DAILY | 2026-11-18
de | täglich um 9 Uhr                     | FREQ=DAILY | 2026-11-19 09:00
de | jeden Morgen                         | FREQ=DAILY | 2026-11-19 09:00
de | jeden Montag und Donnerstag          | FREQ=WEEKLY;BYDAY=MO,TH | 2026-11-19
de | montags und freitags                 | FREQ=WEEKLY;BYDAY=MO,FR | 2026-11-20
de | werktags um 8 Uhr                    | FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR | 2026-11-19 08:00
de | jeden zweiten Freitag                | FREQ=WEEKLY;INTERVAL=2;BYDAY=FR | 2026-11-20
de | jeden Freitagabend                   | FREQ=WEEKLY;BYDAY=FR | 2026-11-20 19:00
de | alle zwei Wochen                     | FREQ=WEEKLY;INTERVAL=2 | 2026-11-18
de | wöchentlich am Montag                | FREQ=WEEKLY;BYDAY=MO | 2026-11-23
de | jede Woche bis Ende Dezember         | FREQ=WEEKLY;UNTIL=20261231 | 2026-11-18
de | jede Woche bis 24.12.                | FREQ=WEEKLY;UNTIL=20261224 | 2026-11-18
de | jeden Monat                          | FREQ=MONTHLY | 2026-11-18
de | jeden Monat am 15.                   | FREQ=MONTHLY;BYMONTHDAY=15 | 2026-12-15
de | jeden 15. des Monats                 | FREQ=MONTHLY;BYMONTHDAY=15 | 2026-12-15
de | am 15. jedes Monats                  | FREQ=MONTHLY;BYMONTHDAY=15 | 2026-12-15
de | jeden ersten Montag im Monat         | FREQ=MONTHLY;BYDAY=1MO | 2026-12-07
de | jeden letzten Freitag im Monat       | FREQ=MONTHLY;BYDAY=-1FR | 2026-11-27
de | am letzten Tag jedes Monats          | FREQ=MONTHLY;BYMONTHDAY=-1 | 2026-11-30
de | vierteljährlich                      | FREQ=MONTHLY;INTERVAL=3 | 2026-11-18
de | jedes Jahr am 3. Mai                 | FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3 | 2027-05-03
de | jeden 24. Dezember                   | FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24 | 2026-12-24
de | alle 3 Tage nach Erledigung          | FREQ=DAILY;INTERVAL=3;X-FROM=COMPLETION | 2026-11-18
de | jeden Tag 5 mal                      | FREQ=DAILY;COUNT=5 | 2026-11-18
de | jeden Dienstag um 14 Uhr 30          | FREQ=WEEKLY;BYDAY=TU | 2026-11-24 14:30
"""


@pytest.mark.spec("X-70", "X-71")
@pytest.mark.parametrize("line", PHRASES.strip().splitlines())
def test_every_phrase_becomes_its_rule(line: str) -> None:
    language, phrase, rule, first = (part.strip() for part in line.split("|"))
    repeat = read_every(phrase, NOW, (language,))
    assert repeat is not None
    due = first_due(repeat, NOW).isoformat() + (f" {repeat.clock:%H:%M}" if repeat.clock else "")
    assert (str(repeat.rule), due) == (rule, first)


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(
    "phrase",
    [
        "every",
        "every hour",
        "every 0 days",
        "every 1.5 days",
        "every 30 february",
        "every blue moon",
        "every day every week",
        "every sixth monday of the month",
        "every 9999 weeks",
        "jeden",
        "alle",
        "jede Stunde",
        "jeden 31. Februar",
        "friday",
        "",
        "every " * 30,
    ],
)
def test_every_phrase_not_understood_is_not_guessed(phrase: str) -> None:
    assert read_every(phrase, NOW) is None
