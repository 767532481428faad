"""One turn on the terminal: its events as text or JSON lines, Ctrl+C, and the exit code."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from portal_desktop.cli.exits import Exit, exit_for
from portal_desktop.cli.output import Output
from portal_desktop.messages import (
    Part,
    PartDelta,
    PartEnd,
    PartStart,
    PhaseChanged,
    Status,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    TurnEvent,
    TurnFinished,
)


class RunningTurn(Protocol):
    """What is needed of `chat.live.Turn`."""

    @property
    def conversation_id(self) -> int:
        """Where the turn is stored."""
        ...

    @property
    def answer_id(self) -> int:
        """The message the answer is stored as."""
        ...

    def events(self) -> AsyncIterator[TurnEvent]:
        """Yield what happened so far and then the rest."""
        ...

    async def stop(self) -> None:
        """Stop the turn."""
        ...


class TurnPrinter:
    """Turns the events of one turn into output, in their order and each text exactly once."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._kinds: dict[int, str] = {}
        self._told: dict[int, str] = {}

    def take(self, event: TurnEvent) -> None:
        """Print one event; how the turn ended is for `finish`."""
        if isinstance(event, PartStart):
            self._kinds[event.index] = event.part
        elif isinstance(event, PartDelta):
            self._delta(event.index, event.text)
        elif isinstance(event, PartEnd):
            self._end(event.index, event.part)
        elif isinstance(event, PhaseChanged) and self._output.as_json:
            fraction = {} if event.fraction is None else {"fraction": event.fraction}
            self._output.event("phase", phase=event.phase.value, detail=event.detail, **fraction)

    def finish(self, turn: RunningTurn, end: TurnFinished) -> Exit:
        """Print the end; the last line is `finish` or `error`, whichever it was."""
        if end.usage is not None and self._output.as_json:
            usage = end.usage
            self._output.event("usage", prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
        for warning in end.warnings:
            self._remark(warning)
        if end.error is not None:
            self._output.error(end.error)
            return Exit.CUT_OFF if end.status is Status.INTERRUPTED else exit_for(end.error)
        stopped = end.status is not Status.COMPLETE
        reason = end.status.value if stopped or end.reason is None else end.reason.value
        if self._output.as_json:
            self._output.event("finish", reason=reason, conversation=turn.conversation_id, message=turn.answer_id)
        else:
            self._output.end_line()
        if stopped:
            self._remark("Stopped; what arrived is kept.")
        return Exit.CUT_OFF if stopped else Exit.COMPLETE

    def _delta(self, index: int, text: str) -> None:
        kind = self._kinds.get(index)
        if kind not in {"text", "thinking"} or not text:
            return
        self._told[index] = self._told.get(index, "") + text
        if self._output.as_json:
            self._output.event(kind, delta=text)
        elif kind == "text":
            self._output.piece(text)

    def _end(self, index: int, part: Part) -> None:
        if isinstance(part, Text | Thinking):
            self._kinds.setdefault(index, part.kind)
            told = self._told.get(index, "")
            if part.text.startswith(told):
                self._delta(index, part.text[len(told) :])
            if not self._output.as_json and part.kind == "text":
                self._output.end_line()
        elif isinstance(part, ToolCall):
            self._call(part)
        elif isinstance(part, ToolReturn):
            self._result(part)

    def _call(self, call: ToolCall) -> None:
        if self._output.as_json:
            self._output.event("tool_call", id=call.id, name=call.name, arguments=dict(call.arguments))
        else:
            self._remark(f"{call.name} …")

    def _result(self, result: ToolReturn) -> None:
        if self._output.as_json:
            self._output.event("tool_result", id=result.call_id, ok=result.ok, result=result.content)
        else:
            self._remark(f"{result.name}: {'done' if result.ok else result.content}")

    def _remark(self, text: str) -> None:
        if not self._output.as_json:
            self._output.end_line()
            self._output.aside(f"· {text}")


async def follow(turn: RunningTurn, output: Output) -> Exit:
    """Print a turn until it ends. Ctrl+C and a reader that went away stop it; its text so far is kept."""
    printer = TurnPrinter(output)
    stops: set[asyncio.Task[None]] = set()

    def stop() -> None:
        if not stops:
            stops.add(asyncio.create_task(turn.stop(), name="stop on request"))

    end: TurnFinished | None = None
    with interrupts(stop):
        async for event in turn.events():
            if isinstance(event, TurnFinished):
                end = event
            else:
                printer.take(event)
            if output.closed:
                stop()
        await asyncio.gather(*stops)
    assert end is not None, "the last event of a turn is its end"
    return printer.finish(turn, end)


@contextmanager
def interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl+C or a request to terminate; the second one cancels whatever runs."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    pressed = False

    def react() -> None:
        nonlocal pressed
        if pressed and task is not None:
            task.cancel()
        pressed = True
        stop()

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda *_: loop.call_soon_threadsafe(react)) for kind in kinds}
    try:
        yield
    finally:
        for kind, previous in before.items():
            signal.signal(kind, previous)


async def begin(start: Callable[[], Awaitable[RunningTurn]], output: Output) -> Exit:
    """Start a turn and follow it; Ctrl+C before it has begun ends the command as an interrupted one."""
    task = asyncio.ensure_future(start())

    def cancel() -> None:
        task.cancel()

    with interrupts(cancel):
        try:
            turn = await task
        except asyncio.CancelledError:
            output.aside("· Stopped before anything was sent.")
            return Exit.CUT_OFF
    return await follow(turn, output)
