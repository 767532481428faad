"""The host log: which computers this program talked to, since it was started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from portal_desktop.net.exchange import HostVisit

MOST_HOSTS = 1000
"""Hosts kept; beyond that the one visited longest ago gives way."""


@dataclass(frozen=True, slots=True)
class Host:
    """All visits to one host and port for one purpose; bytes are bodies, as sent and as received."""

    host: str
    port: int
    purpose: str
    first: datetime
    last: datetime
    visits: int
    sent: int
    received: int


class HostLog:
    """Adds visits up by host, port and purpose."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, int, str], Host] = {}

    def add(self, visit: HostVisit) -> None:
        """Count a visit."""
        key = (visit.host, visit.port, visit.purpose)
        known = self._hosts.pop(key, None)
        if known is None:
            known = Host(visit.host, visit.port, visit.purpose, visit.at, visit.at, 0, 0, 0)
        self._hosts[key] = replace(
            known,
            last=visit.at,
            visits=known.visits + 1,
            sent=known.sent + visit.sent,
            received=known.received + visit.received,
        )
        if len(self._hosts) > MOST_HOSTS:
            self._hosts.pop(next(iter(self._hosts)))

    def hosts(self) -> tuple[Host, ...]:
        """Return what was visited, the newest visit first."""
        return tuple(reversed(self._hosts.values()))
