"""The clients and the rules under which a request may leave."""

from __future__ import annotations

import asyncio
import ipaddress
import json as json_module
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

import httpx

from portal_desktop.clock import Clock
from portal_desktop.errors import ProviderError
from portal_desktop.net.exchange import ByteStream, Exchange, Headers, HostVisit, Peer, Response, port_of
from portal_desktop.net.watch import Clocks, Patience, Watch

MIB = 1024 * 1024
SMALL_ANSWER = 8 * MIB
LONG_ANSWER = 64 * MIB


class Network:
    """Clients for the ways out of this computer, made when they are first needed and kept for the life of the app.

    `proxies` holds variables as an environment names them (`https_proxy`, `no_proxy`); loopback never sees a proxy.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        proxies: Mapping[str, str] | None = None,
        local_only: Callable[[], bool] = lambda: False,
        host_log: Callable[[HostVisit], None] | None = None,
    ) -> None:
        self._clock = clock
        self._proxies = {name.lower(): value for name, value in (proxies or {}).items() if value}
        self._local_only = local_only
        self._host_log = host_log
        self._clients: dict[tuple[bool, str], asyncio.Future[httpx.AsyncClient]] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        endpoint: Peer,
        deadlines: Clocks,
        headers: Headers | None = None,
        json: object = None,
        patience: Patience | None = None,
        purpose: str = "models",
        max_bytes: int = SMALL_ANSWER,
    ) -> Response:
        """Return a small answer, whatever its status.

        Raises:
            ProviderError: nobody answered, too late, or with more than `max_bytes`.
        """
        async with self.stream(
            method,
            url,
            endpoint=endpoint,
            deadlines=deadlines,
            headers=headers,
            json=json,
            patience=patience,
            purpose=purpose,
            max_bytes=max_bytes,
        ) as answer:
            if answer.status >= 400:
                body = await answer.beginning()
            else:
                async with aclosing(answer.chunks()) as chunks:
                    body = b"".join([chunk async for chunk in chunks])
            return Response(answer.status, answer.headers, body, answer.received)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        endpoint: Peer,
        deadlines: Clocks,
        headers: Headers | None = None,
        json: object = None,
        patience: Patience | None = None,
        purpose: str = "chat",
        max_bytes: int = LONG_ANSWER,
    ) -> AsyncIterator[ByteStream]:
        """Send a request and yield its answer once the headers are there; leaving closes the connection.

        A connection that ends before a single byte came back is tried once more.

        Raises:
            ProviderError: nobody answered, a clock ran out, or the server sends requests elsewhere.
        """
        exchange = Exchange(_parsed(url, endpoint), endpoint, deadlines, max_bytes)
        self._refuse_outside(exchange)
        content = b"" if json is None else _encoded(json)
        watch = Watch(self._clock, patience, exchange.overdue)
        watch.limit(deadlines.connect)
        watcher = asyncio.create_task(watch.run(), name="network clocks")
        begun = self._clock.now()
        response: httpx.Response | None = None
        try:
            response = await watch.guard(_unlost(exchange, self._send(exchange, watch, method, headers or {}, content)))
            answer = ByteStream(response, watch, exchange, self._clock.now())
            if 300 <= answer.status < 400 and "location" in answer.headers:
                raise exchange.error("redirected", technical=f"status {answer.status}")
            yield answer
        finally:
            watcher.cancel()
            if response is not None:
                await response.aclose()
            else:
                await exchange.abandon()
            self._log(exchange, purpose, begun, len(content))

    async def close(self) -> None:
        """Close all connections; safe to call twice."""
        clients, self._clients = list(self._clients.values()), {}
        for future in clients:
            if future.done() and not future.cancelled() and future.exception() is None:
                await future.result().aclose()
            else:
                future.cancel()

    def _refuse_outside(self, exchange: Exchange) -> None:
        if self._local_only() and not is_loopback(exchange.url.host):
            raise exchange.error("local_only")

    def _log(self, exchange: Exchange, purpose: str, begun: datetime, sent: int) -> None:
        if self._host_log is not None:
            url = exchange.url
            self._host_log(HostVisit(url.host, port_of(url), purpose, begun, sent, exchange.received))

    async def _send(
        self, exchange: Exchange, watch: Watch, method: str, headers: Headers, content: bytes
    ) -> httpx.Response:
        async def trace(event: str, details: Mapping[str, Any]) -> None:
            connected = exchange.connected
            await exchange.trace(event, details)
            if exchange.connected and not connected:
                watch.limit(exchange.deadlines.first_token)

        with exchange.errors(started=False):
            client = await self._client(exchange.url)
            sent = {"accept-encoding": "identity", **headers}
            if content:
                sent["content-type"] = "application/json"
            request = client.build_request(
                method, exchange.url, headers=sent, content=content or None, extensions={"trace": trace}
            )
            try:
                return await client.send(request, stream=True)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if exchange.answered or not exchange.connected:
                    raise
                exchange.opened = exchange.connected = False
                watch.limit(exchange.deadlines.connect)
                return await client.send(request, stream=True)

    async def _client(self, url: httpx.URL) -> httpx.AsyncClient:
        local = is_loopback(url.host)
        secure = url.scheme == "https"
        key = (secure, self._proxy(url)) if not local else (secure, "loopback")
        made = self._clients.get(key)
        if made is None:
            made = self._clients[key] = asyncio.ensure_future(_make_client(secure, local, self._proxy(url)))
        try:
            return await asyncio.shield(made)
        except OSError:
            self._clients.pop(key, None)
            raise

    def _proxy(self, url: httpx.URL) -> str:
        if is_loopback(url.host) or _excepted(url.host, self._proxies.get("no_proxy", "")):
            return ""
        return self._proxies.get(f"{url.scheme}_proxy") or self._proxies.get("all_proxy", "")


async def _unlost(exchange: Exchange, sending: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """Send, and let a cancellation wait for the one step between a connection standing and its request being begun.

    Cancelled there, httpcore keeps the open connection in its pool for ever, and a hundred of them fill it.
    """
    task = asyncio.ensure_future(sending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while exchange.opened and not exchange.connected and not task.done():  # noqa: ASYNC110 - a turn or two of the loop
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:
            await task.result().aclose()
        raise


async def _make_client(secure: bool, local: bool, proxy: str) -> httpx.AsyncClient:
    if secure or proxy:
        context = await asyncio.to_thread(_trusting_context)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = httpx.AsyncHTTPTransport(
        verify=context,
        trust_env=False,
        proxy=httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}") if proxy else None,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=0 if local else 20, keepalive_expiry=15.0),
    )
    return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=None)  # noqa: S113 - our own clocks


def _trusting_context() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def is_loopback(host: str) -> bool:
    """Whether a name or address can only mean this computer; no name is looked up."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def _excepted(host: str, exceptions: str) -> bool:
    names = [name.strip().lower().lstrip("*.") for name in exceptions.split(",")]
    return "*" in exceptions.split(",") or any(name and (host == name or host.endswith(f".{name}")) for name in names)


def _parsed(url: str, endpoint: Peer) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as problem:
        raise _bad_address(url, endpoint) from problem
    if parsed.scheme not in {"http", "https"} or not parsed.host or (parsed.port or 1) > 65535:
        raise _bad_address(url, endpoint)
    return parsed


def _bad_address(url: str, endpoint: Peer) -> ProviderError:
    return ProviderError("bad_address", provider=endpoint.id, address=url[:200], example="http://127.0.0.1:11434")


def _encoded(value: object) -> bytes:
    text = json_module.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")
