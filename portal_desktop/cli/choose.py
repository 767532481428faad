"""Which model answers: the one named, else the default, else one that is found on this computer."""

from __future__ import annotations

from portal_desktop.errors import ErrorKind, ProviderError
from portal_desktop.providers.base import Endpoint, ModelFacts, ProviderKind
from portal_desktop.providers.catalogue import Catalogue
from portal_desktop.providers.discovery import Discovery
from portal_desktop.providers.registry import Providers, is_local, normal_address
from portal_desktop.settings import Settings, declared

KINDS = ("ollama", "openai", "lmstudio")


class Chooser:
    """Finds the full id of a model (``endpoint/model``); nothing is stored and no cloud is ever chosen by itself."""

    def __init__(self, providers: Providers, catalogue: Catalogue, discovery: Discovery, settings: Settings) -> None:
        self._providers = providers
        self._catalogue = catalogue
        self._discovery = discovery
        self._settings = settings

    async def choose(self, *, address: str, kind: str, model: str) -> str:
        """Return the full id for what was named on the command line; each may be empty.

        Raises:
            ProviderError: nothing that was named is there, or nothing was found.
        """
        if address:
            endpoint = await self._endpoint_at(address, kind)
            return f"{endpoint.id}/{model}" if model else (await self._first_model([endpoint.id])).full_id
        if self._settings.get(declared.DISCOVERY):
            await self._discovery.probe_all()
        if kind:
            return await self._of_kind(kind, model)
        if model:
            await self._learn(model)
            return model
        default = self._settings.get(declared.DEFAULT_MODEL)
        if default:
            await self._learn(default)
            return default
        return (await self._first_model([endpoint.id for endpoint in self._providers.endpoints()])).full_id

    async def look(self) -> None:
        """Find the servers of this computer, for a conversation that names its model itself."""
        if self._settings.get(declared.DISCOVERY):
            await self._discovery.probe_all()
        await self._catalogue.models()

    async def _endpoint_at(self, address: str, kind: str) -> Endpoint:
        """Return the endpoint at an address: the configured one with its key, else one for this run only.

        Without a kind each protocol is tried, the one the address looks like first.
        """
        if kind:
            return self._at(address, ProviderKind(kind))
        likely = (ProviderKind.OLLAMA, ProviderKind.OPENAI)
        problem = ProviderError("not_a_model_server", address=address)
        for wire in reversed(likely) if address.rstrip("/").endswith("/v1") else likely:
            endpoint = self._at(address, wire)
            try:
                await self._providers.provider(endpoint.id).list_models()
            except ProviderError as error:
                if error.kind in {ErrorKind.NETWORK, ErrorKind.TIMEOUT, ErrorKind.CONFIGURATION}:
                    raise
                problem = error
            else:
                return endpoint
        raise problem

    def _at(self, address: str, wire: ProviderKind) -> Endpoint:
        base = normal_address(address, wire)
        for endpoint in self._providers.endpoints():
            if endpoint.base_url == base and endpoint.kind is wire:
                return endpoint
        made = Endpoint(f"cli-{wire.value}", wire, "The model server", base, local=is_local(base))
        self._providers.set_discovered([made])
        return made

    async def _of_kind(self, kind: str, model: str) -> str:
        ids = [endpoint.id for endpoint in self._providers.endpoints() if endpoint.kind.value == kind]
        if not ids:
            raise ProviderError("endpoint_unknown", model=kind)
        if not model:
            return (await self._first_model(ids)).full_id
        first, _, rest = model.partition("/")
        if first in ids and rest:
            return model
        await self._catalogue.models()
        having = [name for name in self._catalogue.holders(model) if name in ids]
        return f"{(having or ids)[0]}/{model}"

    async def _learn(self, model: str) -> None:
        """Let the catalogue know who has a model that is named without its endpoint."""
        if model.partition("/")[0] not in {endpoint.id for endpoint in self._providers.endpoints()}:
            await self._catalogue.models()

    async def _first_model(self, ids: list[str]) -> ModelFacts:
        listings = [listing for listing in await self._catalogue.listings() if listing.endpoint in ids]
        local = {endpoint.id for endpoint in self._providers.endpoints() if endpoint.local}
        models = [
            facts
            for listing in listings
            for facts in listing.models
            if not facts.embedding and (listing.endpoint in local or len(ids) == 1)
        ]
        if models:
            return next((facts for facts in models if facts.loaded), models[0])
        for listing in listings:
            if listing.error is not None:
                raise listing.error
        raise ProviderError("no_model" if self.has_servers() else "no_server")

    def has_servers(self) -> bool:
        """Tell whether there is any server besides the built-in engine."""
        return any(endpoint.kind is not ProviderKind.ENGINE for endpoint in self._providers.endpoints())
