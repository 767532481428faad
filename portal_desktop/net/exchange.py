"""One request and its answer: what went over the line, and what an exception of httpx means to the user."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import httpx

from portal_desktop.errors import ProviderError
from portal_desktop.net.watch import Clocks, Watch

ERROR_BODY = 64 * 1024
"""Bytes read of a body that tells of an error; the rest stays on the server."""

Headers: TypeAlias = Mapping[str, str]


class Peer(Protocol):
    """What the door must know of a server to name it in an error."""

    @property
    def id(self) -> str:
        """The id errors carry."""
        ...

    @property
    def name(self) -> str:
        """The name errors show."""
        ...


@dataclass(frozen=True, slots=True)
class HostVisit:
    """One request that left the program, for the host log; written when it is over, whatever its outcome."""

    host: str
    port: int
    purpose: str
    at: datetime
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Response:
    """A small answer, read whole (of an error only the beginning). Header names are in small letters."""

    status: int
    headers: Headers
    body: bytes
    received: datetime


class ByteStream:
    """An answer while it arrives; bytes as they came, never decoded."""

    def __init__(self, response: httpx.Response, watch: Watch, exchange: Exchange, received: datetime) -> None:
        self.status = response.status_code
        self.headers: Headers = MappingProxyType({k.lower(): v for k, v in response.headers.items()})
        self.received = received
        self._response = response
        self._watch = watch
        self._exchange = exchange
        self._begun = False

    def alive(self, *, begun: bool = True) -> None:
        """Say that a complete event has come: single bytes do not keep a server alive.

        Once the answer itself has begun, the clock between two events runs; until then the one for the first.
        """
        if begun and not self._begun:
            self._begun = True
            self._watch.limit(self._exchange.deadlines.idle)
        else:
            self._watch.alive()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield what arrives, as it arrives.

        Raises:
            ProviderError: the connection broke, a clock ran out, or the answer is compressed or too long.
        """
        exchange, watch = self._exchange, self._watch
        exchange.refuse_encoded(self.headers)
        with exchange.errors(started=True):
            try:
                watch.wait()
                async for piece in self._response.stream:  # type: ignore[union-attr]  # an async client's is async
                    watch.rest()
                    exchange.count(len(piece))
                    yield piece
                    watch.wait()
            except asyncio.CancelledError:
                if (overdue := watch.verdict()) is not None:
                    raise overdue from None
                raise
            finally:
                watch.rest()

    async def beginning(self, limit: int = ERROR_BODY) -> bytes:
        """Return at most so many bytes of the body, of an error for example; a broken or encoded one gives less."""
        body = bytearray()
        with suppress(ProviderError):
            async with aclosing(self.chunks()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) >= limit:
                        break
        return bytes(body[:limit])


class Exchange:
    """The bookkeeping of one request: who is asked, what went over the line, how errors are told."""

    def __init__(self, url: httpx.URL, endpoint: Peer, deadlines: Clocks, max_bytes: int) -> None:
        self.url = url
        self.endpoint = endpoint
        self.deadlines = deadlines
        self.max_bytes = max_bytes
        self.received = 0
        self.opened = False
        self.connected = False
        self.answered = False
        self._wire: Any = None

    def error(self, name: str, *, technical: str = "", **values: object) -> ProviderError:
        """Return an entry of the catalogue with this server's names filled in."""
        names: dict[str, Any] = {
            "server": self.endpoint.name,
            "address": f"{self.url.host}:{port_of(self.url)}",
            **values,
        }
        return ProviderError(name, provider=self.endpoint.id, technical=technical, **names)

    def overdue(self, waited: float) -> ProviderError:
        """Return the error of a clock that ran out."""
        return self.error("timeout", seconds=f"{waited:.0f}" if waited >= 1 else f"{waited:.1f}")

    def count(self, size: int) -> None:
        """Add what arrived; too much is an error."""
        self.received += size
        if self.received > self.max_bytes:
            raise self.error("answer_too_long", technical=f"beyond {self.max_bytes} bytes")

    def refuse_encoded(self, headers: Headers) -> None:
        """Raise for a compressed body: it was not asked for, and a small one can unfold to gigabytes."""
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise self.error("encoded_body", technical=f"content-encoding: {encoding[:40]}")

    def errors(self, *, started: bool) -> _Translated:
        """Return a context in which httpx's exceptions become ours."""
        return _Translated(self, started=started)

    def translate(self, problem: Exception, *, started: bool) -> ProviderError:
        """Return what an exception of httpx means; decided by types along its chain, never by words."""
        technical = f"{type(problem).__name__}: {problem}"[:300]
        causes = list(_chain(problem))
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return self.error("tls_failed", technical=technical)
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return self.error("address_unknown", technical=technical)
        if isinstance(problem, httpx.ConnectError | httpx.TimeoutException | httpx.ProxyError | OSError):
            return self.error("server_unreachable", technical=technical)
        if isinstance(problem, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL):
            return self.error("bad_address", technical=technical, address=str(self.url), example="http://127.0.0.1")
        garbled = any(type(cause).__module__.startswith("h11") for cause in causes)
        if garbled and not started:
            return self.error("not_a_model_server", technical=technical)
        return self.error("connection_lost", technical=technical)

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Follow httpx's own account of a request: when it is connected, and whether any byte was answered."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._wire = details["return_value"]
            self.opened = event == "connection.start_tls.complete" or self.url.scheme == "http"
            self._notice_first_bytes(self._wire)
        elif event == "http11.send_request_headers.started":
            self.connected = True

    async def abandon(self) -> None:
        """Close the connection of a request that never had an answer; httpcore loses one cancelled during TLS."""
        if self._wire is not None:
            await self._wire.aclose()

    def _notice_first_bytes(self, stream: Any) -> None:  # noqa: ANN401 - httpx gives its connection without a type
        self.answered = False
        read = stream.read

        async def first(*args: Any, **options: Any) -> bytes:  # noqa: ANN401 - passed through
            data: bytes = await read(*args, **options)
            if data:
                self.answered = True
                stream.read = read
            return data

        stream.read = first


class _Translated:
    """Lets an exception of httpx out as a `ProviderError`."""

    def __init__(self, exchange: Exchange, *, started: bool) -> None:
        self._exchange = exchange
        self._started = started

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, httpx.HTTPError | httpx.InvalidURL | httpx.StreamError | OSError):
            raise self._exchange.translate(problem, started=self._started) from problem


def port_of(url: httpx.URL) -> int:
    """Return the port of an address, the usual one of its scheme if it names none."""
    return url.port or (443 if url.scheme == "https" else 80)


def _chain(problem: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = problem
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
