"""Ollama's own protocol: chat as one JSON object per line, model lists, model facts, embeddings.

What is peculiar: arguments are objects and come whole, in an ordinary line or in the last one; an error after the
first line comes as a line with status 200; a stream that just ends has failed. `truncate` is switched off, because
Ollama otherwise drops the oldest messages in silence; parameters that make it reload a model are never sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from portal_desktop.credentials import Secret
from portal_desktop.errors import PortalError, ProviderError
from portal_desktop.messages import Phase, Progress, StreamError, StreamEvent
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Completion, Deadlines, Endpoint, ModelFacts
from portal_desktop.providers.completion import collect
from portal_desktop.providers.errors import error_from_status, provider_error
from portal_desktop.providers.messages import check_request, to_ollama, tools_to_wire
from portal_desktop.providers.ollama_lines import ChatLines
from portal_desktop.providers.schema import inline_references
from portal_desktop.providers.wire import Malformed, as_count, as_dict, as_dicts, as_text, parse_object

SecretOf: TypeAlias = Callable[[], Awaitable[Secret | None]]
Body: TypeAlias = dict[str, Any]

QUICK = Deadlines(connect=5.0, first_token=10.0, idle=10.0)
"""Clocks of questions a server answers from memory."""

PEEK = Deadlines(connect=1.0, first_token=1.0, idle=1.0)
"""Clocks of the look at what is loaded, for which a chat waits."""

OPTIONS = (("temperature", "temperature"), ("top_p", "top_p"), ("max_tokens", "num_predict"), ("seed", "seed"))
"""Our names of sampling parameters and Ollama's."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A request body and what was left out of it."""

    body: Body
    warnings: tuple[str, ...] = ()


class OllamaProvider:
    """Speaks to one Ollama. What models can do is asked once per model and forgotten when a request contradicts it."""

    def __init__(self, endpoint: Endpoint, network: Network, secret: SecretOf) -> None:
        self._endpoint = endpoint
        self._network = network
        self._secret = secret
        self._abilities: dict[str, frozenset[str]] = {}

    @property
    def endpoint(self) -> Endpoint:
        """The address this provider speaks to."""
        return self._endpoint

    async def list_models(self) -> Sequence[ModelFacts]:
        """Return the installed models; a server too old to tell abilities leaves them unknown here."""
        listed, running = await asyncio.gather(self._ask("GET", "/api/tags"), self._running())
        entries = listed.get("models")
        if not isinstance(entries, list):
            raise provider_error(
                "not_a_model_server", self._endpoint, technical="the answer to /api/tags has no models"
            )
        return [self._facts(entry, running) for entry in as_dicts(entries) if as_text(entry.get("name"))]

    async def model_facts(self, model: str) -> ModelFacts:
        """Return what list and description tell of one model together."""
        shown, listed, running = await asyncio.gather(
            self._ask("POST", "/api/show", {"model": model}, model=model),
            self._ask("GET", "/api/tags"),
            self._running(),
        )
        names = {model, f"{model}:latest"}
        entry = next((e for e in as_dicts(listed.get("models")) if e.get("name") in names), {})
        facts = self._facts({**entry, **shown, "name": model}, running)
        info = as_dict(shown.get("model_info"))
        return replace(facts, context_length=_of_architecture(info, "context_length") or facts.context_length)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Yield the response as it arrives; a model without an ability is asked without it, and the end says so."""
        try:
            check_request(request)
            plans = await self._plans(request)
            if (news := await self._news(request.model)) is not None:
                yield news
            for last, plan in ((plan is plans[-1], plan) for plan in plans):
                try:
                    async with aclosing(self._attempt(request, plan)) as events:
                        async for event in events:
                            yield event
                    return
                except ProviderError as refused:
                    if last or refused.status != 400:
                        raise
        except PortalError as problem:
            if isinstance(problem, ProviderError) and problem.status in {400, 404}:
                self._abilities.pop(request.model, None)
            yield StreamError(problem)

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the whole response; the same request as `stream`, read to its end."""
        return await collect(self.stream(request))

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text; a text that is too long is refused, not silently cut."""
        if not texts:
            return []
        answer = await self._ask(
            "POST",
            "/api/embed",
            {"model": model, "input": list(texts), "truncate": False},
            model=model,
            deadlines=Deadlines(),
        )
        vectors = answer.get("embeddings")
        if not isinstance(vectors, list) or len(vectors) != len(texts):
            raise provider_error(
                "malformed", self._endpoint, technical="the number of vectors is not the number of texts"
            )
        return vectors

    async def close(self) -> None:
        """Nothing of its own is open; connections belong to the network."""

    async def _attempt(self, request: ChatRequest, plan: _Plan) -> AsyncGenerator[StreamEvent, None]:
        lines = ChatLines(self._endpoint, request.model, request.tools, plan.warnings)
        async with self._network.stream(
            "POST",
            self._endpoint.base_url + "/api/chat",
            endpoint=self._endpoint,
            deadlines=request.deadlines,
            headers=await self._headers(),
            json=plan.body,
            patience=request.patience,
        ) as answer:
            if answer.status != 200:
                body, when = await answer.beginning(), answer.received
                raise error_from_status(answer.status, body, answer.headers, self._endpoint, request.model, now=when)
            try:
                async with aclosing(answer.chunks()) as chunks:
                    async for chunk in chunks:
                        events = lines.feed(chunk)
                        if lines.heard:
                            answer.alive()
                        for event in events:
                            yield event
                        if lines.finished:
                            return
                events = lines.end()
            except ProviderError as broken:
                events = lines.fail(broken)
            for event in events:
                yield event

    async def _plans(self, request: ChatRequest) -> list[_Plan]:
        """Return the bodies to try in turn: one where abilities are known, else also without what may be too much."""
        body = self._body(request)
        wants_thought = request.reasoning == "on"
        if not request.tools and request.reasoning == "auto":
            return [_Plan(body)]
        abilities = await self._abilities_of(request.model)
        no_tools = f"{request.model} cannot use tools; it answered without them."
        no_thought = f"{request.model} cannot think; it answered at once."
        if abilities is not None:
            warnings = []
            if request.tools and "tools" not in abilities:
                body.pop("tools", None)
                warnings.append(no_tools)
            if "thinking" not in abilities and body.pop("think", None):
                warnings.append(no_thought)
            return [_Plan(body, tuple(warnings))]
        plans = [_Plan(body)]
        if wants_thought:
            plans.append(_Plan(_without(body, "think"), (no_thought,)))
        if request.tools:
            plans.append(_Plan(_without(body, "tools"), (no_tools,)))
        if wants_thought and request.tools:
            plans.append(_Plan(_without(body, "tools", "think"), (no_tools, no_thought)))
        return plans

    def _body(self, request: ChatRequest) -> Body:
        body: Body = {
            "model": request.model,
            "messages": to_ollama(request.messages),
            "stream": True,
            "truncate": False,
        }
        sampling = request.sampling
        options = {theirs: value for ours, theirs in OPTIONS if (value := getattr(sampling, ours)) is not None}
        if sampling.stop:
            options["stop"] = list(sampling.stop)
        if options:
            body["options"] = options
        if request.tools:
            body["tools"] = tools_to_wire(request.tools, inline_references)
        if request.reasoning != "auto":
            body["think"] = request.reasoning == "on"
        if request.response_schema is not None:
            body["format"] = inline_references(request.response_schema)
        return body

    async def _abilities_of(self, model: str) -> frozenset[str] | None:
        """Return what a model can do; None where the server does not tell (the chat itself will then)."""
        if model not in self._abilities:
            try:
                shown = await self._ask("POST", "/api/show", {"model": model}, model=model)
            except ProviderError:
                return None
            abilities = shown.get("capabilities")
            if not isinstance(abilities, list):
                return None
            self._abilities[model] = frozenset(filter(None, map(as_text, abilities)))
        return self._abilities[model]

    async def _news(self, model: str) -> Progress | None:
        """Return what the server will do first: not even headers come before the first token, loading included."""
        running = await self._running(PEEK)
        if running is None:
            return None
        loaded = model in running or f"{model}:latest" in running
        return Progress(Phase.READING) if loaded else Progress(Phase.LOADING, model)

    async def _running(self, deadlines: Deadlines = QUICK) -> Mapping[str, Mapping[str, object]] | None:
        """Return the loaded models by name; None where the server does not tell."""
        try:
            answer = await self._ask("GET", "/api/ps", deadlines=deadlines)
        except ProviderError:
            return None
        return {as_text(entry.get("name")): entry for entry in as_dicts(answer.get("models"))}

    async def _ask(
        self, method: str, path: str, body: Body | None = None, *, model: str = "", deadlines: Deadlines = QUICK
    ) -> Mapping[str, object]:
        answer = await self._network.request(
            method,
            self._endpoint.base_url + path,
            endpoint=self._endpoint,
            deadlines=deadlines,
            headers=await self._headers(),
            json=body,
        )
        if answer.status != 200:
            refusal, when = answer.body, answer.received
            raise error_from_status(answer.status, refusal, answer.headers, self._endpoint, model, now=when)
        try:
            return parse_object(answer.body)
        except Malformed as problem:
            raise provider_error("not_a_model_server", self._endpoint, technical=f"{path}: {problem}") from problem

    async def _headers(self) -> Mapping[str, str]:
        secret = await self._secret()
        return {"authorization": f"Bearer {secret.reveal()}"} if secret else {}

    def _facts(self, entry: Mapping[str, object], running: Mapping[str, Mapping[str, object]] | None) -> ModelFacts:
        name = as_text(entry.get("name"))
        details = as_dict(entry.get("details"))
        abilities = entry.get("capabilities")
        known = {as_text(a) for a in abilities} if isinstance(abilities, list) else None
        loaded = running.get(name, running.get(f"{name}:latest")) if running is not None else None
        remote = as_text(entry.get("remote_host"))
        return ModelFacts(
            id=name,
            endpoint=self._endpoint.id,
            name=f"{name} (runs at {remote})" if remote else name,
            context_length=as_count(details.get("context_length")) or None,
            loaded_context=as_count(loaded.get("context_length")) or None if loaded else None,
            tools="tools" in known if known is not None else None,
            vision="vision" in known if known is not None else None,
            thinking="thinking" in known if known is not None else None,
            embedding="embedding" in known if known is not None else None,
            loaded=loaded is not None if running is not None else None,
            size_bytes=as_count(entry.get("size")) or None,
            parameters=as_text(details.get("parameter_size")),
            quantization=as_text(details.get("quantization_level")),
            family=as_text(details.get("family")),
        )


def _without(body: Body, *names: str) -> Body:
    return {name: value for name, value in body.items() if name not in names}


def _of_architecture(info: Mapping[str, object], key: str) -> int | None:
    """Return a number below the architecture's prefix, or below the only prefix there is."""
    named = as_count(info.get(f"{as_text(info.get('general.architecture'))}.{key}"))
    if named:
        return named
    found = [as_count(value) for name, value in info.items() if name.endswith(f".{key}")]
    return found[0] or None if len(found) == 1 else None
