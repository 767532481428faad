"""Everything the command line prints, for people and for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from portal_desktop.errors import PortalError

_HIDDEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return text of a model or a tool without anything that steers a terminal or hides other text."""
    return _HIDDEN.sub("", text)


class Output:
    """Standard output for results, standard error for everything else.

    With `as_json` results are JSON in plain ASCII, so that no separator inside a text splits a line; `as_events` says
    that they come as one object per line, errors among them. When the reader of our output goes away, `closed` turns
    true and the rest is dropped.
    """

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool = False, as_events: bool = False) -> None:
        self.as_json = as_json
        self._as_events = as_events
        self.closed = False
        self._out = out
        self._err = err
        self._at_line_start = True

    @classmethod
    def of_process(cls, *, as_json: bool = False, as_events: bool = False) -> Output:
        """Return the output of this process; what its encoding cannot say is replaced, never an error."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError):
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        return cls(sys.stdout, sys.stderr, as_json=as_json, as_events=as_events)

    def piece(self, text: str) -> None:
        """Print a part of a line at once."""
        shown = visible(text)
        if shown:
            self._at_line_start = shown.endswith("\n")
            self._print(shown, self._out, end="")

    def end_line(self) -> None:
        """Begin a new line unless one has just begun."""
        if not self._at_line_start:
            self.line("")

    def line(self, text: str) -> None:
        """Print one line of the result."""
        self._at_line_start = True
        self._print(visible(text), self._out)

    def aside(self, text: str) -> None:
        """Tell the person something that is not part of the result."""
        self._print(visible(text), self._err)

    def question(self, text: str) -> None:
        """Ask the person something; the answer is typed on the same line."""
        self._print(visible(text), self._err, end="")

    def event(self, name: str, /, **fields: object) -> None:
        """Print one event as a line of JSON."""
        self._print(json.dumps({"event": name, **fields}, default=str), self._out)

    def document(self, value: object) -> None:
        """Print the whole result as JSON."""
        self._print(json.dumps(value, indent=2, default=str), self._out)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows with aligned columns."""
        if not rows:
            return
        clean = [[visible(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in rows]
        widths = [max(len(row[column]) for row in clean) for column in range(len(clean[0]))]
        for row in clean:
            self.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def error(self, error: PortalError) -> None:
        """Say what went wrong: as an event among events, else in two lines for people."""
        if self._as_events:
            self.event("error", kind=error.kind.value, code=error.code, message=f"{error.title}. {error.advice}")
        else:
            self.end_line()
            self.aside(f"portal: {error.title} ({error.code})\n{error.advice}")

    def _print(self, text: str, stream: TextIO, end: str = "\n") -> None:
        if self.closed and stream is self._out:
            return
        try:
            print(text, file=stream, end=end, flush=True)
        except BrokenPipeError:
            self.closed = self.closed or stream is self._out
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
