"""A scriptable HTTP/1.1 server on loopback: exact bytes, exact framing, every fault, and a memory of what was asked.

    async with FakeServer() as server:
        server.script(Reply([b"one", Wait(0.1), b"two"]), Reply(head=[Close()]))   # one step per request, in order
        server.route("GET", "/health", Reply([b"ok"]))                             # standing answers, any number
        ... use server.base_url ...
        assert server.requests[0].json == {...}

Steps: a `Reply`, or a callable `(Received) -> Reply`. A request on a path without a route takes the next step of the
script; when there is none it gets `default`, or else status 500 and the test fails at exit. Steps left at exit fail
the test too (not while another exception is on its way).

A `Reply` is a status, headers, a framing and actions. Each `bytes` action is one write (with chunked framing one HTTP
chunk). Other actions: `Wait(seconds)`, `Hold(asyncio.Event)`, `Close()` (connection aborted on the spot), `Flood(piece,
count)` (the same bytes again and again, count=None for ever), `Drip(data, seconds)` (one byte at a time), `Raw(data)`
(outside of any framing). `head` holds actions done before the status line. Framing: "chunked", "length"
(Content-Length of all bytes actions), "close" (body ends with the connection), "raw" (no status line at all).

One request per connection. `Received.gone` is an event set when the client closed before the reply was complete
(`gone_at`: monotonic second); `complete` tells that the reply was sent whole. `server.connections` counts all.

The server runs in the loop that enters it (Qt's too). `serving(server)` runs it in a thread with a selector loop of
its own, for tests of processes: script it before, look at it afterwards. `main(server)` serves until stdin closes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, Self, TypeAlias


@dataclass(frozen=True)
class Wait:
    """Silence for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Hold:
    """Silence until the test sets the event."""

    gate: asyncio.Event


@dataclass(frozen=True)
class Close:
    """The connection is aborted here."""


@dataclass(frozen=True)
class Flood:
    """The same bytes again and again; `count` None means until the client goes. `batch` pieces go into one write."""

    piece: bytes
    count: int | None = None
    batch: int = 1
    pause: float = 0.0


@dataclass(frozen=True)
class Drip:
    """One byte at a time."""

    data: bytes
    seconds: float


@dataclass(frozen=True)
class Raw:
    """Bytes outside of the framing."""

    data: bytes


Action: TypeAlias = bytes | Wait | Hold | Close | Flood | Drip | Raw
Framing: TypeAlias = Literal["chunked", "length", "close", "raw"]


@dataclass(frozen=True)
class Reply:
    """One answer; see the module."""

    actions: Sequence[Action] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    framing: Framing = "chunked"
    head: Sequence[Action] = ()
    pace: float = 0.0


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    """Return a JSON answer; `retry_after` and the like become headers."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply([json.dumps(value).encode()], status, {"content-type": "application/json", **named}, "length")


def text_reply(text: str, status: int = 200, content_type: str = "text/html") -> Reply:
    """Return a page."""
    return Reply([text.encode()] if text else [], status, {"content-type": content_type}, "length")


@dataclass
class Received:
    """One request as it arrived; header names in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    gone_at: float = 0.0
    complete: bool = False
    sent: int = 0

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Step: TypeAlias = Reply | Callable[[Received], Reply]


class _ScriptedCloseError(Exception):
    pass


class FakeServer:
    """See the module."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.requests: list[Received] = []
        self.connections = 0
        self.default: Step | None = None
        self.problems: list[str] = []
        self._script: list[Step] = []
        self._routes: dict[tuple[str, str], Step] = {}
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """The address without a path."""
        return f"http://{self.host}:{self.port}"

    def script(self, *steps: Step) -> None:
        """Append steps."""
        self._script.extend(steps)

    def route(self, method: str, path: str, step: Step) -> None:
        """Answer a path the same way each time."""
        self._routes[method, path] = step

    @property
    def remaining(self) -> int:
        """Steps nobody has asked for yet."""
        return len(self._script)

    def of(self, path: str) -> list[Received]:
        """Return the requests of one path."""
        return [request for request in self.requests if request.path == path]

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def verify(self) -> None:
        """Fail when the script was not played as it was written."""
        assert not self.problems, self.problems
        assert not self._script, f"{len(self._script)} step(s) of the script were never asked for: {self._script}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, problem: object, trace: object) -> None:
        await self.stop()
        if kind is None:
            self.verify()

    def answer(self, request: Received) -> Reply:
        """Choose the answer of a request; a dialect's server may look at the request first."""
        step = self._routes.get((request.method, request.path.partition("?")[0]))
        if step is None:
            step = self._script.pop(0) if self._script else self.default
        if step is None:
            self.problems.append(f"{request.method} {request.path} came when the script was over")
            return json_reply({"error": "the script is over"}, 500)
        return step(request) if callable(step) else step

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            request = await self._read(reader)
            if request is not None:
                self.requests.append(request)
                await self._serve(request, self.answer(request), reader, writer)
        except (OSError, asyncio.IncompleteReadError, _ScriptedCloseError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._running.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(method, path, headers, body, time.monotonic())

    async def _serve(
        self, request: Received, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        sending = asyncio.ensure_future(self._send(request, reply, writer))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                request.gone_at = time.monotonic()
                request.gone.set()
                sending.cancel()
                return
            sending.result()
            request.complete = True
        except ConnectionError:
            request.gone_at = time.monotonic()
            request.gone.set()
        finally:
            for future in (sending, leaving):
                future.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, request: Received, reply: Reply, writer: asyncio.StreamWriter) -> None:
        for action in reply.head:
            await self._act(request, action, "raw", writer)
        if reply.framing != "raw":
            writer.write(_head(reply))
            await writer.drain()
        for action in reply.actions:
            await self._act(request, action, reply.framing, writer)
            if reply.pace:
                await asyncio.sleep(reply.pace)
        if reply.framing == "chunked":
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _act(self, request: Received, action: Action, framing: Framing, writer: asyncio.StreamWriter) -> None:
        match action:
            case bytes():
                await self._write(request, action, framing, writer)
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Hold(gate=gate):
                await gate.wait()
            case Close():
                raise _ScriptedCloseError
            case Drip(data=data, seconds=seconds):
                for byte in data:
                    await self._write(request, bytes([byte]), framing, writer)
                    await asyncio.sleep(seconds)
            case Raw(data=data):
                await self._write(request, data, "raw", writer)
            case Flood():
                await self._flood(request, action, framing, writer)

    async def _flood(self, request: Received, flood: Flood, framing: Framing, writer: asyncio.StreamWriter) -> None:
        left = flood.count
        while left is None or left > 0:
            batch = flood.batch if left is None else min(flood.batch, left)
            data = b"".join(_framed(flood.piece, framing) for _ in range(batch))
            await self._write(request, data, "raw", writer)
            left = None if left is None else left - batch
            await asyncio.sleep(flood.pause)

    async def _write(self, request: Received, data: bytes, framing: Framing, writer: asyncio.StreamWriter) -> None:
        if data:
            request.sent += len(data)
            writer.write(_framed(data, framing))
            await writer.drain()


def chunked(pieces: Sequence[bytes]) -> Raw:
    """Return pieces as HTTP chunks of their own that go out in one write: the client still sees each by itself."""
    return Raw(b"".join(_framed(piece, "chunked") for piece in pieces))


def _framed(data: bytes, framing: Framing) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if framing == "chunked" else data


def _head(reply: Reply) -> bytes:
    headers = {"connection": "close", **{name.lower(): value for name, value in reply.headers.items()}}
    if reply.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif reply.framing == "length":
        headers.setdefault("content-length", str(sum(len(a) for a in reply.actions if isinstance(a, bytes))))
    known = {status.value: status.phrase for status in HTTPStatus}
    lines = [f"HTTP/1.1 {reply.status} {known.get(reply.status, 'Status')}", *(f"{n}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@contextmanager
def serving(server: FakeServer) -> Iterator[FakeServer]:
    """Run a server in a thread with a loop of its own; checked at the end like `async with`."""
    loop = asyncio.SelectorEventLoop()
    ready = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(server.stop())
        loop.close()

    thread = threading.Thread(target=run, name="fake server", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    server.verify()


def main(server: FakeServer) -> None:
    """Serve until standard input ends, telling the address on standard output."""

    async def run() -> None:
        await server.start()
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        with suppress(EOFError):
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await server.stop()

    asyncio.SelectorEventLoop().run_until_complete(run())
