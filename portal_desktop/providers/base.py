"""What every provider offers, whatever it speaks on the wire. `agent` and `chat` know only this module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from portal_desktop.messages import JsonObject, Message, StreamEvent, ToolSpec, Usage

Reasoning: TypeAlias = Literal["auto", "on", "off"]

Patience: TypeAlias = Callable[[float], Awaitable[bool]]
"""Asked with the seconds waited when a clock of `Deadlines` runs out; True starts that clock anew. The question is
cancelled when the server speaks after all. Without one (nobody is watching) the request fails with `timeout`."""


class ProviderKind(StrEnum):
    """A protocol we speak."""

    OLLAMA = "ollama"
    OPENAI = "openai"
    LMSTUDIO = "lmstudio"
    ENGINE = "engine"
    SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A configured address of a provider. `credential` names a keyring entry, never a secret."""

    id: str
    kind: ProviderKind
    name: str
    base_url: str
    credential: str = ""
    local: bool = True
    discovered: bool = False


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model. None means unknown and is shown as such; nothing is guessed from a name."""

    id: str
    endpoint: str
    name: str = ""
    context_length: int | None = None
    max_output: int | None = None
    loaded_context: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    thinking: bool | None = None
    embedding: bool | None = None
    streaming: bool = True
    loaded: bool | None = None
    size_bytes: int | None = None
    parameters: str = ""
    quantization: str = ""
    family: str = ""
    speed_tier: int | None = None
    quality_tier: int | None = None
    cost_in: float | None = None
    cost_out: float | None = None

    @property
    def full_id(self) -> str:
        """The id with its endpoint, unique over all of them: ``endpoint/model``."""
        return f"{self.endpoint}/{self.id}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parameters the user set; a None is not sent, so that the server's own default holds."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds a request may take; the whole has no limit but Stop."""

    connect: float = 10.0
    first_token: float = 120.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to a model. `messages` hold everything, the newest user text last; nothing travels beside them."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    reasoning: Reasoning = "auto"
    response_schema: JsonObject | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    patience: Patience | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The whole of one response."""

    message: Message
    model: str
    reason: str
    usage: Usage | None = None


class Provider(Protocol):
    """A protocol spoken to one endpoint. Constructing one does no work and opens no connection."""

    @property
    def endpoint(self) -> Endpoint:
        """The address this provider speaks to."""
        ...

    async def list_models(self) -> Sequence[ModelFacts]:
        """Return the models that are really there now.

        Raises:
            ProviderError: the server cannot be reached or its answer cannot be understood.
        """
        ...

    async def model_facts(self, model: str) -> ModelFacts:
        """Return all the server tells of one model; `model_missing` when it has none of that name."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Yield the response as it arrives.

        The last event is `Finish` or `StreamError`, and nothing is raised
        but cancellation. Closing the iterator closes the connection within 100 ms.
        """
        ...

    async def complete(self, request: ChatRequest) -> Completion:
        """Return the whole response; the same request and the same checks as `stream`.

        Raises:
            ProviderError: what `stream` would have ended in.
        """
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text, in order.

        Raises:
            ProviderError: the model cannot embed, or the server failed.
        """
        ...

    async def close(self) -> None:
        """Release connections and children; safe to call twice."""
        ...
