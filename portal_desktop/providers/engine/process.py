"""One life of one engine process: created, started, running, stopped; never twice."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from portal_desktop.errors import IllegalTransition, ProviderError
from portal_desktop.providers.engine.launch import (
    KEY_VARIABLE,
    LOAD_REFUSED,
    NOT_INSTALLED,
    EngineConfig,
    read_ready,
)

TAIL_LINES = 200
LINE_BYTES = 2000
"""Bytes of one line of standard error that are kept."""

STOP_SECONDS = 1.0
"""Seconds a child may take to end by itself; then it is killed."""

PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "HOME", "LANG", "PYTHONPATH")
"""Variables of our own environment a child sees; nothing else, so that no secret reaches native code."""


class EngineState(StrEnum):
    """Where an engine process stands."""

    CREATED = "created"
    STARTED = "started"
    RUNNING = "running"
    STOPPED = "stopped"


STEPS: Mapping[EngineState, frozenset[EngineState]] = MappingProxyType(
    {
        EngineState.CREATED: frozenset({EngineState.STARTED, EngineState.STOPPED}),
        EngineState.STARTED: frozenset({EngineState.RUNNING, EngineState.STOPPED}),
        EngineState.RUNNING: frozenset({EngineState.STOPPED}),
        EngineState.STOPPED: frozenset(),
    }
)


class EngineProcess:
    """A child that serves one model file; `key` is made per process and reaches the child by environment only."""

    def __init__(self, command: Sequence[str], config: EngineConfig, environ: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self.config = config
        self._environ = {name: environ[name] for name in PASSED_ON if name in environ}
        self.key = secrets.token_urlsafe(32)
        self.state = EngineState.CREATED
        self.address = ""
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._life: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id once it was started."""
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """How the child ended; negative is the signal, None while it lives."""
        return self._child.returncode if self._child else None

    async def start(self) -> None:
        """Start the child and wait until it answers; cancelling ends the child.

        Raises:
            IllegalTransition: this process was started before.
            ProviderError: the engine is not installed, would not load the file, or crashed.
        """
        self._enter(EngineState.STARTED)
        try:
            child = await self._spawn()
            self._reading = asyncio.create_task(self._keep_tail(child), name="engine stderr")
            self._life = asyncio.create_task(self._outlive(child), name="engine life")
            address = await self._ready(child)
            if address is None or self.stopped:
                await self._ended()
                raise self.explain()
            self.address = address
            self._enter(EngineState.RUNNING)
        except BaseException:
            await asyncio.shield(self.stop())
            raise

    async def stop(self) -> None:
        """Close the child's input, wait shortly, kill; returns when it is gone. Safe to call twice."""
        if not self.stopped:
            self._enter(EngineState.STOPPED)
        child = self._child
        if child is None or self._life is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        await asyncio.wait({self._life}, timeout=STOP_SECONDS)
        if not self._life.done():
            self._kill(child)
        await self._ended()

    @property
    def stopped(self) -> bool:
        """Whether this life is over, wanted or not."""
        return self.state is EngineState.STOPPED

    async def wait(self, seconds: float) -> bool:
        """Wait at most so long for the child to end; a broken connection is noticed before the end of its process."""
        if self._life is not None:
            await asyncio.wait({self._life}, timeout=seconds)
        return self.stopped

    def explain(self) -> ProviderError:
        """Return why the child ended, with its last words as technical text."""
        last_words = "\n".join([_end_in_words(self.exit_code), *self.tail])
        if self.exit_code == NOT_INSTALLED:
            return ProviderError("engine_missing", technical=last_words)
        if self.exit_code == LOAD_REFUSED:
            return ProviderError("model_not_loaded", technical=last_words, file=self.config.model)
        return ProviderError("engine_crashed", technical=last_words)

    def _enter(self, wanted: EngineState) -> None:
        if wanted not in STEPS[self.state]:
            raise IllegalTransition("the engine", self.state, wanted)
        self.state = wanted

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            self._child = child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._environ, KEY_VARIABLE: self.key},
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as problem:
            raise ProviderError("engine_crashed", technical=f"it could not be started: {problem}") from problem
        assert child.stdin is not None
        with contextlib.suppress(ConnectionError):
            child.stdin.write(self.config.to_line())
            await child.stdin.drain()
        return child

    async def _ready(self, child: asyncio.subprocess.Process) -> str | None:
        """Return the address from the first ready line; None when the output ended without one."""
        assert child.stdout is not None
        async for line in child.stdout:
            if address := read_ready(line):
                return address
        return None

    async def _keep_tail(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None
        rest = b""
        while more := await child.stderr.read(65536):
            *lines, rest = (rest + more).split(b"\n")
            self.tail.extend(line[:LINE_BYTES].decode(errors="replace").rstrip() for line in lines)
            rest = rest[:LINE_BYTES]
        if rest:
            self.tail.append(rest.decode(errors="replace"))

    async def _outlive(self, child: asyncio.subprocess.Process) -> int:
        code = await child.wait()
        if not self.stopped:
            self._enter(EngineState.STOPPED)
        return code

    async def _ended(self) -> None:
        """Wait until the child is reaped and its last words are read."""
        await asyncio.wait({task for task in (self._life, self._reading) if task is not None})

    def _kill(self, child: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()


def _end_in_words(code: int | None) -> str:
    if code is None:
        return "it did not end"
    if code < 0:
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
        hint = " (this processor lacks an instruction the engine needs)" if name == "SIGILL" else ""
        return f"ended by {name}{hint}"
    return f"ended with exit code {code}"
