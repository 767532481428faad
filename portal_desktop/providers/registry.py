"""Which model servers there are, and the client for each."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlsplit

from portal_desktop.credentials import Secret
from portal_desktop.errors import InvalidInput, ProviderError
from portal_desktop.net import Network, is_loopback
from portal_desktop.providers.base import Endpoint, Provider, ProviderKind
from portal_desktop.providers.lmstudio import LMStudioProvider
from portal_desktop.providers.ollama import OllamaProvider
from portal_desktop.providers.openai import OpenAIProvider
from portal_desktop.settings import Settings, declared

Entry: TypeAlias = Mapping[str, str]
CredentialOf: TypeAlias = Callable[[str], Awaitable[Secret | None]]

NEEDED = ("id", "kind", "base_url")

SUFFIXES: Mapping[ProviderKind, tuple[str, ...]] = MappingProxyType({ProviderKind.OLLAMA: ("/v1", "/api")})
"""What users append to an address that belongs to another protocol of the same server."""

BY_HAND = frozenset({ProviderKind.OLLAMA, ProviderKind.OPENAI, ProviderKind.LMSTUDIO})
"""Kinds that are an address; the engine and the script are handed in as they are."""


class Providers:
    """The endpoints of the settings, those discovery found and the built-in ones, in this order.

    A client is made when first asked for and closed when its endpoint changes. Nothing here ever chooses a server by
    itself: without endpoints there are none.
    """

    def __init__(
        self,
        network: Network,
        settings: Settings,
        credential: CredentialOf,
        *,
        built_in: Iterable[Provider] = (),
        holders: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._network = network
        self._settings = settings
        self._credential = credential
        self._built_in = {provider.endpoint.id: provider for provider in built_in}
        self._holders = holders
        self._discovered: tuple[Endpoint, ...] = ()
        self._clients: dict[str, Provider] = {}
        self._outdated: list[Provider] = []

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return every endpoint; a configured one hides a discovered one at the same address or of the same id."""
        configured, _ = self._configured()
        known = {endpoint.id: endpoint for endpoint in configured}
        addresses = {endpoint.base_url for endpoint in configured}
        for endpoint in self._discovered:
            if endpoint.base_url not in addresses:
                known.setdefault(endpoint.id, endpoint)
        for provider in self._built_in.values():
            known.setdefault(provider.endpoint.id, provider.endpoint)
        return tuple(known.values())

    def problems(self) -> tuple[ProviderError, ...]:
        """Return what keeps configured endpoints from being used; the others work."""
        return self._configured()[1]

    def providers(self) -> tuple[Provider, ...]:
        """Return a client for every endpoint."""
        return tuple(self.provider(endpoint.id) for endpoint in self.endpoints())

    def provider(self, endpoint_id: str) -> Provider:
        """Return the client of one endpoint.

        Raises:
            ProviderError: there is no such endpoint.
        """
        endpoint = next((e for e in self.endpoints() if e.id == endpoint_id), None)
        if endpoint is None:
            raise ProviderError("endpoint_unknown", model=endpoint_id)
        built_in = self._built_in.get(endpoint_id)
        if built_in is not None and built_in.endpoint == endpoint:
            return built_in
        client = self._clients.get(endpoint_id)
        if client is None or client.endpoint != endpoint:
            if client is not None:
                self._outdated.append(client)
            client = self._clients[endpoint_id] = self._make(endpoint)
        return client

    def resolve(self, model: str) -> tuple[Provider, str]:
        """Return the client and the name its server knows for ``endpoint/model`` or for a model one endpoint has.

        Raises:
            ProviderError: no model is named, or no endpoint (or more than one) can be meant.
        """
        if not model:
            raise ProviderError("no_model")
        first, slash, rest = model.partition("/")
        ids = [endpoint.id for endpoint in self.endpoints()]
        if slash and rest and first in ids:
            return self.provider(first), rest
        having = [name for name in self._holders(model) if name in ids]
        having = having or [name for name in ids if name not in self._built_in] or ids
        if len(having) == 1:
            return self.provider(having[0]), model
        raise ProviderError("endpoint_unknown", model=model)

    def set_discovered(self, endpoints: Sequence[Endpoint]) -> None:
        """Take over what discovery sees now."""
        self._discovered = tuple(endpoints)

    async def add(self, entry: Entry) -> Endpoint:
        """Store an endpoint the user entered; one of the same id is replaced.

        Raises:
            ProviderError: fields are missing (all of them are named) or the address cannot be used.
            SettingsError: a field has a value that cannot be used.
        """
        endpoint = endpoint_from(entry)
        stored = {
            "id": endpoint.id,
            "kind": endpoint.kind.value,
            "name": endpoint.name,
            "base_url": endpoint.base_url,
            "credential": endpoint.credential,
        }
        others = [dict(e) for e in self._settings.get(declared.ENDPOINTS) if e["id"] != endpoint.id]
        await self._settings.set(declared.ENDPOINTS, (*others, stored))
        return endpoint

    async def remove(self, endpoint_id: str) -> None:
        """Forget a configured endpoint; its key stays in the keyring for the caller to delete.

        Raises:
            InvalidInput: it is not a configured one.
        """
        entries = self._settings.get(declared.ENDPOINTS)
        left = tuple(dict(entry) for entry in entries if entry["id"] != endpoint_id)
        if len(left) == len(entries):
            raise InvalidInput("not_found", what=endpoint_id)
        await self._settings.set(declared.ENDPOINTS, left)

    async def close(self) -> None:
        """Close every client, the built-in ones too."""
        clients = (*self._clients.values(), *self._outdated, *self._built_in.values())
        self._clients.clear()
        self._outdated.clear()
        for client in clients:
            await client.close()

    def _configured(self) -> tuple[tuple[Endpoint, ...], tuple[ProviderError, ...]]:
        endpoints: list[Endpoint] = []
        problems: list[ProviderError] = []
        for entry in self._settings.get(declared.ENDPOINTS):
            try:
                endpoints.append(endpoint_from(entry))
            except ProviderError as problem:
                problems.append(problem)
        return tuple(endpoints), tuple(problems)

    def _make(self, endpoint: Endpoint) -> Provider:
        async def secret() -> Secret | None:
            if not endpoint.credential:
                return None
            key = await self._credential(endpoint.credential)
            if key is None:
                raise ProviderError("endpoint_incomplete", provider=endpoint.id, fields="its key")
            return key

        if endpoint.kind is ProviderKind.OLLAMA:
            return OllamaProvider(endpoint, self._network, secret)
        if endpoint.kind is ProviderKind.LMSTUDIO:
            return LMStudioProvider(endpoint, self._network, secret)
        if endpoint.kind is ProviderKind.OPENAI:
            return OpenAIProvider(endpoint, self._network, secret)
        raise ProviderError("endpoint_unknown", model=endpoint.id)


def endpoint_from(entry: Entry) -> Endpoint:
    """Return the endpoint of one settings entry, its address put into the form its client wants.

    Raises:
        ProviderError: fields are missing (all of them are named), the kind is none a user can add, or the address
            cannot be used.
    """
    missing = [name for name in NEEDED if not entry.get(name, "").strip()]
    if missing:
        raise ProviderError("endpoint_incomplete", provider=entry.get("id", ""), fields=_listed(missing))
    kind = next((kind for kind in BY_HAND if kind.value == entry["kind"]), None)
    if kind is None:
        choices = ", ".join(sorted(kind.value for kind in BY_HAND))
        raise ProviderError("endpoint_incomplete", provider=entry["id"], fields=f"a kind that is one of {choices}")
    address = normal_address(entry["base_url"], kind)
    name = entry.get("name", "").strip() or entry["id"]
    return Endpoint(entry["id"], kind, name, address, entry.get("credential", ""), local=is_local(address))


def normal_address(address: str, kind: ProviderKind) -> str:
    """Return an address as typed by a person in the form the client of that kind wants.

    A missing scheme is http for this computer and for numbers, https for names; slashes at the end and the path of
    another protocol of the same server go.

    Raises:
        ProviderError: it names no computer, or another scheme.
    """
    text = address.strip()
    if "://" not in text:
        text = f"{'http' if _is_number(text) or is_local(f'http://{text}') else 'https'}://{text}"
    text = text.rstrip("/")
    for suffix in SUFFIXES.get(kind, ()):
        text = text.removesuffix(suffix).rstrip("/")
    if not _usable(text):
        raise ProviderError("bad_address", address=address, example="http://127.0.0.1:11434")
    return text


def is_local(address: str) -> bool:
    """Tell whether an address means this computer; decided by the address alone, nothing is looked up."""
    try:
        return is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False


def _is_number(address: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(f"//{address}").hostname or "")
    except ValueError:
        return False
    return True


def _usable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(c.isspace() for c in address)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
