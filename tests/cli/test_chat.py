"""`portal chat` at a real terminal: prompt, Ctrl+C during an answer and at the prompt."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.ollama import FakeOllama
from tests.support.portal import COMMAND, ROOT, variables

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class Terminal:
    """A program at a pseudo-terminal: what it shows, what is typed."""

    def __init__(self, words: tuple[str, ...], home: Path) -> None:
        self.shown = ""
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.chdir(ROOT)
            os.execve(COMMAND[0], [*COMMAND, *words], variables(home))

    async def see(self, text: str, seconds: float = 30.0) -> None:
        """Wait until something is shown, and look only at what comes after it from then on."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end, f"{text!r} was not shown: {self.shown!r}"
            self.shown += (await asyncio.to_thread(self._read)).replace("\r\n", "\n")
        self.shown = self.shown.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    async def end(self) -> int:
        status = await asyncio.to_thread(self._drain)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        os.kill(self._child, signal.SIGKILL)

    def _read(self) -> str:
        try:
            return os.read(self._terminal, 4000).decode("utf-8", "replace")
        except OSError:
            return ""

    def _drain(self) -> int:
        while self._read():
            pass
        return os.waitpid(self._child, 0)[1]


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(pace=0.02) as server:
        yield server


@pytest.mark.spec("X-82")
async def test_chat_at_a_terminal_stops_a_turn_on_ctrl_c_and_goes_on(server: FakeOllama, tmp_path: Path) -> None:
    terminal = Terminal(("chat", "--endpoint", server.base_url, "--model", "qwen3:8b"), tmp_path / "home")
    await terminal.see("> ")
    terminal.type("hello\n")
    await terminal.see("You said: hello")
    await terminal.see("> ")
    terminal.type("a long story\n")
    await terminal.see("Sentence number 3")
    terminal.type("\x03")
    await terminal.see("Stopped; what arrived is kept.")
    await terminal.see("> ")
    terminal.type("\x03")
    await terminal.see("Ctrl+C once more ends")
    terminal.type("again\n")
    await terminal.see("You said: again")
    await terminal.see("> ")
    terminal.type("/quit\n")
    assert await terminal.end() == 0


@pytest.mark.spec("X-82")
async def test_chat_at_a_terminal_ends_on_ctrl_c_twice_or_ctrl_d(server: FakeOllama, tmp_path: Path) -> None:
    words = ("chat", "--endpoint", server.base_url, "--model", "qwen3:8b")
    twice = Terminal(words, tmp_path / "home")
    await twice.see("> ")
    twice.type("\x03")
    await twice.see("once more")
    twice.type("\x03")
    assert await twice.end() == 5
    closed = Terminal(words, tmp_path / "home")
    await closed.see("> ")
    closed.type("\x04")
    assert await closed.end() == 0
