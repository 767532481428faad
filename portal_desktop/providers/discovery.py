"""Finds model servers on this computer without being told anything; looks nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from portal_desktop.clock import Clock
from portal_desktop.errors import PortalError
from portal_desktop.events import EndpointFound, EndpointLost, Event
from portal_desktop.net import Network
from portal_desktop.providers.base import Deadlines, Endpoint, ProviderKind

INTERVAL = 30.0
"""Seconds between looks while a window is visible; also how long a look counts as fresh."""

HEALTH_TIMEOUT = 5.0
FAILURES = 3
"""Looks in a row without a usable answer after which a server that is silent, not refusing, counts as away."""

PROBE = Deadlines(connect=HEALTH_TIMEOUT, first_token=HEALTH_TIMEOUT, idle=HEALTH_TIMEOUT)
LARGEST_ANSWER = 4 * 2**20

USUAL_PORTS: Mapping[int, str] = MappingProxyType(
    {11434: "Ollama", 1234: "LM Studio", 8080: "llama.cpp", 8000: "vLLM", 1337: "Jan"}
)
OWNERS: Mapping[str, str] = MappingProxyType({"llamacpp": "llama.cpp", "vllm": "vLLM"})
"""What `owned_by` in a model list says about the program."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model server that answered; `models` is None where it wants a key first."""

    endpoint: Endpoint
    models: int | None
    port: int

    @property
    def needs_key(self) -> bool:
        """Whether the server answered but told nothing without a key."""
        return self.models is None


@dataclass(frozen=True, slots=True)
class Service:
    """A server seen at some time since the start, present or away."""

    found: Found
    present: bool = True
    failures: int = 0

    @property
    def advice(self) -> str:
        """What the user can do about it; empty for a server that answers."""
        name = self.found.endpoint.name
        if not self.present:
            return f"{name} is away. Start it; it is found again by itself."
        return f"{name} asks for a key. Enter it in Settings, Models." if self.found.needs_key else ""


class _Silent(Exception):  # noqa: N818 - an outcome of a look, never an error of the product
    """Nobody usable spoke at a port: `refused` tells that nothing listens there at all."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__(refused)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any = field(repr=False)


Ask: TypeAlias = Callable[[str], Awaitable[_Answer]]


class Discovery:
    """Looks at the usual local ports and those the user added.

    A server is what it answers, not what its port suggests. `run` looks every 30 seconds while something is visible;
    `probe_all` looks now. Each change is published, and `changed` is told the endpoints that answer.
    """

    def __init__(
        self,
        network: Network,
        clock: Clock,
        publish: Callable[[Event], None],
        *,
        extra_ports: Callable[[], Iterable[int]] = lambda: (),
        enabled: Callable[[], bool] = lambda: True,
        changed: Callable[[Sequence[Endpoint]], None] = lambda _: None,
        usual_ports: Iterable[int] = tuple(USUAL_PORTS),
    ) -> None:
        self._network = network
        self._clock = clock
        self._publish = publish
        self._extra_ports = extra_ports
        self._enabled = enabled
        self._changed = changed
        self._usual_ports = tuple(usual_ports)
        self._services: dict[int, Service] = {}
        self._visible = asyncio.Event()
        self._looking = asyncio.Lock()
        self._looked = float("-inf")

    def services(self) -> tuple[Service, ...]:
        """Return every server seen since the start, in the order of ports."""
        return tuple(self._services[port] for port in sorted(self._services))

    def present(self) -> tuple[Found, ...]:
        """Return the servers that answered the last look."""
        return tuple(service.found for service in self.services() if service.present)

    def set_visible(self, visible: bool) -> None:
        """Tell whether a window is visible; `run` pauses while none is."""
        if visible:
            self._visible.set()
        else:
            self._visible.clear()

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self._visible.wait()
            await self.probe_all(fresh=True)
            await self._clock.sleep(INTERVAL)

    async def probe_all(self, *, fresh: bool = False) -> tuple[Found, ...]:
        """Return the servers that answer now; a look younger than 30 seconds is taken over unless `fresh` is asked.

        Nobody is asked while the user has looking switched off.
        """
        if not self._enabled():
            return ()
        before = self._clock.monotonic()
        async with self._looking:
            overtaken = self._looked > before
            if not overtaken and (fresh or before - self._looked >= INTERVAL):
                ports = dict.fromkeys((*self._usual_ports, *self._extra_ports()))
                await asyncio.gather(*(self._look(port) for port in ports))
                for port in self._services.keys() - ports.keys():
                    self._lose(port)
                self._looked = self._clock.monotonic()
                self._changed([found.endpoint for found in self.present()])
        return self.present()

    async def _look(self, port: int) -> None:
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT):
                found = await self._identify(port)
        except _Silent as silent:
            self._miss(port, final=silent.refused)
        except TimeoutError:
            self._miss(port, final=False)
        else:
            self._note(port, found)

    def _note(self, port: int, found: Found) -> None:
        before = self._services.get(port)
        self._services[port] = Service(found)
        if before is not None and before.found.endpoint != found.endpoint and before.present:
            self._publish(EndpointLost(before.found.endpoint.id))
        if before is None or not before.present or before.found.endpoint != found.endpoint:
            self._publish(EndpointFound(found.endpoint.id))

    def _miss(self, port: int, *, final: bool) -> None:
        service = self._services.get(port)
        if service is None or not service.present:
            return
        failures = service.failures + 1
        if final or failures >= FAILURES:
            self._lose(port)
        else:
            self._services[port] = replace(service, failures=failures)

    def _lose(self, port: int) -> None:
        service = self._services[port]
        if service.present:
            self._services[port] = replace(service, present=False, failures=0)
            self._publish(EndpointLost(service.found.endpoint.id))

    async def _identify(self, port: int) -> Found:
        base = f"http://127.0.0.1:{port}"
        probe = Endpoint(f"port-{port}", ProviderKind.OPENAI, f"the server at port {port}", base)

        async def ask(path: str) -> _Answer:
            try:
                response = await self._network.request(
                    "GET", base + path, endpoint=probe, deadlines=PROBE, purpose="discovery", max_bytes=LARGEST_ANSWER
                )
            except PortalError as problem:
                raise _Silent(refused=problem.name == "server_unreachable") from problem
            return _Answer(response.status, _json(response.body))

        for recognise in (_ollama, _lm_studio, _openai):
            if (who := await recognise(ask)) is not None:
                return Found(_endpoint(who, port, base), who.models, port)
        raise _Silent(refused=True)


@dataclass(frozen=True, slots=True)
class _Who:
    kind: ProviderKind
    name: str
    models: int | None


async def _ollama(ask: Ask) -> _Who | None:
    """Recognise Ollama by its model list and its version; llama.cpp imitates the list but adds `data` to it."""
    listed = (await ask("/api/tags")).body
    models = _entries(listed, "models", "name")
    if models is None or (isinstance(listed, dict) and "data" in listed):
        return None
    version = (await ask("/api/version")).body
    known = isinstance(version, dict) and isinstance(version.get("version"), str)
    return _Who(ProviderKind.OLLAMA, "Ollama", len(models)) if known else None


async def _lm_studio(ask: Ask) -> _Who | None:
    """Recognise LM Studio by its own model list, the new one or the older one, beside the OpenAI one."""
    for path, key, name in (("/api/v1/models", "models", "key"), ("/api/v0/models", "data", "id")):
        models = _entries((await ask(path)).body, key, name)
        if models is not None and all("type" in model for model in models):
            compatible = _openai_models((await ask("/v1/models")).body)
            return None if compatible is None else _Who(ProviderKind.LMSTUDIO, "LM Studio", len(models))
    return None


async def _openai(ask: Ask) -> _Who | None:
    """Recognise any other server that speaks the OpenAI protocol; its model list may name the program."""
    answer = await ask("/v1/models")
    if answer.status == 401 and isinstance(answer.body, dict) and "error" in answer.body:
        return _Who(ProviderKind.OPENAI, "", None)
    models = _openai_models(answer.body)
    if models is None:
        return None
    owners = {OWNERS.get(str(model.get("owned_by", "")), "") for model in models} - {""}
    return _Who(ProviderKind.OPENAI, owners.pop() if len(owners) == 1 else "", len(models))


def _openai_models(body: object) -> list[Mapping[str, Any]] | None:
    models = _entries(body, "data", "id")
    declared = isinstance(body, dict) and body.get("object") == "list"
    return models if models or declared else None


def _endpoint(who: _Who, port: int, base: str) -> Endpoint:
    name = who.name or f"Server at port {port}"
    usual = USUAL_PORTS.get(port) == name
    shown = name if usual or not who.name else f"{name} (port {port})"
    slug = (who.name or "server").lower().replace(" ", "").replace(".", "")
    address = base + ("/v1" if who.kind is not ProviderKind.OLLAMA else "")
    return Endpoint(slug if usual else f"{slug}-{port}", who.kind, shown, address, discovered=True)


def _entries(body: object, key: str, name: str) -> list[Mapping[str, Any]] | None:
    """Return the objects of a model list when each has a name; None when the answer is anything else."""
    entries = body.get(key) if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return None
    return entries if all(isinstance(e, dict) and isinstance(e.get(name), str) for e in entries) else None


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
