"""Cores that are made to be killed: a template process imports everything once and forks one core per order.

    with Mortals() as mortals:
        core = mortals.born("turn", folder, url)      # runs `JOBS["turn"]` in a process of its own
        ...
        core.kill()                                   # kill -9, reaped

What a core has acknowledged stands in `acks` below its folder, one JSON value per line, written after the await.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Mortal:
    """One core."""

    pid: int
    template: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it as a power cut of the program would, and see it gone."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.template.stdout is not None
        assert int(self.template.stdout.readline()) == -signal.SIGKILL


class Mortals:
    """The template; one core at a time."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def born(self, job: str, folder: Path, url: str) -> Mortal:
        """Start a core."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([job, str(folder), url]).encode() + b"\n")
        self._process.stdin.flush()
        return Mortal(int(self._process.stdout.readline()), self._process)


def acked(folder: Path) -> list[Any]:
    """Return what the core has acknowledged; a line that was cut by the kill was not."""
    file = folder / "acks"
    if not file.exists():
        return []
    *lines, _ = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines]


class _Acks:
    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "acks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, value: Any) -> None:
        os.write(self._file, json.dumps(value).encode() + b"\n")


async def _turn(folder: Path, url: str) -> None:
    """One turn that streams."""
    from portal_desktop.messages import Source
    from tests.support.core import core

    async with _bench(url) as provider, core(folder, provider, variables=_FAKE) as here:
        turn = await here.live.send(None, "Count", source=Source.CLI)
        _Acks(folder)([turn.user_message_id, turn.answer_id])
        await turn.wait()


async def _busy(folder: Path, url: str) -> None:
    """Everything at once, for ever: turns with tools in three chats, tasks by hand, changed titles and drafts."""
    from datetime import UTC

    from portal_desktop.clock import SystemClock
    from portal_desktop.messages import Mode, Source
    from portal_desktop.storage.tasks import TaskRows
    from portal_desktop.tasks import TaskBook, TaskDraft
    from portal_desktop.tools.registry import ToolRegistry
    from portal_desktop.tools.tasks import task_tools
    from tests.support.core import core

    registry, ack = ToolRegistry(SystemClock()), _Acks(folder)
    async with _bench(url) as provider, core(folder, provider, tools=registry, variables=_FAKE) as here:
        await here.conversations.recover()
        book = TaskBook(TaskRows(here.database, SystemClock()), SystemClock(), lambda: UTC)
        for tool in task_tools(book):
            registry.register(tool)

        async def talk(name: str) -> None:
            chat: int | None = None
            for number in range(10_000):
                text = f"{name} {number}"
                turn = await here.live.send(chat, text, source=Source.CLI, mode=Mode.ACT)
                chat = turn.conversation_id
                ack(["message", turn.user_message_id, text])
                end = await turn.wait()
                ack(["answer", turn.answer_id, end.status.value])
                await here.history.rename(chat, f"Chat {text}")
                ack(["title", chat, f"Chat {text}"])

        async def jot() -> None:
            for number in range(10_000):
                task = await book.add(TaskDraft(f"Task {number}"))
                ack(["task", task.id, f"Task {number}"])

        await asyncio.gather(*(talk(name) for name in ("a", "b", "c")), jot())


_FAKE = {"PORTAL_CHAT_DEFAULT_MODEL": "fake/m"}


def _bench(url: str) -> Any:
    from contextlib import asynccontextmanager

    from portal_desktop.clock import SystemClock
    from portal_desktop.net import Network
    from portal_desktop.providers.base import Endpoint, ProviderKind
    from portal_desktop.providers.openai import OpenAIProvider

    @asynccontextmanager
    async def opened() -> Any:
        network = Network(SystemClock())

        async def nothing() -> None:
            return None

        yield OpenAIProvider(Endpoint("fake", ProviderKind.OPENAI, "Fake", f"{url}/v1"), network, nothing)
        await network.close()

    return opened()


JOBS: dict[str, Callable[[Path, str], Coroutine[Any, Any, None]]] = {"turn": _turn, "busy": _busy}


def _template() -> None:
    import httpx  # noqa: F401 - loaded before the forks, which is what the template is for

    import tests.support.core  # noqa: F401

    for line in sys.stdin:
        job, folder, url = json.loads(line)
        pid = os.fork()
        if pid == 0:
            asyncio.run(JOBS[job](Path(folder), url))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _template()
