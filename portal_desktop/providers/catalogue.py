"""The models that are really there, remembered for five minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal_desktop.clock import Clock
from portal_desktop.errors import InvalidInput, PortalError
from portal_desktop.events import Event, ModelsChanged
from portal_desktop.providers.base import ModelFacts, Provider

FRESH_SECONDS = 300.0
FAILED_SECONDS = 30.0
"""Seconds before a server that failed is asked again without a refresh."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one endpoint last said; `stale` marks models of a server that has not answered since."""

    endpoint: str
    models: tuple[ModelFacts, ...] = ()
    asked: float = 0.0
    error: PortalError | None = None

    @property
    def stale(self) -> bool:
        """Whether these models are from before the server stopped answering."""
        return self.error is not None and bool(self.models)


@dataclass(slots=True)
class Statistics:
    """How often an answer came from memory."""

    hits: int = 0
    misses: int = 0

    @property
    def hit_rate(self) -> float:
        """The share answered from memory; 0 before the first question."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Catalogue:
    """Asks each endpoint once for its models, however many want to know, and keeps the answer.

    A question counts as a hit when no request was started for it.
    """

    def __init__(
        self, providers: Callable[[], Sequence[Provider]], clock: Clock, publish: Callable[[Event], None]
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._publish = publish
        self._listings: dict[str, Listing] = {}
        self._details: dict[str, tuple[ModelFacts, float]] = {}
        self._flights: dict[str, asyncio.Task[None]] = {}
        self._inquiries: dict[str, asyncio.Task[ModelFacts]] = {}
        self.statistics = Statistics()
        self._closed = False

    async def models(self, *, refresh: bool = False) -> list[ModelFacts]:
        """Return the models of all endpoints; one that fails contributes what it said before."""
        return [model for listing in await self.listings(refresh=refresh) for model in listing.models]

    async def listings(self, *, refresh: bool = False) -> list[Listing]:
        """Return what each endpoint says, with the error of those that do not answer. Raises nothing of theirs."""
        providers = self._providers()
        await asyncio.gather(*(self._ensure(provider, refresh=refresh) for provider in providers))
        return [self._listings.get(p.endpoint.id, Listing(p.endpoint.id)) for p in providers]

    def known(self) -> list[Listing]:
        """Return what is remembered, at once and without asking anybody."""
        return [self._listings[p.endpoint.id] for p in self._providers() if p.endpoint.id in self._listings]

    def holders(self, model: str) -> list[str]:
        """Return the endpoints that are remembered to have a model."""
        return [listing.endpoint for listing in self.known() if any(facts.id == model for facts in listing.models)]

    async def facts(self, full_id: str) -> ModelFacts:
        """Return all that is known of ``endpoint/model``; asks the server for the model only while the list is silent.

        Raises:
            InvalidInput: there is no such endpoint.
            ProviderError: the server has no such model, or does not answer.
        """
        endpoint, _, model = full_id.partition("/")
        provider = next((p for p in self._providers() if p.endpoint.id == endpoint), None)
        if provider is None:
            raise InvalidInput("not_found", what=full_id)
        await self._ensure(provider, refresh=False)
        listed = next((facts for facts in self._known_models(endpoint) if facts.id == model), None)
        if listed is not None and None not in (listed.tools, listed.context_length):
            return listed
        return await self._detail(provider, model)

    def _known_models(self, endpoint: str) -> tuple[ModelFacts, ...]:
        return self._listings.get(endpoint, Listing(endpoint)).models

    def invalidate(self, endpoint: str | None = None) -> None:
        """Forget how fresh an endpoint's (or every) list is; its models stay usable until it answers again."""
        for name in [endpoint] if endpoint is not None else list(self._listings):
            if name in self._listings:
                self._listings[name] = replace(self._listings[name], asked=float("-inf"))
        self._details = {
            name: kept
            for name, kept in self._details.items()
            if endpoint is not None and name.partition("/")[0] != endpoint
        }

    async def close(self) -> None:
        """End the requests under way; from now on only what is known is told."""
        self._closed = True
        flights: list[asyncio.Task[Any]] = [*self._flights.values(), *self._inquiries.values()]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _ensure(self, provider: Provider, *, refresh: bool) -> None:
        endpoint = provider.endpoint.id
        flight = self._flights.get(endpoint)
        if self._closed:
            return
        if flight is None:
            if not refresh and self._fresh(self._listings.get(endpoint)):
                self.statistics.hits += 1
                return
            self.statistics.misses += 1
            flight = asyncio.create_task(self._ask(provider), name=f"models of {endpoint}")
            self._flights[endpoint] = flight
            flight.add_done_callback(lambda _: self._flights.pop(endpoint, None))
        else:
            self.statistics.hits += 1
        await asyncio.shield(flight)

    def _fresh(self, listing: Listing | None) -> bool:
        if listing is None:
            return False
        lasts = FRESH_SECONDS if listing.error is None else FAILED_SECONDS
        return self._clock.monotonic() - listing.asked < lasts

    async def _ask(self, provider: Provider) -> None:
        endpoint = provider.endpoint.id
        before = self._listings.get(endpoint, Listing(endpoint))
        try:
            models = tuple(await provider.list_models())
            after = Listing(endpoint, models, self._clock.monotonic())
        except PortalError as problem:
            after = replace(before, asked=self._clock.monotonic(), error=problem)
        self._listings[endpoint] = after
        if (after.models, after.stale) != (before.models, before.stale):
            self._details = {name: kept for name, kept in self._details.items() if kept[0].endpoint != endpoint}
            self._publish(ModelsChanged())

    async def _detail(self, provider: Provider, model: str) -> ModelFacts:
        full_id = f"{provider.endpoint.id}/{model}"
        kept = self._details.get(full_id)
        if kept is not None and self._clock.monotonic() - kept[1] < FRESH_SECONDS:
            self.statistics.hits += 1
            return kept[0]
        flight = self._inquiries.get(full_id)
        if flight is None:
            self.statistics.misses += 1
            flight = asyncio.create_task(self._inquire(provider, model), name=f"facts of {full_id}")
            self._inquiries[full_id] = flight
            flight.add_done_callback(lambda _: self._inquiries.pop(full_id, None))
        else:
            self.statistics.hits += 1
        return await asyncio.shield(flight)

    async def _inquire(self, provider: Provider, model: str) -> ModelFacts:
        try:
            facts = await provider.model_facts(model)
        except PortalError as problem:
            if problem.name == "model_missing":
                self.invalidate(provider.endpoint.id)
            raise
        self._details[f"{provider.endpoint.id}/{model}"] = (facts, self._clock.monotonic())
        return facts
