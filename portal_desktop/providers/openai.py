"""The protocol most servers speak: OpenAI's chat completions, as llama.cpp, vLLM, Jan, LM Studio and others offer it.

The base address ends where `/chat/completions` begins (usually in `/v1`); what users type around it is taken off.
Optional fields a server refuses by name are left out and the request is sent once more; what the user loses by that
is told in the warning of `Finish`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from portal_desktop.credentials import Secret
from portal_desktop.errors import PortalError, ProviderError
from portal_desktop.messages import StreamError, StreamEvent
from portal_desktop.net import ByteStream, Network
from portal_desktop.providers.base import ChatRequest, Completion, Deadlines, Endpoint, ModelFacts
from portal_desktop.providers.completion import collect
from portal_desktop.providers.errors import error_from_status, provider_error, read_refusal
from portal_desktop.providers.messages import check_request, to_openai, tools_to_wire
from portal_desktop.providers.openai_chunks import ChatChunks
from portal_desktop.providers.wire import Malformed, as_count, as_dict, as_dicts, as_text, parse_object

SecretOf: TypeAlias = Callable[[], Awaitable[Secret | None]]
Body: TypeAlias = dict[str, Any]

QUICK = Deadlines(connect=5.0, first_token=10.0, idle=10.0)
"""Clocks of questions a server answers from memory."""

WHOLE_ANSWER = 64 * 1024 * 1024

OPTIONAL: Mapping[str, str] = {
    "stream_options": "",
    "return_progress": "",
    "chat_template_kwargs": "",
    "reasoning_effort": "",
    "tools": "{model} cannot use tools; it answered without them.",
    "response_format": "{model} cannot be held to a form; it answered freely.",
    "seed": "The server does not take a seed.",
    "stop": "The server does not take stop words.",
    "top_p": "The server does not take top_p.",
    "temperature": "The server does not take a temperature.",
    "stream": "The server cannot stream; the answer came as a whole.",
}
"""Fields a request can do without, and what to tell the user then."""

_TYPED_TOO_MUCH = re.compile(r"/(chat/completions|completions|models|embeddings)/*$")


class OpenAIProvider:
    """Speaks to one server. Constructing it does no work; it keeps nothing between requests."""

    def __init__(self, endpoint: Endpoint, network: Network, secret: SecretOf) -> None:
        self._endpoint = endpoint
        self._network = network
        self._secret = secret
        self._base = api_base(endpoint.base_url)

    @property
    def endpoint(self) -> Endpoint:
        """The address this provider speaks to."""
        return self._endpoint

    async def list_models(self) -> Sequence[ModelFacts]:
        """Return the models the server lists; what it does not tell of them stays unknown."""
        listed = (await self._ask("GET", f"{self._base}/models")).get("data")
        if not isinstance(listed, list):
            raise provider_error("not_a_model_server", self._endpoint, technical="the model list has no `data`")
        return [self._facts(entry) for entry in as_dicts(listed) if as_text(entry.get("id"))]

    async def model_facts(self, model: str) -> ModelFacts:
        """Return what the list tells of one model."""
        for facts in await self.list_models():
            if facts.id == model:
                return await self._loaded(facts)
        raise provider_error("model_missing", self._endpoint, model)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Yield the response as it arrives."""
        try:
            check_request(request)
            async with self._opened(request) as (answer, warnings):
                chunks = ChatChunks(self._endpoint, request.model, request.tools, warnings)
                if _media_type(answer) == "application/json":
                    events = chunks.whole(await answer.beginning(WHOLE_ANSWER))
                else:
                    try:
                        async with aclosing(answer.chunks()) as pieces:
                            async for piece in pieces:
                                events = chunks.feed(piece)
                                if chunks.heard:
                                    answer.alive(begun=chunks.begun)
                                if chunks.finished:
                                    break
                                for event in events:
                                    yield event
                            else:
                                events = chunks.end()
                    except ProviderError as broken:
                        events = chunks.fail(broken)
                for event in await self._explained(events, request):
                    yield event
        except PortalError as problem:
            yield StreamError(problem)

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the whole response: the same request as `stream`, read to its end."""
        return await collect(self.stream(request))

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text, in order."""
        if not texts:
            return []
        body = {"model": model, "input": list(texts)}
        answer = await self._ask("POST", f"{self._base}/embeddings", body, model=model, deadlines=Deadlines())
        rows = sorted(as_dicts(answer.get("data")), key=lambda row: as_count(row.get("index")) or 0)
        vectors = [vector for row in rows if isinstance(vector := row.get("embedding"), list)]
        if len(vectors) != len(texts):
            technical = f"{len(vectors)} vectors for {len(texts)} texts"
            raise provider_error("malformed", self._endpoint, model, technical=technical)
        return vectors

    async def close(self) -> None:
        """Nothing of its own is open; connections belong to the network."""

    @asynccontextmanager
    async def _opened(self, request: ChatRequest) -> AsyncIterator[tuple[ByteStream, list[str]]]:
        """Yield an answer that is no refusal, and what was left out of the request to get it."""
        body = self._body(request)
        warnings: list[str] = []
        while True:
            async with self._network.stream(
                "POST",
                f"{self._base}/chat/completions",
                endpoint=self._endpoint,
                deadlines=request.deadlines,
                headers=await self._headers(),
                json=body,
                patience=request.patience,
            ) as answer:
                if answer.status < 400:
                    yield answer, [text.format(model=request.model) for text in warnings]
                    return
                status, headers, now, refused = answer.status, answer.headers, answer.received, await answer.beginning()
            if not _leave_out(status, refused, body, warnings):
                raise error_from_status(status, refused, headers, self._endpoint, request.model, now=now)

    async def _explained(
        self,
        events: list[StreamEvent],
        request: ChatRequest,  # noqa: ARG002 - for dialects
    ) -> list[StreamEvent]:
        """Return the last events of a stream; a dialect may know better why it failed."""
        return events

    def _body(self, request: ChatRequest) -> Body:
        body: Body = {
            "model": request.model,
            "messages": to_openai(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        sampling = request.sampling
        for name in ("temperature", "top_p", "max_tokens", "seed"):
            if (value := getattr(sampling, name)) is not None:
                body[name] = value
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if request.tools:
            body["tools"] = tools_to_wire(request.tools)
        if request.response_schema is not None:
            schema = {"name": "answer", "schema": dict(request.response_schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self._endpoint.local:
            body["return_progress"] = True
        return {**body, **self._reasoning(request)}

    def _reasoning(self, request: ChatRequest) -> Body:
        """Return how this dialect is told to think or not; nothing for its own choice."""
        if request.reasoning == "auto":
            return {}
        if self._endpoint.local:
            return {"chat_template_kwargs": {"enable_thinking": request.reasoning == "on"}}
        return {"reasoning_effort": "medium" if request.reasoning == "on" else "minimal"}

    def _facts(self, entry: Mapping[str, object]) -> ModelFacts:
        meta = as_dict(entry.get("meta"))
        trained = as_count(meta.get("n_ctx_train")) or as_count(entry.get("max_model_len"))
        parameters = as_count(meta.get("n_params"))
        return ModelFacts(
            id=as_text(entry.get("id")),
            endpoint=self._endpoint.id,
            name=as_text(entry.get("id")),
            context_length=trained or None,
            loaded_context=as_count(meta.get("n_ctx")) or None,
            size_bytes=as_count(meta.get("size")) or None,
            parameters=_short(parameters) if parameters else "",
        )

    async def _loaded(self, facts: ModelFacts) -> ModelFacts:
        """Add what llama.cpp tells of the model it runs; other servers have no such page."""
        if not self._endpoint.local:
            return facts
        try:
            props = await self._ask("GET", f"{server_root(self._base)}/props")
        except ProviderError:
            return facts
        settings = as_dict(props.get("default_generation_settings"))
        abilities = as_dict(props.get("chat_template_caps"))
        vision = as_dict(props.get("modalities")).get("vision")
        tools = abilities.get("supports_tools", abilities.get("supports_tool_calls"))
        return replace_known(
            facts,
            loaded_context=as_count(settings.get("n_ctx")) or None,
            vision=vision if isinstance(vision, bool) else None,
            tools=tools if isinstance(tools, bool) else None,
            loaded=True if settings else None,
        )

    async def _ask(
        self, method: str, url: str, body: Body | None = None, *, model: str = "", deadlines: Deadlines = QUICK
    ) -> Mapping[str, object]:
        """Return the JSON object a small question is answered with."""
        headers = await self._headers()
        answer = await self._network.request(
            method, url, endpoint=self._endpoint, deadlines=deadlines, headers=headers, json=body
        )
        if answer.status >= 400:
            now = answer.received
            raise error_from_status(answer.status, answer.body, answer.headers, self._endpoint, model, now=now)
        try:
            return parse_object(answer.body)
        except Malformed as problem:
            technical = f"{urlsplit(url).path}: {problem}"
            raise provider_error("not_a_model_server", self._endpoint, technical=technical) from problem

    async def _headers(self) -> Mapping[str, str]:
        secret = await self._secret()
        return {"authorization": f"Bearer {secret.reveal()}"} if secret else {}


def _media_type(answer: ByteStream) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def api_base(address: str) -> str:
    """Return the base of an address as a user may have typed it: without scheme, path, or with too much of it."""
    text = address.strip().rstrip("/")
    if "://" not in text:
        text = f"http://{text}"
    text = _TYPED_TOO_MUCH.sub("", text).rstrip("/")
    try:
        has_path = bool(urlsplit(text).path)
    except ValueError:
        has_path = True
    return text if has_path else f"{text}/v1"


def server_root(base: str) -> str:
    """Return the address of the server itself, for pages that stand beside the versioned ones."""
    return re.sub(r"/(api/)?v\d+$", "", base)


def replace_known(facts: ModelFacts, **known: object) -> ModelFacts:
    """Return the facts with those fields replaced whose new value is not None."""
    values = {name: getattr(facts, name) for name in ModelFacts.__slots__}
    return ModelFacts(**{**values, **{name: value for name, value in known.items() if value is not None}})


def _leave_out(status: int, refused: bytes, body: Body, warnings: list[str]) -> bool:
    """Take the field off the body that the server says it cannot use; False when it says no such thing."""
    refusal = read_refusal(refused)
    if refusal.context_is_full or status not in {400, 404, 422, 500, 501}:
        return False
    param = refusal.param.partition(".")[0].partition("[")[0]
    if param == "max_tokens" and param in body:
        body["max_completion_tokens"] = body.pop(param)
        return True
    name = param if param in OPTIONAL and param in body else _named(refusal.message, body)
    if not name or (status == 500 and name != "tools"):
        return False
    if name == "stream":
        body.pop("stream_options", None)
    body.pop(name)
    if OPTIONAL[name]:
        warnings.append(OPTIONAL[name])
    return True


def _named(message: str, body: Body) -> str:
    """Return the optional field a refusal names; of tools servers also speak in the singular."""
    for name in OPTIONAL:
        if name in body and name not in {"stop", "stream"} and re.search(rf"\b{name}\b", message):
            return name
    return "tools" if "tools" in body and re.search(r"\btool(s|[ -](use|calls?|calling))\b", message, re.I) else ""


def _short(count: int) -> str:
    return f"{count / 1e9:.1f}B" if count >= 10**9 else f"{count / 1e6:.0f}M"
