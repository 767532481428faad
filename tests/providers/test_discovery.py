"""Finding servers on this computer."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from portal_desktop.events import EndpointFound, EndpointLost, Event
from portal_desktop.net import Network
from portal_desktop.providers import discovery as module
from portal_desktop.providers.base import Endpoint, ProviderKind
from portal_desktop.providers.discovery import INTERVAL, USUAL_PORTS, Discovery
from tests.servers.base import FakeServer, Hold, Reply, json_reply, text_reply
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI, refusal
from tests.support.clock import FakeClock

listeners: list[list[tuple[str, int]]] = []


def _listen(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        for connected in listeners:
            connected.append(args[1][:2])


sys.addaudithook(_listen)


class Bench:
    """A discovery with what it published and told."""

    def __init__(self, network: Network, ports: Iterable[int], extra: Sequence[int] = ()) -> None:
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.told: list[list[Endpoint]] = []
        self.extra = list(extra)
        self.enabled = True
        self.discovery = Discovery(
            network,
            self.clock,
            self.events.append,
            extra_ports=lambda: self.extra,
            enabled=lambda: self.enabled,
            changed=lambda endpoints: self.told.append(list(endpoints)),
            usual_ports=ports,
        )

    def names(self) -> list[str]:
        return [found.endpoint.name for found in self.discovery.present()]


def compatible(server: FakeOpenAI) -> FakeOpenAI:
    for path in ("/api/tags", "/api/version"):
        server.route("GET", path, refusal(404, "Unexpected endpoint or method"))
    return server


def lm_studio(**more: Any) -> FakeOpenAI:
    return compatible(FakeOpenAI(v0=[{"id": "qwen", "type": "llm", "state": "loaded"}], **more))


@pytest.mark.spec("X-25")
async def test_probe_all_recognises_servers_by_their_answers_not_by_their_ports(network: Network) -> None:
    async with AsyncExitStack() as stack:
        ollama = await stack.enter_async_context(FakeOllama())
        studio = await stack.enter_async_context(lm_studio())
        newer = await stack.enter_async_context(
            compatible(FakeOpenAI(v1=[{"type": "llm", "key": "a"}, {"type": "embedding", "key": "b"}]))
        )
        llama = await stack.enter_async_context(compatible(FakeOpenAI(models=[{"id": "a", "owned_by": "llamacpp"}])))
        vllm = await stack.enter_async_context(compatible(FakeOpenAI(models=[{"id": "a", "owned_by": "vllm"}])))
        other = await stack.enter_async_context(compatible(FakeOpenAI(models=["a", "b"])))
        servers = (ollama, studio, newer, llama, vllm, other)
        bench = Bench(network, [server.port for server in servers])
        await bench.discovery.probe_all()
        found = {f.port: (f.endpoint.kind, f.endpoint.name.split(" (")[0], f.models) for f in bench.discovery.present()}
    assert [found[server.port] for server in servers] == [
        (ProviderKind.OLLAMA, "Ollama", 4),
        (ProviderKind.LMSTUDIO, "LM Studio", 1),
        (ProviderKind.LMSTUDIO, "LM Studio", 2),
        (ProviderKind.OPENAI, "llama.cpp", 1),
        (ProviderKind.OPENAI, "vLLM", 1),
        (ProviderKind.OPENAI, f"Server at port {other.port}", 2),
    ]


@pytest.mark.spec("X-25")
@pytest.mark.parametrize(
    "nonsense",
    [
        text_reply("<html><body>It works!</body></html>"),
        json_reply({"models": []}),
        json_reply({"data": []}),
        json_reply({"models": [], "data": []}),
        json_reply({"models": [{"title": "x"}], "data": "x"}),
        json_reply({"data": [{"name": "without id"}]}),
        json_reply([1, 2, 3]),
        text_reply("", 204),
        text_reply("no", 401),
        json_reply({"detail": "Not Found"}, 404),
        Reply([b"\x00\x01\x02 not http"], framing="raw"),
        Reply([b"[" * 100_000], headers={"content-type": "application/json"}),
        json_reply({}, 302, location="http://127.0.0.1:1/v1/models"),
    ],
)
async def test_probe_all_ignores_a_server_that_answers_nonsense(network: Network, nonsense: Reply) -> None:
    async with FakeServer() as server:
        server.default = nonsense
        bench = Bench(network, [server.port])
        assert await bench.discovery.probe_all() == ()
        assert bench.events == []


async def test_probe_all_llama_cpp_imitating_ollamas_list_is_not_taken_for_ollama(network: Network) -> None:
    async with FakeOpenAI(models=[{"id": "a", "owned_by": "llamacpp"}]) as server:
        imitated = {"models": [{"name": "a"}], "object": "list", "data": [{"id": "a", "owned_by": "llamacpp"}]}
        server.route("GET", "/api/tags", json_reply(imitated))
        bench = Bench(network, [server.port])
        (found,) = await bench.discovery.probe_all()
    assert found.endpoint.kind is ProviderKind.OPENAI
    assert found.endpoint.name.startswith("llama.cpp")


@pytest.mark.spec("X-25")
async def test_probe_all_reaches_nothing_but_loopback(network: Network) -> None:
    connected: list[tuple[str, int]] = []
    async with FakeOllama() as server:
        listeners.append(connected)
        try:
            await Bench(network, [*USUAL_PORTS, server.port]).discovery.probe_all()
        finally:
            listeners.remove(connected)
    assert {port for _, port in connected} >= {*USUAL_PORTS, server.port}
    assert {host for host, _ in connected} == {"127.0.0.1"}


@pytest.mark.spec("X-25", "R-07")
async def test_probe_all_server_started_later_is_found_and_one_stopped_is_lost_with_advice(network: Network) -> None:
    server = FakeOllama()
    async with server:
        pass
    bench = Bench(network, [server.port])
    assert await bench.discovery.probe_all() == ()
    async with server:
        (found,) = await bench.discovery.probe_all(fresh=True)
        assert bench.events == [EndpointFound(found.endpoint.id)]
        assert bench.discovery.services()[0].advice == ""
    assert await bench.discovery.probe_all(fresh=True) == ()
    assert bench.events[1:] == [EndpointLost(found.endpoint.id)]
    (service,) = bench.discovery.services()
    assert not service.present
    assert "Start it" in service.advice
    assert [len(told) for told in bench.told] == [0, 1, 0]


@pytest.mark.spec("R-07")
async def test_probe_all_both_on_one_off_both_off_shows_two_one_none_within_five_seconds(network: Network) -> None:
    ollama, studio = FakeOllama(), lm_studio()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(studio)
        async with ollama:
            bench = Bench(network, [ollama.port, studio.port])
            assert len(await bench.discovery.probe_all(fresh=True)) == 2
        began = time.monotonic()
        assert [found.endpoint.kind for found in await bench.discovery.probe_all(fresh=True)] == [ProviderKind.LMSTUDIO]
        assert time.monotonic() - began < 5
    assert await bench.discovery.probe_all(fresh=True) == ()
    assert all("Start it" in service.advice for service in bench.discovery.services())


@pytest.mark.spec("R-07")
async def test_probe_all_silent_server_is_away_after_three_looks(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEALTH_TIMEOUT", 0.15)
    async with FakeOllama() as server:
        bench = Bench(network, [server.port])
        await bench.discovery.probe_all(fresh=True)
        server.route("GET", "/api/tags", Reply(head=[Hold(asyncio.Event())]))
        present = [len(await bench.discovery.probe_all(fresh=True)) for _ in range(3)]
    assert present == [1, 1, 0]


@pytest.mark.spec("R-07")
async def test_probe_all_within_thirty_seconds_is_answered_from_memory(network: Network) -> None:
    async with FakeOllama() as server:
        bench = Bench(network, [server.port])
        await asyncio.gather(*(bench.discovery.probe_all() for _ in range(20)))
        assert len(server.of("/api/tags")) == 1
        await bench.clock.advance(INTERVAL - 1)
        await bench.discovery.probe_all()
        assert len(server.of("/api/tags")) == 1
        await bench.clock.advance(1)
        await bench.discovery.probe_all()
        assert len(server.of("/api/tags")) == 2


@pytest.mark.spec("X-25")
async def test_run_looks_at_once_and_every_thirty_seconds_while_visible(network: Network) -> None:
    async with FakeOllama() as server:
        bench = Bench(network, [server.port])
        running = asyncio.create_task(bench.discovery.run())
        looks = server.of

        async def until(count: int) -> None:
            async with asyncio.timeout(5):
                while len(looks("/api/tags")) < count or len(bench.told) < count:
                    await asyncio.sleep(0.002)

        await bench.clock.advance(100)
        assert not looks("/api/tags")
        bench.discovery.set_visible(True)
        await until(1)
        await _sleeping(bench.clock)
        await bench.clock.advance(INTERVAL)
        await until(2)
        bench.discovery.set_visible(False)
        await _sleeping(bench.clock)
        await bench.clock.advance(INTERVAL * 5)
        assert len(looks("/api/tags")) == 2
        bench.discovery.set_visible(True)
        await until(3)
        bench.enabled = False
        await _sleeping(bench.clock)
        await bench.clock.advance(INTERVAL * 3)
        assert len(looks("/api/tags")) == 3
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def _sleeping(clock: FakeClock) -> None:
    async with asyncio.timeout(5):
        while not clock._sleepers:
            await asyncio.sleep(0.001)


async def test_probe_all_extra_port_is_looked_at_until_the_user_removes_it(network: Network) -> None:
    async with FakeOllama() as server:
        bench = Bench(network, [], extra=[server.port])
        (found,) = await bench.discovery.probe_all(fresh=True)
        assert found.endpoint.name == f"Ollama (port {server.port})"
        assert found.endpoint.id == f"ollama-{server.port}"
        bench.extra.clear()
        assert await bench.discovery.probe_all(fresh=True) == ()
        assert bench.events[-1] == EndpointLost(found.endpoint.id)


async def test_probe_all_server_that_wants_a_key_is_found_and_says_so(network: Network) -> None:
    async with FakeOpenAI(key="secret") as server:
        bench = Bench(network, [server.port])
        (found,) = await bench.discovery.probe_all()
    assert found.needs_key
    assert "asks for a key" in bench.discovery.services()[0].advice


async def test_probe_all_other_server_at_the_same_port_replaces_the_first(network: Network) -> None:
    async with FakeOllama() as first:
        bench = Bench(network, [first.port])
        await bench.discovery.probe_all(fresh=True)
    second = lm_studio(port=first.port)
    async with second:
        (found,) = await bench.discovery.probe_all(fresh=True)
    assert found.endpoint.kind is ProviderKind.LMSTUDIO
    assert [type(event) for event in bench.events] == [EndpointFound, EndpointLost, EndpointFound]


async def test_probe_all_found_endpoint_is_local_discovered_and_usable(network: Network) -> None:
    async with FakeOllama() as server:
        (found,) = await Bench(network, [server.port]).discovery.probe_all()
    endpoint = found.endpoint
    assert (endpoint.local, endpoint.discovered, endpoint.credential) == (True, True, "")
    assert endpoint.base_url == server.base_url
