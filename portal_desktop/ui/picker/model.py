"""The models that were found, as lines of a list and as the answer to "which one would be used"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from portal_desktop.events import Bus, EndpointFound, EndpointLost, ModelsChanged, Subscription
from portal_desktop.providers.base import Endpoint, ModelFacts
from portal_desktop.providers.catalogue import Catalogue, Listing
from portal_desktop.providers.discovery import Discovery
from portal_desktop.providers.registry import Providers
from portal_desktop.ui.i18n import plural, tr
from portal_desktop.ui.rows import Index, RowsModel
from portal_desktop.ui.spawn import Spawn


class Search(StrEnum):
    """How far the look for models has come."""

    LOOKING = "looking"
    FOUND = "found"
    NONE = "none"


class Roles(IntEnum):
    """Roles beyond Qt's own."""

    MODEL = Qt.ItemDataRole.UserRole + 1
    FACTS = Qt.ItemDataRole.UserRole + 2
    CHOSEN = Qt.ItemDataRole.UserRole + 3
    STALE = Qt.ItemDataRole.UserRole + 4


@dataclass(frozen=True, slots=True)
class Line:
    """A server (no model), or one of its models."""

    title: str
    model: str = ""
    facts: str = ""
    chosen: bool = False
    stale: bool = False
    endpoint: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The endpoint and the model."""
        return (self.endpoint, self.model)


def facts_text(facts: ModelFacts) -> str:
    """Return what is known of a model, shortest first; nothing is guessed."""
    parts = [facts.parameters, facts.quantization]
    if facts.context_length:
        parts.append(tr("{count}k context", count=round(facts.context_length / 1024)))
    if facts.size_bytes:
        parts.append(f"{facts.size_bytes / 1e9:.1f} GB")
    abilities = ((facts.tools, tr("tools")), (facts.vision, tr("images")), (facts.thinking, tr("thinking")))
    parts.extend(word for able, word in abilities if able)
    if facts.loaded:
        parts.append(tr("loaded"))
    return " · ".join(part for part in parts if part)


def model_lines(listings: Sequence[Listing], endpoints: Mapping[str, Endpoint], chosen: str, words: str) -> list[Line]:
    """Return servers with their models. A server without a match and models that only embed are left out."""
    lines: list[Line] = []
    for listing in listings:
        endpoint = endpoints.get(listing.endpoint)
        name = endpoint.name if endpoint else listing.endpoint
        models = [facts for facts in listing.models if not facts.embedding and _named(facts, words)]
        if models:
            where = tr("on this computer") if endpoint is None or endpoint.local else tr("cloud")
            state = tr("away, start it") if listing.stale else where
            lines.append(Line(f"{name} · {state}", stale=listing.stale, endpoint=listing.endpoint))
            lines.extend(
                Line(
                    facts.name or facts.id,
                    facts.full_id,
                    facts_text(facts),
                    facts.full_id == chosen,
                    listing.stale,
                    listing.endpoint,
                )
                for facts in models
            )
    return lines


def _named(facts: ModelFacts, words: str) -> bool:
    """Return whether every word stands in the model's id or name."""
    text = f"{facts.id} {facts.name}".casefold()
    return all(word in text for word in words.casefold().split())


_PROPERTIES: Mapping[int, Callable[[Line], object]] = MappingProxyType(
    {
        Qt.ItemDataRole.DisplayRole: lambda line: line.title,
        Qt.ItemDataRole.ToolTipRole: lambda line: f"{line.title}\n{line.facts}".strip(),
        Qt.ItemDataRole.AccessibleTextRole: lambda line: ", ".join(part for part in (line.title, line.facts) if part),
        Roles.MODEL: lambda line: line.model,
        Roles.FACTS: lambda line: line.facts,
        Roles.CHOSEN: lambda line: line.chosen,
        Roles.STALE: lambda line: line.stale,
    }
)


class PickerModel(RowsModel[Line]):
    """Lines for the list view. Servers are headings."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_PROPERTIES, parent)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that models can be chosen and servers only read."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if not self.line(index.row()).model:
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren


class FoundModels(QObject):
    """What the catalogue remembers, kept up to date by the bus; `changed` says: read again."""

    changed = Signal()

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        providers: Providers,
        discovery: Discovery,
        bus: Bus,
        spawn: Spawn,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._catalogue = catalogue
        self._providers = providers
        self._discovery = discovery
        self._spawn = spawn
        self._state = Search.LOOKING
        self._looking = False
        kinds = (ModelsChanged, EndpointFound, EndpointLost)
        self._subscriptions: list[Subscription[Any]] = [bus.subscribe(kind, self._happened) for kind in kinds]

    @property
    def state(self) -> Search:
        """How far the look has come."""
        return self._state

    def listings(self) -> list[Listing]:
        """Return what is remembered, server by server."""
        return self._catalogue.known()

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the configured and found servers by id."""
        return {endpoint.id: endpoint for endpoint in self._providers.endpoints()}

    def endpoint_of(self, full_id: str) -> Endpoint | None:
        """Return the server of ``endpoint/model``."""
        return self.endpoints().get(full_id.partition("/")[0])

    def facts(self, full_id: str) -> ModelFacts | None:
        """Return what is remembered of a model."""
        known = (facts for listing in self.listings() for facts in listing.models)
        return next((facts for facts in known if facts.full_id == full_id), None)

    def first(self) -> str:
        """Return the model to begin with when nothing was ever chosen: on this computer, loaded, able to use tools."""
        endpoints = self.endpoints()
        usable = [
            facts
            for listing in self.listings()
            for facts in listing.models
            if not facts.embedding and not listing.stale and (endpoint := endpoints.get(listing.endpoint)) is not None
            if endpoint.local
        ]
        best = min(usable, key=lambda facts: (not facts.loaded, not facts.tools), default=None)
        return best.full_id if best else ""

    def summary(self) -> str:
        """Return how many servers and models there are, in words."""
        listings = [listing for listing in self.listings() if listing.models and not listing.stale]
        models = sum(not facts.embedding for listing in listings for facts in listing.models)
        servers = plural("{count} server", "{count} servers", len(listings))
        return tr("{servers}, {models}", servers=servers, models=plural("{count} model", "{count} models", models))

    def look_again(self) -> None:
        """Look at the usual places now."""
        self._spawn.start(self.look(), "look for models")

    async def look(self) -> None:
        """Probe this computer and ask every server for its models."""
        if self._looking:
            return
        self._looking = True
        if self._state is not Search.FOUND:
            self._state = Search.LOOKING
        self.changed.emit()
        try:
            await self._discovery.probe_all(fresh=True)
            await self._catalogue.models(refresh=True)
        finally:
            self._looking = False
            self._settle()

    async def learn(self, full_id: str) -> None:
        """Ask for the facts of one model that the list does not tell."""
        if full_id and self.facts(full_id) is not None:
            await self._catalogue.facts(full_id)
            self.changed.emit()

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            subscription.close()

    async def _happened(self, _event: object) -> None:
        await self._catalogue.models()
        self._settle()

    def _settle(self) -> None:
        if any(listing.models for listing in self.listings()):
            self._state = Search.FOUND
        elif not self._looking:
            self._state = Search.NONE
        self.changed.emit()
