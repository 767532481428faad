"""Networks, and a peer to name in errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.net import HostVisit, Network


@dataclass
class Door:
    """A network with what it told of itself."""

    network: Network
    visits: list[HostVisit]
    local_only: bool = False


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    visits: list[HostVisit] = []
    made = Door(Network(SystemClock(), local_only=lambda: made.local_only, host_log=visits.append), visits)
    yield made
    await made.network.close()
