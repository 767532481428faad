"""One turn: ask the model, run what it calls, ask again, until it answers or a brake ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from portal_desktop.agent import context
from portal_desktop.agent.answer import Answer
from portal_desktop.agent.brakes import Brakes
from portal_desktop.agent.calls import Calls, Tools
from portal_desktop.agent.failures import failure
from portal_desktop.agent.outlet import Outlet
from portal_desktop.agent.overlap import Overlap
from portal_desktop.agent.phases import KEEP_WAITING, PhaseLine
from portal_desktop.agent.rounds import Reply, Round
from portal_desktop.agent.spec import Limits, TurnSpec
from portal_desktop.clock import Clock
from portal_desktop.errors import IllegalTransition, PortalError, ProviderError
from portal_desktop.log import redact
from portal_desktop.messages import (
    FinishReason,
    Mode,
    Note,
    Part,
    Phase,
    Status,
    Text,
    ToolSpec,
    TurnEvent,
    TurnFinished,
    Usage,
)
from portal_desktop.providers.base import ChatRequest, Patience, Provider

__all__ = ["Agent", "Limits", "Tools", "TurnSpec"]

T = TypeVar("T")

_CLOSE_SECONDS = 1.0
_EMPTY = "empty_answer"
_STOPPED = "the answer was stopped"
_BROKEN = "the answer broke off"


class Agent:
    """Lives for one turn; all it knows comes with the spec and goes with the events.

    `redact` masks secrets in what servers said before it becomes a part of the answer. `observe` is told what each
    request came to.
    """

    def __init__(
        self,
        provider: Provider,
        tools: Tools,
        clock: Clock,
        *,
        redact: Callable[[str], str] = redact,
        observe: Callable[[Reply], None] = lambda _: None,
    ) -> None:
        self._observe = observe
        self._provider = provider
        self._tools = tools
        self._clock = clock
        self._redact = redact
        self._outlet = Outlet(Answer())
        self._phases = PhaseLine(clock, self._outlet.tell)
        self._body: asyncio.Task[None] | None = None
        self._usage: Usage | None = None
        self._model = ""
        self._manifests: list[context.Manifest] = []
        self._over = False

    @property
    def manifests(self) -> tuple[context.Manifest, ...]:
        """What each request of the turn consisted of."""
        return tuple(self._manifests)

    async def run(self, spec: TurnSpec) -> AsyncIterator[TurnEvent]:
        """Yield the turn; the last event is `TurnFinished`. Indexes are those of the whole answer.

        A part that did not stream arrives as `PartStart` and `PartEnd`. Closing the iterator cancels everything.

        Raises:
            IllegalTransition: an agent runs once.
        """
        if self._body is not None:
            raise IllegalTransition("an agent", "used", "run again")
        for part in spec.resume:
            self._outlet.answer.add(part)
        self._body = asyncio.create_task(self._turn(spec), name=f"turn {spec.turn_id}")
        self._body.add_done_callback(lambda _: self._outlet.shut())
        if self._over:
            self._body.cancel()
        try:
            while (event := await self._outlet.next()) is not None:
                yield event
            if not self._over:
                self._body.result()
        finally:
            self._body.cancel()
            await asyncio.wait({self._body}, timeout=_CLOSE_SECONDS)

    def stop(self) -> None:
        """End the turn now: what was said stays, the connection closes and running tools are cancelled after it."""
        if not self._over:
            self._outlet.close_parts(_STOPPED)
            self._finish(Phase.STOPPED, Status.STOPPED)
            self._outlet.shut()
        if self._body is not None:
            self._body.cancel()

    async def _turn(self, spec: TurnSpec) -> None:
        brakes = Brakes(spec.limits)
        calls = Calls(self._tools, spec, brakes, self._phases, self._clock)
        overlap = Overlap(_last_text(spec.resume)) if spec.resume else None
        rounds, stop = 0, ""
        while True:
            offered = () if stop else self._offered(spec)
            request, manifest = self._request(spec, offered)
            if manifest.too_long:
                self._fail(spec, _too_long(spec.model, manifest))
                return
            names = tuple(tool.name for tool in offered)
            reading = Round(self._outlet, self._phases, self._clock, offered=names, usage=self._usage, overlap=overlap)
            reply = await reading.read(self._provider, request)
            self._observe(reply)
            overlap = None
            self._account(reply)
            if reply.error is not None and reply.error.name != _EMPTY:
                self._fail(spec, reply.error)
                return
            ends = brakes.turn_ends(self._usage) if reply.calls else ""
            ends = ends or (stop if reply.calls else "")
            for call in reply.calls:
                refuse = ends or brakes.tools_end(rounds=0)
                self._outlet.add(await calls.answer(call, names, refuse, manifest.free_characters))
            if not reply.calls or ends:
                self._conclude(spec, reply, ends)
                return
            rounds += 1
            stop = brakes.tools_end(rounds)
            if stop:
                self._outlet.add(Note(stop))

    def _offered(self, spec: TurnSpec) -> tuple[ToolSpec, ...]:
        if spec.mode is not Mode.ACT or not spec.tools:
            return ()
        return tuple(tool for tool in self._tools.specs() if spec.allowed is None or tool.name in spec.allowed)

    def _request(self, spec: TurnSpec, offered: tuple[ToolSpec, ...]) -> tuple[ChatRequest, context.Manifest]:
        answer = self._outlet.answer.parts()
        resumed = bool(spec.resume) and len(answer) == len(spec.resume) and isinstance(answer[-1], Text)
        built = context.build(
            system=spec.system,
            history=spec.messages,
            answer=answer,
            closing=spec.resume_prompt if resumed else "",
            tools=offered,
            context_length=spec.context_length,
            max_tokens=spec.sampling.max_tokens,
            system_entries=spec.manifest,
        )
        self._manifests.append(built.manifest)
        request = ChatRequest(
            model=spec.model,
            messages=built.messages,
            tools=offered,
            sampling=spec.sampling,
            reasoning=spec.reasoning,
            deadlines=spec.deadlines,
            patience=None if spec.patience is None else self._asked(spec.patience),
        )
        return request, built.manifest

    def _asked(self, patience: Patience) -> Patience:
        async def ask(seconds: float) -> bool:
            before = self._phases.current
            self._phases.enter(Phase.WAITING, KEEP_WAITING)
            try:
                return await patience(seconds)
            finally:
                if before is not None:
                    self._phases.resume(before)

        return ask

    def _account(self, reply: Reply) -> None:
        if reply.finish is not None:
            self._model = reply.finish.model
        if reply.usage is not None:
            self._usage = reply.usage if self._usage is None else self._usage + reply.usage

    def _conclude(self, spec: TurnSpec, reply: Reply, ended: str) -> None:
        finish = reply.finish
        warnings = [finish.warning] if finish is not None and finish.warning else []
        reason = finish.reason if finish is not None else None
        if ended:
            warnings.append(ended)
            if Note(ended) not in self._outlet.answer.parts():
                self._outlet.add(Note(ended))
        elif not reply.has_text:
            if not self._explain_silence(spec, reply, warnings):
                return
        elif reason is FinishReason.LENGTH:
            warnings.append("The answer reached its length limit. Choose Continue for the rest.")
            self._outlet.add(Note(warnings[-1]))
        self._finish(Phase.DONE, Status.COMPLETE, reason, tuple(warnings))

    def _explain_silence(self, spec: TurnSpec, reply: Reply, warnings: list[str]) -> bool:
        """Say why there is no answer; False when the turn has failed for it."""
        reason = reply.finish.reason if reply.finish is not None else None
        endpoint = self._provider.endpoint
        if reason is FinishReason.CONTENT_FILTER:
            self._fail(spec, ProviderError("content_filtered", provider=endpoint.id, server=endpoint.name))
            return False
        if spec.fallback:
            words = spec.fallback
        elif reply.has_thinking:
            words = "The model thought about it but gave no answer. Try again, or switch thinking off."
        elif len(self._outlet.answer) and any(part.kind == "tool_return" for part in self._outlet.answer.parts()):
            words = "The model used its tools and added no words."
        elif spec.resume:
            words = "The model had nothing to add."
        else:
            self._fail(spec, reply.error or ProviderError(_EMPTY, provider=endpoint.id, server=endpoint.name))
            return False
        warnings.append(words)
        self._outlet.add(Note(words))
        return True

    def _fail(self, spec: TurnSpec, error: PortalError) -> None:
        self._outlet.close_parts(_BROKEN)
        new = self._outlet.answer.parts()[len(spec.resume) :]
        shown = bool(spec.resume) or any(not isinstance(part, Note) for part in new)
        self._outlet.add(failure(error, self._redact))
        self._finish(Phase.FAILED, Status.INTERRUPTED if shown else Status.ERROR, error=error)

    def _finish(
        self,
        phase: Phase,
        status: Status,
        reason: FinishReason | None = None,
        warnings: tuple[str, ...] = (),
        error: PortalError | None = None,
    ) -> None:
        self._phases.enter(phase)
        self._outlet.tell(TurnFinished(status, reason, self._model, self._usage, error, warnings))
        self._over = True


def _last_text(parts: tuple[Part, ...]) -> str:
    last = parts[-1]
    return last.text if isinstance(last, Text) else ""


def _too_long(model: str, manifest: context.Manifest) -> PortalError:
    needed = f"about {manifest.tokens:,} tokens are needed, {manifest.limit:,} are there"
    return ProviderError("context_too_long", model=model, technical=needed)
