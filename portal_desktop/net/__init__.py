"""The one door to the network: every HTTP request of the product goes through a `Network`.

Why it is not plain httpx: a body is read as it comes and never decoded (compressed ones are refused), the clocks are
our own and ask before they give up, loopback servers get a new connection each time and never a proxy, redirects are
refused so that a key cannot travel on, and local-only stops a request before its name is looked up. Whatever goes
wrong leaves here as a `ProviderError`.
"""

from portal_desktop.net.exchange import ByteStream, HostVisit, Peer, Response
from portal_desktop.net.hosts import Host, HostLog
from portal_desktop.net.network import Network, is_loopback
from portal_desktop.net.watch import Clocks, Patience

__all__ = [
    "ByteStream",
    "Clocks",
    "Host",
    "HostLog",
    "HostVisit",
    "Network",
    "Patience",
    "Peer",
    "Response",
    "is_loopback",
]
