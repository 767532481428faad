"""The remembered model lists."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from portal_desktop.errors import InvalidInput, ProviderError
from portal_desktop.events import Event, ModelsChanged
from portal_desktop.net import Network
from portal_desktop.providers.base import Endpoint, ProviderKind
from portal_desktop.providers.catalogue import FAILED_SECONDS, FRESH_SECONDS, Catalogue
from portal_desktop.providers.ollama import OllamaProvider
from tests.servers.base import json_reply
from tests.servers.ollama import FakeOllama
from tests.servers.ollama_talk import FakeModel
from tests.support.clock import FakeClock

THREE = [FakeModel("a:1b"), FakeModel("b:1b", ("completion",)), FakeModel("c:1b")]
TAGS, SHOW = "/api/tags", "/api/show"


class Bench:
    def __init__(self, network: Network, *servers: FakeOllama) -> None:
        async def nothing() -> None:
            return None

        self.clock = FakeClock()
        self.events: list[Event] = []
        self.providers = [
            OllamaProvider(Endpoint(f"s{n}", ProviderKind.OLLAMA, f"Server {n}", server.base_url), network, nothing)
            for n, server in enumerate(servers)
        ]
        self.catalogue = Catalogue(lambda: self.providers, self.clock, self.events.append)

    async def ids(self, **more: Any) -> list[str]:
        return [model.full_id for model in await self.catalogue.models(**more)]


@pytest.mark.spec("P-19")
async def test_models_of_three_shows_exactly_three_and_a_deleted_one_goes_after_refresh(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        assert await bench.ids() == ["s0/a:1b", "s0/b:1b", "s0/c:1b"]
        server.remove("b:1b")
        assert len(await bench.ids()) == 3
        assert await bench.ids(refresh=True) == ["s0/a:1b", "s0/c:1b"]
        assert [model.context_length for model in await bench.catalogue.models()] == [None, None]


@pytest.mark.spec("R-25")
async def test_models_asked_twenty_times_at_once_sends_one_request(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        await asyncio.gather(*(bench.ids() for _ in range(20)))
        assert len(server.of(TAGS)) == 1
        await bench.ids()
        assert len(server.of(TAGS)) == 1
        await bench.ids(refresh=True)
        assert len(server.of(TAGS)) == 2
        statistics = bench.catalogue.statistics
        assert (statistics.hits, statistics.misses) == (20, 2)


@pytest.mark.spec("R-25", "P-19")
async def test_facts_asked_twenty_times_at_once_sends_one_request(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        facts = await asyncio.gather(*(bench.catalogue.facts("s0/b:1b") for _ in range(20)))
        assert len(server.of(SHOW)) == 1
        await bench.catalogue.facts("s0/b:1b")
        assert len(server.of(SHOW)) == 1
    assert {(fact.tools, fact.context_length) for fact in facts} == {(False, 32768)}


@pytest.mark.spec("R-25")
async def test_models_after_300_seconds_are_asked_again(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        await bench.ids()
        await bench.clock.advance(FRESH_SECONDS - 1)
        await bench.ids()
        assert len(server.of(TAGS)) == 1
        await bench.clock.advance(1)
        await bench.ids()
        assert len(server.of(TAGS)) == 2


@pytest.mark.spec("R-25")
async def test_models_of_a_server_that_stopped_are_stale_and_usable(network: Network) -> None:
    async with FakeOllama(THREE) as server, FakeOllama([FakeModel("z:1b")]) as other:
        bench = Bench(network, server, other)
        await bench.ids()
        await server.stop()
        assert len(await bench.ids(refresh=True)) == 4
        gone, there = bench.catalogue.known()
        assert gone.stale
        assert gone.error is not None
        assert gone.error.name == "server_unreachable"
        assert not there.stale
        assert isinstance(bench.events[-1], ModelsChanged)


async def test_models_of_a_server_that_never_answered_are_none_with_the_error_and_not_stale(network: Network) -> None:
    async with FakeOllama() as server:
        bench = Bench(network, server)
    (listing,) = await bench.catalogue.listings()
    assert (listing.models, listing.stale) == ((), False)
    assert listing.error is not None


async def test_models_of_a_failed_server_are_not_asked_at_every_turn(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        server.route("GET", TAGS, json_reply({"error": "no"}, 500))
        bench = Bench(network, server)
        await bench.ids()
        await bench.ids()
        assert len(server.of(TAGS)) == 1
        await bench.clock.advance(FAILED_SECONDS)
        await bench.ids()
        assert len(server.of(TAGS)) == 2


@pytest.mark.spec("R-25")
async def test_facts_of_a_model_that_is_gone_invalidate_the_list(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        await bench.ids()
        server.remove("b:1b")
        with pytest.raises(ProviderError) as raised:
            await bench.catalogue.facts("s0/b:1b")
        assert raised.value.name == "model_missing"
        assert await bench.ids() == ["s0/a:1b", "s0/c:1b"]


@pytest.mark.spec("R-25")
async def test_invalidate_one_endpoint_asks_only_that_one_again(network: Network) -> None:
    async with FakeOllama(THREE) as server, FakeOllama(THREE) as other:
        bench = Bench(network, server, other)
        await bench.catalogue.facts("s1/a:1b")
        await bench.ids()
        bench.catalogue.invalidate("s0")
        await bench.ids()
        await bench.catalogue.facts("s1/a:1b")
        assert (len(server.of(TAGS)), len(other.of(SHOW))) == (2, 1)
        bench.catalogue.invalidate()
        await bench.ids()
        await bench.catalogue.facts("s1/a:1b")
        assert (len(server.of(TAGS)), len(other.of(SHOW))) == (3, 2)


async def test_models_changed_is_published_once_per_change(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        await bench.ids()
        await bench.ids(refresh=True)
        assert len(bench.events) == 1
        server.models["d:1b"] = FakeModel("d:1b")
        await bench.ids(refresh=True)
        assert len(bench.events) == 2
        server.models["d:1b"] = replace(server.models["d:1b"], loaded_context=2048)
        await bench.ids(refresh=True)
        assert len(bench.events) == 3


@pytest.mark.spec("R-25")
async def test_models_over_a_working_day_come_from_memory_four_times_of_five(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        for quarter in range(8 * 4):
            for _ in range(10):
                await bench.ids()
                await bench.catalogue.facts("s0/a:1b")
            if quarter % 4 == 0:
                await bench.ids(refresh=True)
            await bench.clock.advance(900)
        assert bench.catalogue.statistics.hit_rate > 0.8


async def test_models_asker_cancelled_leaves_the_others_their_answer(network: Network) -> None:
    async with FakeOllama(THREE) as server:
        bench = Bench(network, server)
        impatient = asyncio.create_task(bench.ids())
        patient = asyncio.create_task(bench.ids())
        await asyncio.sleep(0)
        impatient.cancel()
        assert len(await patient) == 3
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert len(server.of(TAGS)) == 1


async def test_holders_tells_which_endpoints_have_a_model_without_asking(network: Network) -> None:
    async with FakeOllama(THREE) as server, FakeOllama([FakeModel("a:1b")]) as other:
        bench = Bench(network, server, other)
        assert bench.catalogue.holders("a:1b") == []
        await bench.ids()
        assert bench.catalogue.holders("a:1b") == ["s0", "s1"]
        assert bench.catalogue.holders("b:1b") == ["s0"]


async def test_facts_of_an_unknown_endpoint_are_not_found(network: Network) -> None:
    bench = Bench(network)
    with pytest.raises(InvalidInput):
        await bench.catalogue.facts("nowhere/a")
    assert await bench.ids() == []
    assert bench.catalogue.statistics.hit_rate == 0


async def test_close_ends_what_is_under_way(network: Network) -> None:
    async with FakeOllama() as server:
        bench = Bench(network, server)
        asking = asyncio.create_task(bench.ids())
        while not bench.catalogue._flights:
            await asyncio.sleep(0)
        await bench.catalogue.close()
        with pytest.raises(asyncio.CancelledError):
            await asking
