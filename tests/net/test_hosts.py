"""The host log against what the servers themselves saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.net import HostLog, HostVisit, Network
from portal_desktop.net.hosts import MOST_HOSTS
from portal_desktop.providers.base import Deadlines, Endpoint, ProviderKind
from tests.servers.base import FakeServer, Reply

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.mark.spec("X-18")
async def test_host_log_of_a_mixed_run_equals_the_servers_own_logs() -> None:
    log = HostLog()
    network = Network(SystemClock(), host_log=log.add)
    sent = {}
    async with FakeServer() as one, FakeServer() as other:
        for server, count in ((one, 3), (other, 2)):
            endpoint = Endpoint("fake", ProviderKind.OPENAI, "Fake", server.base_url)
            for number in range(count):
                server.script(Reply([b"x" * 100 * (number + 1)]))
                await network.request(
                    "POST", server.base_url, endpoint=endpoint, deadlines=Deadlines(), json={"n": number}
                )
            sent[int(server.base_url.rpartition(":")[2])] = (len(server.requests), count)
    await network.close()
    told = {host.port: host for host in log.hosts()}
    assert {port: (host.visits, host.host, host.purpose) for port, host in told.items()} == {
        port: (seen, "127.0.0.1", "models") for port, (seen, _) in sent.items()
    }
    assert all(seen == count for seen, count in sent.values())
    assert sorted(host.received for host in told.values()) == [300, 600]
    assert all(host.sent > 0 and host.first <= host.last for host in told.values())


def test_host_log_keeps_the_newest_when_it_is_full() -> None:
    log = HostLog()
    for port in range(MOST_HOSTS + 1):
        log.add(HostVisit("127.0.0.1", port, "models", START + timedelta(seconds=port), 1, 1))
    assert len(log.hosts()) == MOST_HOSTS
    assert log.hosts()[0].port == MOST_HOSTS
    assert 0 not in {host.port for host in log.hosts()}
