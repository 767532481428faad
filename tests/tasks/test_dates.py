"""Natural dates: tables of phrases at fixed clocks, both languages, and what must not be understood."""

from __future__ import annotations

import time as timing
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.tasks.dates import LONGEST_TEXT, dates_in, read_date
from portal_desktop.tasks.words import tokens_of
from portal_desktop.tasks.words_de import GERMAN
from portal_desktop.tasks.words_en import ENGLISH
from tests.support.pace import allowed

BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
WEDNESDAY = datetime(2026, 11, 18, 10, 0, tzinfo=BERLIN)

ENGLISH_PHRASES = """
today                         | 2026-11-18
tomorrow                      | 2026-11-19
Tomorrow.                     | 2026-11-19
yesterday                     | 2026-11-17
day after tomorrow            | 2026-11-20
the day after tomorrow        | 2026-11-20
in half an hour               | 2026-11-18 10:30
in a half hour                | 2026-11-18 10:30
in an hour                    | 2026-11-18 11:00
in an hour and a half         | 2026-11-18 11:30
in one and a half hours       | 2026-11-18 11:30
in 1.5 hours                  | 2026-11-18 11:30
in 90 minutes                 | 2026-11-18 11:30
in 2 hours and 30 minutes     | 2026-11-18 12:30
in 2h                         | 2026-11-18 12:00
in a quarter of an hour       | 2026-11-18 10:15
in 24 hours                   | 2026-11-19 10:00
in three days                 | 2026-11-21
in 3d                         | 2026-11-21
in two weeks                  | 2026-12-02
in two weeks at 9am           | 2026-12-02 09:00
two weeks from now            | 2026-12-02
in a fortnight                | 2026-12-02
in a month                    | 2026-12-18
in half a year                | 2027-05-18
in a year                     | 2027-11-18
friday                        | 2026-11-20
wednesday                     | 2026-11-25
this wednesday                | 2026-11-18
next friday                   | 2026-11-20
friday next week              | 2026-11-27
next week friday              | 2026-11-27
a week from friday            | 2026-11-27
on Friday                     | 2026-11-20
by friday 5pm                 | 2026-11-20 17:00
fri 9am                       | 2026-11-20 09:00
9am friday                    | 2026-11-20 09:00
next week                     | 2026-11-23
the week after next           | 2026-11-30
next month                    | 2026-12-01
next year                     | 2027-01-01
this weekend                  | 2026-11-21
next weekend                  | 2026-11-28
end of the week               | 2026-11-22
end of month                  | 2026-11-30
end of the month              | 2026-11-30
end of next month             | 2026-12-31
end of march                  | 2027-03-31
end of the year               | 2026-12-31
last day of the month         | 2026-11-30
beginning of next week        | 2026-11-23
mid december                  | 2026-12-15
tomorrow 9am                  | 2026-11-19 09:00
tomorrow at 9:30pm            | 2026-11-19 21:30
tomorrow at noon              | 2026-11-19 12:00
tomorrow morning              | 2026-11-19 09:00
tomorrow morning at 8         | 2026-11-19 08:00
tomorrow evening at 8         | 2026-11-19 20:00
tonight                       | 2026-11-18 19:00
tonight at 8                  | 2026-11-18 20:00
this afternoon                | 2026-11-18 15:00
at 8 in the evening           | 2026-11-18 20:00
in the morning                | 2026-11-19 09:00
9am                           | 2026-11-19 09:00
12am                          | 2026-11-19 00:00
12 p.m.                       | 2026-11-18 12:00
noon                          | 2026-11-18 12:00
midnight                      | 2026-11-19 00:00
14:45                         | 2026-11-18 14:45
half past nine                | 2026-11-19 09:30
quarter to ten tomorrow       | 2026-11-19 09:45
ten past nine                 | 2026-11-19 09:10
9 o'clock                     | 2026-11-19 09:00
3 May                         | 2027-05-03
May 3                         | 2027-05-03
May 3rd, 2027                 | 2027-05-03
the 3rd of May at 14:00       | 2027-05-03 14:00
Monday, 3 May                 | 2027-05-03
Dec 24                        | 2026-12-24
the 15th                      | 2026-12-15
the 18th                      | 2026-11-18
the 31st                      | 2026-12-31
15th of next month            | 2026-12-15
29 February                   | 2028-02-29
christmas eve                 | 2026-12-24
first monday of next month    | 2026-12-07
last friday of the month      | 2026-11-27
11 at night                   | 2026-11-18 23:00
friday 12 at night            | 2026-11-21 00:00
in 3 days and 2 hours         | 2026-11-21 12:00
quarter past nine             | 2026-11-19 09:15
2026-12-24                    | 2026-12-24
2026-12-24 09:00              | 2026-12-24 09:00
2026-12-24T09:00:00Z          | 2026-12-24 10:00
2026-12-24T09:00+05:45        | 2026-12-24 04:15
13/4/2027                     | 2027-04-13
4/13/2027                     | 2027-04-13
"""

GERMAN_PHRASES = """
heute                         | 2026-11-18
morgen                        | 2026-11-19
übermorgen                    | 2026-11-20
gestern                       | 2026-11-17
heute Abend                   | 2026-11-18 19:00
heute abend um 8              | 2026-11-18 20:00
heute Nacht                   | 2026-11-18 21:00
heute Nacht um 11             | 2026-11-18 23:00
heute Nacht um 1              | 2026-11-19 01:00
nachts um 1                   | 2026-11-19 01:00
ersten Montag im nächsten Monat | 2026-12-07
übernächstes Wochenende       | 2026-12-05
um drei Uhr nachmittags       | 2026-11-18 15:00
heute Mittag                  | 2026-11-18 12:00
heute Nachmittag um 3         | 2026-11-18 15:00
heute um 17 Uhr               | 2026-11-18 17:00
morgen früh                   | 2026-11-19 08:00
morgen Vormittag              | 2026-11-19 10:00
morgen um 9                   | 2026-11-19 09:00
morgen um halb drei           | 2026-11-19 02:30
morgen um Viertel nach drei   | 2026-11-19 03:15
morgen um viertel vor drei    | 2026-11-19 02:45
morgen um zehn vor drei       | 2026-11-19 02:50
am Morgen                     | 2026-11-19 09:00
um 8 Uhr abends               | 2026-11-18 20:00
abends um 8                   | 2026-11-18 20:00
14 Uhr                        | 2026-11-18 14:00
14 Uhr 30                     | 2026-11-18 14:30
14.30 Uhr                     | 2026-11-18 14:30
um 14:30 Uhr                  | 2026-11-18 14:30
um 9                          | 2026-11-19 09:00
Mitternacht                   | 2026-11-19 00:00
in einer halben Stunde        | 2026-11-18 10:30
in einer Stunde               | 2026-11-18 11:00
in anderthalb Stunden         | 2026-11-18 11:30
in 1,5 Stunden                | 2026-11-18 11:30
in einer Viertelstunde        | 2026-11-18 10:15
in einer Dreiviertelstunde    | 2026-11-18 10:45
in 20 Minuten                 | 2026-11-18 10:20
in 2 Stunden und 30 Minuten   | 2026-11-18 12:30
in drei Tagen                 | 2026-11-21
in 3 Tagen um 10 Uhr          | 2026-11-21 10:00
in zwei Wochen                | 2026-12-02
in vierzehn Tagen             | 2026-12-02
heute in zwei Wochen          | 2026-12-02
morgen in einer Woche         | 2026-11-26
in einem Monat                | 2026-12-18
in einem halben Jahr          | 2027-05-18
in einem Jahr                 | 2027-11-18
Freitag                       | 2026-11-20
nächsten Freitag              | 2026-11-20
kommenden Freitag             | 2026-11-20
übernächsten Freitag          | 2026-11-27
am Freitag um 10              | 2026-11-20 10:00
Fr. 10 Uhr                    | 2026-11-20 10:00
Freitagabend                  | 2026-11-20 19:00
Freitag Morgen                | 2026-11-20 09:00
Freitag in einer Woche        | 2026-11-27
Freitag nächster Woche        | 2026-11-27
nächste Woche Freitag         | 2026-11-27
nächste Woche                 | 2026-11-23
übernächste Woche             | 2026-11-30
nächsten Monat                | 2026-12-01
im nächsten Monat             | 2026-12-01
nächstes Jahr                 | 2027-01-01
am Wochenende                 | 2026-11-21
nächstes Wochenende           | 2026-11-28
bis Freitag                   | 2026-11-20
Ende der Woche                | 2026-11-22
Ende des Monats               | 2026-11-30
Monatsende                    | 2026-11-30
Ende nächsten Monats          | 2026-12-31
Ende März                     | 2027-03-31
Ende des Jahres               | 2026-12-31
Mitte Dezember                | 2026-12-15
Anfang Mai 2027               | 2027-05-01
am letzten Tag des Monats     | 2026-11-30
3. Mai                        | 2027-05-03
3. Mai um 14 Uhr              | 2027-05-03 14:00
am 3. Mai 2027                | 2027-05-03
Montag, 3. Mai                | 2027-05-03
Montag, den 3. Mai            | 2027-05-03
3.5.                          | 2027-05-03
3.5.2027                      | 2027-05-03
am 03.05.27 um 14:00          | 2027-05-03 14:00
24.12. 14 Uhr                 | 2026-12-24 14:00
am 15.                        | 2026-12-15
am 15. um 9 Uhr               | 2026-12-15 09:00
am 15. des nächsten Monats    | 2026-12-15
29. Februar                   | 2028-02-29
Heiligabend                   | 2026-12-24
Silvester um 20 Uhr           | 2026-12-31 20:00
2026-12-24                    | 2026-12-24
"""

NONSENSE = """
blah
tomorrow blah
friday the blue
next
in
in the
5
may
3/4/2027
31 April
30 February
29 February 2027
29. Februar 2027
31.4.
99.99.2027
2026-13-01
2026-02-30
2026-12-24T25:00
2026-12-24T09:61:00Z
monday, 3 may 2026
Dienstag, 3. Mai 2027
25:00
9:75
13pm
0am
heute um 25 Uhr
9pm in the morning
tonight at 1
noon in the evening
middle of the week
ten days past nine
fifth monday of next month of
Mi, 24.11.2026
in half a week
in 1.5 months
in 9999 years
in 99999 days
in minus two days
the 32nd
0. Mai
nächsten
um
in einer
end of nothing
tomorrow tomorrow
morgen übermorgen
9am 10am
drop table tasks
;
\u0000
🙂
"""


def said(phrase: str, now: datetime, languages: tuple[str, ...] = ("en", "de")) -> str | None:
    reading = read_date(phrase, now, languages)
    if reading is None:
        return None
    return reading.day.isoformat() + (f" {reading.clock:%H:%M}" if reading.clock is not None else "")


def rows(table: str) -> list[tuple[str, str]]:
    return [tuple(part.strip() for part in line.split("|")) for line in table.strip().splitlines()]


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(("phrase", "expected"), rows(ENGLISH_PHRASES))
def test_dates_english_phrase_is_read(phrase: str, expected: str) -> None:
    assert said(phrase, WEDNESDAY, ("en",)) == expected


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(("phrase", "expected"), rows(GERMAN_PHRASES))
def test_dates_german_phrase_is_read(phrase: str, expected: str) -> None:
    assert said(phrase, WEDNESDAY, ("de",)) == expected


@pytest.mark.spec("X-70")
def test_dates_tables_hold_at_least_sixty_phrases_each() -> None:
    assert min(len(rows(ENGLISH_PHRASES)), len(rows(GERMAN_PHRASES))) >= 60


@pytest.mark.spec("X-70")
@pytest.mark.parametrize("phrase", NONSENSE.strip().splitlines())
def test_dates_nonsense_is_not_guessed(phrase: str) -> None:
    assert said(phrase, WEDNESDAY) is None


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(
    ("start", "phrase", "expected"),
    [
        # clocks go forward on 28 March 2027, 02:00 to 03:00
        ("2027-03-27 10:00", "tomorrow 2:30am", "2027-03-28 03:30"),
        ("2027-03-27 10:00", "morgen um 2:30", "2027-03-28 03:30"),
        ("2027-03-28 01:45", "in half an hour", "2027-03-28 03:15"),
        ("2027-03-27 12:00", "in 24 hours", "2027-03-28 13:00"),
        ("2027-03-27 12:00", "in a day", "2027-03-28"),
        ("2027-03-27 12:00", "in einem Tag um 12 Uhr", "2027-03-28 12:00"),
        ("2027-03-28 00:30", "in drei Stunden", "2027-03-28 04:30"),
        # clocks go back on 25 October 2026, 03:00 to 02:00
        ("2026-10-24 12:00", "in 24 hours", "2026-10-25 11:00"),
        ("2026-10-24 12:00", "tomorrow at noon", "2026-10-25 12:00"),
        ("2026-10-25 01:30", "in 30 minutes", "2026-10-25 02:00"),
        ("2026-10-25 02:45", "in half an hour", "2026-10-25 03:00"),
        ("2026-10-24 12:00", "morgen um 2:30", "2026-10-25 02:30"),
        # around the leap day
        ("2028-02-28 09:00", "tomorrow", "2028-02-29"),
        ("2028-02-29 09:00", "in a year", "2029-02-28"),
        ("2028-02-29 09:00", "29 February", "2028-02-29"),
        ("2028-03-01 09:00", "29. Februar", "2032-02-29"),
        ("2028-02-29 09:00", "in einem Monat", "2028-03-29"),
        ("2028-02-10 09:00", "end of month", "2028-02-29"),
        ("2027-01-31 09:00", "in a month", "2027-02-28"),
        ("2096-12-01 09:00", "29 feb", "2104-02-29"),
        # ends of months and years
        ("2026-12-31 23:30", "in einer Stunde", "2027-01-01 00:30"),
        ("2026-12-31 23:30", "end of the year", "2026-12-31"),
        ("2026-11-30 09:00", "end of month", "2026-11-30"),
        ("2026-11-22 09:00", "this weekend", "2026-11-22"),
        ("2026-11-20 09:00", "friday", "2026-11-27"),
        ("2026-11-20 09:00", "this friday", "2026-11-20"),
    ],
)
def test_dates_on_special_days_keep_to_the_calendar(start: str, phrase: str, expected: str) -> None:
    assert said(phrase, datetime.fromisoformat(start).replace(tzinfo=BERLIN)) == expected


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("in half an hour", "2026-11-19 00:15"),
        ("tomorrow 9am", "2026-11-19 09:00"),
        ("2026-11-18T18:15:00Z", "2026-11-19 00:00"),
        ("heute abend", "2026-11-18 19:00"),
        ("in zwei Wochen", "2026-12-02"),
    ],
)
def test_dates_in_a_zone_of_quarter_hours_are_local(phrase: str, expected: str) -> None:
    assert said(phrase, datetime(2026, 11, 18, 23, 45, tzinfo=KATHMANDU)) == expected


@pytest.mark.spec("X-70")
def test_dates_of_any_phrase_take_less_than_ten_milliseconds() -> None:
    phrases = [phrase for phrase, _ in rows(ENGLISH_PHRASES) + rows(GERMAN_PHRASES)] + NONSENSE.strip().splitlines()
    for phrase in phrases:
        assert fastest(phrase) < allowed(0.010), phrase


@pytest.mark.spec("X-70")
@pytest.mark.parametrize(
    "text", ["in " * 39, "a" * LONGEST_TEXT, "1 " * 60, "the of " * 17, "x" * 1_000_000, "1." * 60, "friday " * 17]
)
def test_dates_of_long_nonsense_are_refused_fast(text: str) -> None:
    assert read_date(text, WEDNESDAY) is None
    assert fastest(text) < allowed(0.010)


@pytest.mark.parametrize("phrase", ["TOMORROW", "  tomorrow  ", "To\u006dorrow", "tomorrow!"])
def test_dates_are_read_whatever_their_case_and_spacing(phrase: str) -> None:
    assert said(phrase, WEDNESDAY) == "2026-11-19"


def test_dates_with_decomposed_umlauts_are_read() -> None:
    assert said("u\u0308bermorgen", WEDNESDAY) == "2026-11-20"


@pytest.mark.parametrize(
    "title",
    [
        "Buy sun cream",
        "Weekend trip",
        "Read the 3rd chapter",
        "Work on the 3rd chapter",
        "Evening walk",
        "Christmas gifts",
        "Meet at 5 corners",
        "Noon",
        "Ask may about march",
        "Half past",
        "10 past 9",
    ],
)
def test_dates_in_a_title_that_only_looks_like_one_are_left_alone(title: str) -> None:
    assert list(dates_in(tokens_of(title, ENGLISH), WEDNESDAY)) == []


@pytest.mark.parametrize("title", ["Do it", "So lala", "Fr Mueller", "Abend", "Halb drei"])
def test_dates_in_a_german_title_that_only_looks_like_one_are_left_alone(title: str) -> None:
    assert list(dates_in(tokens_of(title, GERMAN), WEDNESDAY)) == []


def fastest(text: str) -> float:
    """Return the best of three runs, so that a busy machine does not fail the test."""
    return min(_seconds(text) for _ in range(3))


def _seconds(text: str) -> float:
    start = timing.thread_time()
    read_date(text, WEDNESDAY)
    return timing.thread_time() - start
