"""The quick-add line: "pay rent tomorrow 9am #home !high every month"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from types import MappingProxyType

from portal_desktop.storage.tasks import Due, Priority
from portal_desktop.tasks.dates import LANGUAGES, Reading, dates_in
from portal_desktop.tasks.every import Repeat, first_due, repeats_in
from portal_desktop.tasks.rules import LONGEST_TAG, TaskDraft, Understood, due_from
from portal_desktop.tasks.words import Token, tokens_of

LONGEST_LINE = 300
_TAG = re.compile(rf"(?<!\S)#(?=\S*[^\W\d_])([^\s#!]{{1,{LONGEST_TAG}}})(?!\S)")
_PRIORITY = re.compile(r"(?<!\S)!(\w+)(?!\S)")
_PRIORITIES: Mapping[str, Priority] = MappingProxyType(
    {
        **dict.fromkeys(("high", "h", "hoch", "1"), Priority.HIGH),
        **dict.fromkeys(("medium", "med", "m", "mittel", "2"), Priority.MEDIUM),
        **dict.fromkeys(("low", "l", "niedrig", "3"), Priority.LOW),
    }
)


def parse_quick_add(text: str, now: datetime, language: str = "en") -> TaskDraft:
    """Return the draft a line means, at an aware local `now`; `understood` says what was taken out of the title.

    Words that are not a date beyond doubt stay in the title. A line too long to be one is all title.
    """
    line = unicodedata.normalize("NFC", text)
    if len(line) > LONGEST_LINE:
        return TaskDraft(title=line.strip())
    rest, found = line, list[Understood]()
    tags = []
    for match in _TAG.finditer(line):
        tags.append(match[1].lower())
        rest = _taken(rest, match.span(), "tag", found)
    priority = Priority.NONE
    for match in _PRIORITY.finditer(line):
        if priority is Priority.NONE and match[1].lower() in _PRIORITIES:
            priority = _PRIORITIES[match[1].lower()]
            rest = _taken(rest, match.span(), "priority", found)
    read = [tokens_of(rest, LANGUAGES[code]) for code in dict.fromkeys((language, "en")) if code in LANGUAGES]
    repeat, span = _repeat(read, now)
    if repeat is not None:
        rest = _taken(rest, span, "repeat", found)
        read = [[token for token in tokens if not span[0] <= token.start < span[1]] for tokens in read]
    reading, span = _reading(read, now)
    if reading is not None:
        rest = _taken(rest, span, "due", found)
    due = _due(reading, repeat, now)
    return TaskDraft(
        title=" ".join(rest.split()).strip(" ,;:-"),
        due=due,
        priority=priority,
        tags=tuple(dict.fromkeys(tags)),
        recurrence=str(repeat.rule.anchored(due.date)) if repeat is not None and due is not None else "",
        understood=tuple(sorted(found, key=lambda piece: piece.start)),
    )


def _repeat(read: Sequence[Sequence[Token]], now: datetime) -> tuple[Repeat | None, tuple[int, int]]:
    """Return the first repetition of the first language that has one, and where it stands."""
    for tokens in read:
        for piece in repeats_in(tokens, now):
            return piece.repeat, _span(tokens, piece.first, piece.last)
    return None, (0, 0)


def _reading(read: Sequence[Sequence[Token]], now: datetime) -> tuple[Reading | None, tuple[int, int]]:
    """Return the first date of the first language that has one, and where it stands."""
    for tokens in read:
        for piece in dates_in(tokens, now):
            return piece.reading, _span(tokens, piece.first, piece.last)
    return None, (0, 0)


def _span(tokens: Sequence[Token], first: int, last: int) -> tuple[int, int]:
    return tokens[first].start, tokens[last - 1].end


def _taken(rest: str, span: tuple[int, int], kind: str, found: list[Understood]) -> str:
    """Return the line with a piece blanked, so that places stay what they were."""
    start, end = span
    found.append(Understood(kind, " ".join(rest[start:end].split()), start, end))
    return rest[:start] + " " * (end - start) + rest[end:]


def _due(reading: Reading | None, repeat: Repeat | None, now: datetime) -> Due | None:
    clock: time | None = repeat.clock if repeat is not None else None
    if reading is not None:
        return due_from(Reading(reading.day, reading.clock or clock), now)
    return due_from(Reading(first_due(repeat, now), clock), now) if repeat is not None else None
