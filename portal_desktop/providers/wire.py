"""Bytes to lines, server-sent events, JSON, clean text and token counts: what every dialect's stream is made of.

Everything here works on bytes as they arrive and holds at most one unfinished line. Lines are cut at LF alone (a JSON
string may hold U+2028 or U+0085 as it is); the event stream also knows CR and CRLF, as its standard says.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, NoReturn

from portal_desktop.messages import Usage

LIMIT = 8 * 1024 * 1024
"""Bytes in one line, its end not counted."""

TOLERATED = 3
"""Unreadable lines a stream may hold before it fails."""

_BOM = b"\xef\xbb\xbf"
_DIRTY = re.compile("[\x00\ud800-\udfff]")


class Malformed(ValueError):  # noqa: N818 - what a line is
    """A line is not the JSON it should be."""


class Lines:
    """Cuts a stream of bytes into lines without their LF or CRLF.

    `overflow` is set as soon as a line goes beyond the limit; the lines before it have been handed out, nothing after
    it ever is.
    """

    __slots__ = ("_first", "_limit", "_pending", "_size", "overflow")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pending: list[bytes] = []
        self._size = 0
        self._first = True
        self.overflow = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now."""
        if self.overflow:
            return []
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._pending:
            self._pending.append(lines[0])
            lines[0] = b"".join(self._pending)
            self._pending.clear()
            self._size = 0
        if rest:
            self._pending.append(rest)
            self._size += len(rest)
        return self._checked(lines)

    def end(self) -> bytes | None:
        """Return the last line if it had no end of its own."""
        if not self._pending or self.overflow:
            return None
        line = b"".join(self._pending)
        self._pending.clear()
        return self._tidy(line)

    def _checked(self, lines: list[bytes]) -> list[bytes]:
        for number, line in enumerate(lines):
            if len(line) > self._limit:
                self._overflow()
                return lines[:number]
            if self._first or line[-1:] == b"\r":
                lines[number] = self._tidy(line)
        if self._size > self._limit:
            self._overflow()
        return lines

    def _tidy(self, line: bytes) -> bytes:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        return line.removesuffix(b"\r")

    def _overflow(self) -> None:
        self.overflow = True
        self._pending.clear()


class ServerEvent(NamedTuple):
    """One event of an event stream; `bare` marks a JSON line that came without a field name.

    `offset` is where its last data line begins in the stream, every line end counted as one byte.
    """

    data: bytes
    offset: int = 0
    event: str = ""
    id: str = ""
    retry: int | None = None
    bare: bool = False


class Events:
    """The parser of an event stream (`text/event-stream`), after the HTML standard.

    A line that starts with a brace is handed out as an event of its own: some servers write their error like that.
    `heard` tells whether the last `feed` completed any line, a comment included: the server is alive.
    """

    __slots__ = ("_at", "_data", "_event", "_id", "_lines", "_offset", "_retry", "_skip", "heard")

    def __init__(self, limit: int = LIMIT) -> None:
        self._lines = Lines(limit)
        self._skip = False
        self._offset = 0
        self._at = 0
        self._data: list[bytes] = []
        self._event = ""
        self._id = ""
        self._retry: int | None = None
        self.heard = False

    @property
    def overflow(self) -> bool:
        """Whether a line went beyond the limit."""
        return self._lines.overflow

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Return the events that are complete now."""
        if self._skip and data:
            self._skip = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = self._lines.feed(data)
        self.heard = bool(lines)
        events: list[ServerEvent] = []
        data_lines = self._data
        for line in lines:
            if line.startswith(b"data: "):
                data_lines.append(line[6:])
                self._at = self._offset
            elif not line:
                if data_lines:
                    events.append(self._dispatch())
                else:
                    self._event = ""
            elif line[0] == 123:
                events.append(ServerEvent(line, self._offset, bare=True))
            elif line[0] != 58:
                self._field(line)
            self._offset += len(line) + 1
        return events

    def end(self) -> list[ServerEvent]:
        """Return the last event if no blank line followed it; it may be incomplete."""
        line = self._lines.end()
        events: list[ServerEvent] = []
        if line and line.startswith(b"{"):
            events.append(ServerEvent(line, self._offset, bare=True))
        elif line and not line.startswith(b":"):
            self._field(line)
        if self._data:
            events.append(self._dispatch())
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._at = self._offset
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\x00" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self._retry = int(value[:9])

    def _dispatch(self) -> ServerEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = ServerEvent(data, self._at, self._event, self._id, self._retry)
        self._data.clear()
        self._event = ""
        return event


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is beyond what a number may be")
    return number


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(strict=False, parse_float=_finite, parse_constant=_no_constant)


def parse_json(data: bytes | str) -> object:
    """Return the value; bytes that are no UTF-8 become U+FFFD, control characters in strings are let through.

    Raises:
        Malformed: it is no JSON, holds NaN, an infinite or endless number, or is nested too deep.
    """
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    try:
        if text[:1] != "{":
            return _DECODER.decode(text)
        value, end = _DECODER.raw_decode(text)
        if end != len(text) and text[end:].strip(" \t\r\n"):
            raise ValueError(f"there is more after its end at {end}")
        return value
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{type(error).__name__}: {str(error)[:120]}") from error


def parse_object(data: bytes | str) -> dict[str, object]:
    """Return the JSON object; anything else is `Malformed` too."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise Malformed(f"a JSON object was expected, not {type(value).__name__}")
    return value


def clean(text: str) -> str:
    """Return the text with what no database or window can hold (NUL, lone surrogates) as U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    return _DIRTY.sub("\ufffd", text)


class Tolerance:
    """Counts the unreadable lines of one stream; each is remembered with its place, none passes in silence."""

    def __init__(self, limit: int = TOLERATED) -> None:
        self._limit = limit
        self.places: list[str] = []

    def note(self, offset: int, problem: object) -> bool:
        """Remember that what begins at this byte could not be read; False when that was one too many."""
        self.places.append(f"byte {offset}: {problem}")
        return len(self.places) <= self._limit

    @property
    def warning(self) -> str:
        """What to tell at the end of a stream that went on, or nothing."""
        if not self.places:
            return ""
        count = len(self.places)
        return f"{count} unreadable {'line was' if count == 1 else 'lines were'} left out ({'; '.join(self.places)})"


def as_dict(value: object) -> Mapping[str, object]:
    """Return a JSON object as it is and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: object) -> Iterator[Mapping[str, object]]:
    """Yield the objects of a JSON array; anything else in it, or anything but an array, is passed over."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def as_text(value: object) -> str:
    """Return a JSON string and anything else as an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """Return a count of at least 0; a flag, a fraction or anything else is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value == int(value) else None


def usage_from_openai(usage: object, timings: object = None) -> Usage | None:
    """Return the token counts of an OpenAI-style `usage`, or of llama.cpp's `timings` where there is none."""
    counts = as_dict(usage)
    total = _usage(
        as_count(counts.get("prompt_tokens")),
        as_count(counts.get("completion_tokens")),
        as_count(as_dict(counts.get("prompt_tokens_details")).get("cached_tokens")),
        as_count(as_dict(counts.get("completion_tokens_details")).get("reasoning_tokens")),
    )
    if total is not None:
        return total
    measured = as_dict(timings)
    read, cached = as_count(measured.get("prompt_n")), as_count(measured.get("cache_n"))
    prompt = None if read is None and cached is None else (read or 0) + (cached or 0)
    return _usage(prompt, as_count(measured.get("predicted_n")), cached, None)


def usage_from_ollama(line: object) -> Usage | None:
    """Return the token counts of Ollama's last line, which leaves out those that are 0."""
    counts = as_dict(line)
    return _usage(as_count(counts.get("prompt_eval_count")), as_count(counts.get("eval_count")), None, None)


def _usage(prompt: int | None, completion: int | None, cached: int | None, reasoning: int | None) -> Usage | None:
    if prompt is None and completion is None:
        return None
    return Usage(prompt or 0, completion or 0, cached, reasoning)
