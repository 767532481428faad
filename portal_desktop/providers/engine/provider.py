"""The embedded engine as a provider: model files as models, the OpenAI dialect as its language."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from portal_desktop.credentials import Secret
from portal_desktop.errors import ErrorKind, PortalError, ProviderError
from portal_desktop.messages import Finish, Phase, Progress, StreamError, StreamEvent
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Completion, Endpoint, ModelFacts, ProviderKind
from portal_desktop.providers.completion import collect
from portal_desktop.providers.engine.engine import Engine
from portal_desktop.providers.engine.models import ModelFiles
from portal_desktop.providers.engine.process import EngineProcess
from portal_desktop.providers.messages import check_request
from portal_desktop.providers.openai import OpenAIProvider

ENDPOINT = Endpoint("engine", ProviderKind.ENGINE, "The built-in engine", "engine:")


LARGEST_CONTEXT = 16384
"""Tokens of room a chat model gets at most: what models were trained for would fill the memory of most computers."""


class EngineProvider:
    """Loads the file a request names and hands the request on. Chat and embedding have an engine process each."""

    def __init__(
        self, files: ModelFiles, chat: Engine, embedder: Engine, network: Network, endpoint: Endpoint = ENDPOINT
    ) -> None:
        self._files = files
        self._chat = chat
        self._embedder = embedder
        self._network = network
        self._endpoint = endpoint

    @property
    def endpoint(self) -> Endpoint:
        """A made-up address: the real one changes with every start."""
        return self._endpoint

    async def list_models(self) -> Sequence[ModelFacts]:
        """Return the model files as they lie on the disk now; nothing is started for it."""
        models = await self._files.all(self._endpoint.id)
        return [self._with_state(path, facts) for path, facts in models]

    async def model_facts(self, model: str) -> ModelFacts:
        """Return what a file says of itself."""
        path, facts = await self._files.check(model, self._endpoint.id)
        return self._with_state(path, facts)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Load the model when needed, then yield its response; a crash on the way is explained with its last words."""
        try:
            check_request(request)
            path, facts = await self._files.check(request.model, self._endpoint.id)
            warning = ""
            if request.tools and facts.tools is False:
                request = replace(request, tools=())
                warning = f"{facts.name} cannot use tools; it answered without them."
            for news in self._news(path, facts):
                yield news
            async with (
                self._chat.lease(path, _room(facts) or 0) as process,
                aclosing(self._answer(process, request)) as events,
            ):
                async for event in events:
                    yield _named(event, request.model, warning)
        except PortalError as problem:
            yield StreamError(problem)

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the whole response; the same request as `stream`, read to its end."""
        return await collect(self.stream(request))

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text, from an engine process of its own, so that a chat is not unloaded for it."""
        if not texts:
            return []
        path, facts = await self._files.check(model, self._endpoint.id)
        if not facts.embedding:
            raise ProviderError("not_supported", provider=self._endpoint.id, model=model, ability="embedding text")
        async with self._embedder.lease(path, facts.context_length or 0) as process:
            return await self._client(process).embed(model, texts)

    async def close(self) -> None:
        """End the engine processes."""
        await self._chat.stop()
        await self._embedder.stop()

    async def _answer(self, process: EngineProcess, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        async with aclosing(self._client(process).stream(request)) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                yield (
                    StreamError(await self._explained(process, event.error))
                    if isinstance(event, StreamError)
                    else event
                )

    async def _explained(self, process: EngineProcess, error: PortalError) -> PortalError:
        """Return why the process is gone where a broken connection may mean that."""
        if error.kind not in {ErrorKind.NETWORK, ErrorKind.STREAM}:
            return error
        crash = await self._chat.failure(process)
        if crash is None:
            return error
        crash.__cause__ = error
        return crash

    def _news(self, path: Path, facts: ModelFacts) -> Sequence[Progress]:
        if self._is_loaded(path):
            return ()
        waits = (Progress(Phase.QUEUED, "another model is answering"),) if self._chat.busy else ()
        return (*waits, Progress(Phase.LOADING, facts.name))

    def _with_state(self, path: Path, facts: ModelFacts) -> ModelFacts:
        loaded = self._is_loaded(path)
        return replace(facts, loaded=loaded, loaded_context=_room(facts) if loaded else None)

    def _is_loaded(self, path: Path) -> bool:
        return self._chat.loaded == path

    def _client(self, process: EngineProcess) -> OpenAIProvider:
        async def secret() -> Secret:
            return Secret(process.key)

        return OpenAIProvider(replace(self._endpoint, base_url=f"{process.address}/v1"), self._network, secret)


def _room(facts: ModelFacts) -> int | None:
    return min(facts.context_length, LARGEST_CONTEXT) if facts.context_length else None


def _named(event: StreamEvent, model: str, warning: str) -> StreamEvent:
    """Return the last event with our name of the model (the engine tells its file) and what was left out."""
    if not isinstance(event, Finish):
        return event
    return replace(event, model=model, warning=" ".join(filter(None, (warning, event.warning))))
