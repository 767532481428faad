"""LM Studio: the OpenAI protocol, its own model list, and its own ways to say that a conversation is too long."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from portal_desktop.errors import ProviderError
from portal_desktop.messages import StreamError, StreamEvent
from portal_desktop.providers.base import ChatRequest, ModelFacts
from portal_desktop.providers.errors import provider_error
from portal_desktop.providers.messages import to_openai
from portal_desktop.providers.openai import OpenAIProvider, server_root
from portal_desktop.providers.wire import as_count, as_dict, as_dicts, as_text

BYTES_PER_TOKEN = 3.6
NEARLY_FULL = 0.9
"""Share of the context from which an empty answer is taken for a full one."""

NO_SUCH_PAGE = frozenset({404, 405, 500, 501})


class LMStudioProvider(OpenAIProvider):
    """Model facts come from LM Studio's own lists, the newer first; a server with neither is asked as any other."""

    async def list_models(self) -> Sequence[ModelFacts]:
        """Return the downloaded models with what LM Studio knows of them."""
        root = server_root(self._base)
        for path, read in (("/api/v1/models", self._newer), ("/api/v0/models", self._older)):
            try:
                return read(await self._ask("GET", f"{root}{path}"))
            except ProviderError as problem:
                if problem.name != "not_a_model_server" and problem.status not in NO_SUCH_PAGE:
                    raise
        return await super().list_models()

    def _newer(self, listed: Mapping[str, object]) -> list[ModelFacts]:
        if not isinstance(listed.get("models"), list):
            raise provider_error("not_a_model_server", self._endpoint)
        return [self._newer_facts(entry) for entry in as_dicts(listed["models"]) if as_text(entry.get("key"))]

    def _newer_facts(self, entry: Mapping[str, object]) -> ModelFacts:
        instances = list(as_dicts(entry.get("loaded_instances")))
        contexts = [as_count(as_dict(i.get("config")).get("context_length")) for i in instances]
        abilities = as_dict(entry.get("capabilities"))
        quantization = entry.get("quantization")
        return ModelFacts(
            id=as_text(entry.get("key")),
            endpoint=self._endpoint.id,
            name=as_text(entry.get("display_name")) or as_text(entry.get("key")),
            context_length=as_count(entry.get("max_context_length")) or None,
            loaded_context=min((c for c in contexts if c), default=None),
            tools=_flag(abilities.get("trained_for_tool_use")),
            vision=_flag(abilities.get("vision")),
            thinking=("reasoning" in abilities and bool(abilities["reasoning"])) if abilities else None,
            embedding="embed" in as_text(entry.get("type")),
            loaded=bool(instances) if "loaded_instances" in entry else None,
            size_bytes=as_count(entry.get("size_bytes")) or None,
            parameters=as_text(entry.get("params_string")),
            quantization=as_text(quantization) or as_text(as_dict(quantization).get("name")),
            family=as_text(entry.get("architecture")),
        )

    def _older(self, listed: Mapping[str, object]) -> list[ModelFacts]:
        if not isinstance(listed.get("data"), list):
            raise provider_error("not_a_model_server", self._endpoint)
        return [self._older_facts(entry) for entry in as_dicts(listed["data"]) if as_text(entry.get("id"))]

    def _older_facts(self, entry: Mapping[str, object]) -> ModelFacts:
        abilities = entry.get("capabilities")
        state = as_text(entry.get("state"))
        kind = as_text(entry.get("type"))
        return ModelFacts(
            id=as_text(entry.get("id")),
            endpoint=self._endpoint.id,
            name=as_text(entry.get("id")),
            context_length=as_count(entry.get("max_context_length")) or None,
            loaded_context=as_count(entry.get("loaded_context_length")) or None,
            tools="tool_use" in abilities if isinstance(abilities, list) else None,
            vision=kind == "vlm" if kind else None,
            embedding=kind == "embeddings" if kind else None,
            loaded=state == "loaded" if state else None,
            quantization=as_text(entry.get("quantization")),
            family=as_text(entry.get("arch")),
        )

    async def _loaded(self, facts: ModelFacts) -> ModelFacts:
        return facts

    def _reasoning(self, request: ChatRequest) -> dict[str, Any]:
        if request.reasoning == "auto":
            return {}
        return {"reasoning_effort": "medium" if request.reasoning == "on" else "none"}

    async def _explained(self, events: list[StreamEvent], request: ChatRequest) -> list[StreamEvent]:
        """Tell an empty answer of a full context from any other: LM Studio says neither with status 200."""
        if not isinstance(events[-1], StreamError) or events[-1].error.name != "empty_answer":
            return events
        try:
            facts = await self.model_facts(request.model)
        except ProviderError:
            return events
        size = len(json.dumps(to_openai(request.messages), ensure_ascii=False).encode("utf-8", "replace"))
        if facts.loaded_context is None or size / BYTES_PER_TOKEN < NEARLY_FULL * facts.loaded_context:
            return events
        technical = f"an empty answer to about {size / BYTES_PER_TOKEN:.0f} tokens of {facts.loaded_context}"
        full = provider_error("context_too_long", self._endpoint, request.model, technical=technical)
        return [*events[:-1], StreamError(full)]


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
