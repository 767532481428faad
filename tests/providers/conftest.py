"""A network for the tests of providers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.net import Network


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    made = Network(SystemClock())
    yield made
    await made.close()
