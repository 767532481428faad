"""The person at the terminal: whether there is one, lines they type, and the question whether a tool may run."""

from __future__ import annotations

import asyncio
import json
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from portal_desktop.agent.approval import ApprovalRequest, Approve, Decision
from portal_desktop.cli.output import Output
from portal_desktop.errors import InvalidInput

LARGEST_INPUT = 1_000_000
FIRST_BYTE_SECONDS = 2.0
_YES = frozenset({"y", "yes", "j", "ja"})


class Lines:
    """Reads lines without holding the event loop; a line that nobody waits for any more is not lost but dropped."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._reading: asyncio.Future[str] | None = None

    async def next(self) -> str:
        """Return the next line, an empty text at the end of the input."""
        if self._reading is None or self._reading.done():
            loop = asyncio.get_running_loop()
            self._reading = loop.create_future()
            threading.Thread(
                target=_read_line, args=(self._read, self._reading, loop), name="portal_lines", daemon=True
            ).start()
        return await asyncio.shield(self._reading)


def _read_line(read: Callable[[], str], answer: asyncio.Future[str], loop: asyncio.AbstractEventLoop) -> None:
    try:
        line = read()
    except (EOFError, OSError, ValueError):
        line = ""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(line))


@contextmanager
def person(stdin: TextIO) -> Iterator[Lines | None]:
    """Give the lines of whoever sits at the terminal, None when nobody does.

    A piped question still leaves the terminal to answer on; a process whose messages nobody sees asks nobody.
    """
    if stdin.isatty():
        yield Lines(stdin.readline)
        return
    try:
        terminal = Path("/dev/tty").open(encoding="utf-8") if sys.stderr.isatty() else None  # noqa: SIM115 - closed below
    except OSError:
        terminal = None
    if terminal is None:
        yield None
        return
    try:
        yield Lines(terminal.readline)
    finally:
        terminal.close()


def approver(policy: str, lines: Lines | None, output: Output) -> Approve:
    """Return what decides about tools: `all`, `none`, or a question on the terminal (denied without one)."""

    async def decide(request: ApprovalRequest) -> Decision:
        if policy == "all":
            return Decision.ALLOW
        if policy == "none" or lines is None:
            return Decision.DENY
        output.end_line()
        output.question(question(request))
        answer = await lines.next()
        return Decision.ALLOW if answer.strip().lower() in _YES else Decision.DENY

    return decide


def question(request: ApprovalRequest) -> str:
    """Return all that is to be judged, nothing left out, and the question."""
    powers = ", ".join(request.powers) or "look"
    undo = "can be undone" if request.undoable else "cannot be undone"
    arguments = json.dumps(dict(request.call.arguments), ensure_ascii=False, indent=2, default=str)
    return (
        f"{request.sentence}\n{request.call.name} {arguments}\n{powers}; {undo}; asks because {request.reason}\n"
        f"Allow this? [y/N, within {request.deadline_seconds:.0f} s] "
    )


def piped_text(stdin: TextIO, limit: int, *, wait: bool) -> str | None:
    """Return what was piped into the command, None when nothing was.

    `wait` is for a command that has no other text. Otherwise a silent pipe (a program may have been started with one
    that nobody writes to) is given two seconds for its first byte.

    Raises:
        InvalidInput: text_too_long, as soon as it is certain.
    """
    if stdin.isatty() or stdin.closed:
        return None
    descriptor = stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if not wait and (stat.S_ISCHR(mode) or not _speaks(descriptor, mode)):
        return None
    content = stdin.buffer.read(LARGEST_INPUT)
    text = content.decode("utf-8-sig", "replace")
    if len(content) >= LARGEST_INPUT:
        raise InvalidInput("text_too_long", limit=limit, length=f"{len(text)} or more")
    if len(text) > limit:
        raise InvalidInput("text_too_long", limit=limit, length=len(text))
    return text


def _speaks(descriptor: int, mode: int) -> bool:
    if stat.S_ISREG(mode) or sys.platform == "win32":
        return stat.S_ISREG(mode)
    return bool(select.select([descriptor], [], [], FIRST_BYTE_SECONDS)[0])


def line_editor(prompt: str) -> Callable[[], str]:
    """Return a reader of lines with editing and history where the system has them."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - its import is what makes `input` edit lines

    return partial(_edited, prompt)


def _edited(prompt: str) -> str:
    return input(prompt) + "\n"
