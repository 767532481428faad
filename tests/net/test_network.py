"""The door to the network: what may leave, what is read, which clock runs, how errors are told."""

from __future__ import annotations

import ast
import asyncio
import gzip
import socket
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import portal_desktop
from portal_desktop.clock import SystemClock
from portal_desktop.errors import ErrorKind, ProviderError
from portal_desktop.net import Network, Response, is_loopback
from portal_desktop.providers.base import Deadlines, Endpoint, Patience, ProviderKind
from tests.net.conftest import Door
from tests.servers.base import Close, Drip, FakeServer, Flood, Hold, Raw, Reply, Wait, json_reply, text_reply
from tests.support.certificates import authority

PEER = Endpoint("x", ProviderKind.OPENAI, "Fake", "http://127.0.0.1:1")
SECONDS = Deadlines(5, 5, 5)
SHORT = Deadlines(connect=0.15, first_token=0.15, idle=0.15)


async def get(door: Door, url: str, **options: Any) -> Response:
    return await door.network.request("GET", url, endpoint=PEER, **{"deadlines": SECONDS, **options})


async def read(door: Door, url: str, *, deadlines: Deadlines = SECONDS, patience: Patience | None = None) -> bytes:
    """Read a stream, every piece of it being a complete event."""
    body = bytearray()
    async with door.network.stream(
        "POST", url, endpoint=PEER, deadlines=deadlines, json={"q": 1}, patience=patience
    ) as answer:
        async for piece in answer.chunks():
            body += piece
            answer.alive()
    return bytes(body)


async def silent(door: Door, url: str, deadlines: Deadlines, into: bytearray) -> None:
    """Read a stream in which no event is ever complete."""
    async with door.network.stream("GET", url, endpoint=PEER, deadlines=deadlines) as answer:
        async for piece in answer.chunks():
            into.extend(piece)


async def refused(door: Door, url: str, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await read(door, url, **options)
    return caught.value


@pytest.mark.spec("R-24")
def test_httpx_is_imported_by_the_door_only() -> None:
    package = Path(portal_desktop.__file__).parent
    importers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "httpx" in (text := file.read_text("utf-8"))
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Import) and any(a.name.split(".")[0] in {"httpx", "httpx2"} for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"httpx", "httpx2"})
    }
    assert importers == {"net/exchange.py", "net/network.py"}


@pytest.mark.spec("R-24")
async def test_request_to_a_server_carries_body_and_headers(door: Door) -> None:
    async with FakeServer() as server:
        server.script(json_reply({"ok": True}))
        answer = await get(door, f"{server.base_url}/a", json={"ü": [1]}, headers={"authorization": "Bearer k"})
        asked = server.requests[0]
        assert (answer.status, answer.body) == (200, b'{"ok": true}')
        assert answer.headers["content-type"] == "application/json"
        assert asked.json == {"ü": [1]}
        assert asked.headers["authorization"] == "Bearer k"
        assert asked.headers["accept-encoding"] == "identity"
        assert asked.headers["content-type"] == "application/json"


@pytest.mark.spec("R-24")
@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_request_refused_by_a_status_is_no_network_error(status: int, door: Door) -> None:
    async with FakeServer() as server:
        server.script(json_reply({"error": "no"}, status))
        assert (await get(door, server.base_url)).status == status


async def test_stream_in_chunks_is_handed_on_as_it_comes(door: Door) -> None:
    gate = asyncio.Event()
    async with FakeServer() as server:
        server.script(Reply([b"one", Hold(gate), b"two"]))
        async with door.network.stream("GET", server.base_url, endpoint=PEER, deadlines=SECONDS) as answer:
            pieces = answer.chunks()
            assert await anext(pieces) == b"one"
            gate.set()
            assert await anext(pieces) == b"two"
            await pieces.aclose()


# how it fails


async def test_connection_refused_names_the_server_and_its_address(door: Door) -> None:
    """T14."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = await refused(door, f"http://127.0.0.1:{port}/v1")
    assert error.name == "server_unreachable"
    assert error.kind is ErrorKind.NETWORK
    assert error.title == f"Fake is not running at 127.0.0.1:{port}"
    assert error.provider == "x"


async def test_unknown_name_is_told_apart_from_a_server_that_is_down(door: Door) -> None:
    """T14."""
    assert (await refused(door, "http://no-such-host.invalid/")).name == "address_unknown"


async def test_certificate_nobody_signed_is_not_trusted(door: Door, tmp_path: Path) -> None:
    """T14."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority(tmp_path))

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        assert (await refused(door, f"https://127.0.0.1:{port}/")).name == "tls_failed"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://[::1/", "nonsense"])
async def test_address_nobody_can_use_is_refused_before_the_network(url: str, door: Door) -> None:
    assert (await refused(door, url)).name == "bad_address"
    assert door.visits == []


@pytest.mark.spec("R-24")
async def test_connection_closed_before_a_byte_is_tried_once_more(door: Door) -> None:
    """T8."""
    async with FakeServer() as server:
        server.script(Reply(head=[Close()]), Reply([b"ok"]))
        assert await read(door, server.base_url) == b"ok"
        assert server.connections == 2


async def test_connection_closed_twice_before_a_byte_is_lost(door: Door) -> None:
    """T8."""
    async with FakeServer() as server:
        server.script(Reply(head=[Close()]), Reply(head=[Close()]))
        assert (await refused(door, server.base_url)).name == "connection_lost"


async def test_connection_closed_during_the_headers_is_not_tried_again(door: Door) -> None:
    """T8."""
    async with FakeServer() as server:
        server.script(Reply([b"HTTP/1.1 200 OK\r\ncontent-", Wait(0.05), Close()], framing="raw"))
        assert (await refused(door, server.base_url)).name == "connection_lost"
        assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply([b"half", Wait(0.02), Close()]),
        Reply([b"half"], headers={"content-length": "10"}, framing="length"),
        Reply([Raw(b"4\r\nhalf\r\n9\r\nha"), Wait(0.02), Close()]),
    ],
    ids=["between-chunks", "short-length", "inside-chunk"],
)
async def test_connection_lost_in_the_body_keeps_what_came(reply: Reply, door: Door) -> None:
    """T8."""
    async with FakeServer() as server:
        server.script(reply)
        got = bytearray()
        with pytest.raises(ProviderError) as caught:
            await silent(door, server.base_url, SECONDS, got)
        assert caught.value.name == "connection_lost"
        assert got.startswith(b"half")


async def test_bytes_that_are_no_http_are_no_model_server(door: Door) -> None:
    async with FakeServer() as server:
        server.script(Reply([b"SSH-2.0-OpenSSH_9\r\n\r\n"], framing="raw"))
        assert (await refused(door, server.base_url)).name == "not_a_model_server"


async def test_headers_by_the_thousand_are_refused(door: Door) -> None:
    async with FakeServer() as server:
        server.script(Reply([b"x"], headers={f"x-{n}": "y" * 100 for n in range(5000)}))
        assert (await refused(door, server.base_url)).name == "not_a_model_server"


@pytest.mark.spec("R-16")
async def test_error_of_the_network_keeps_its_chain_of_causes(door: Door) -> None:
    error = await refused(door, "http://127.0.0.1:1/")
    causes = [type(cause).__name__ for cause in error.causes()]
    assert len(causes) >= 2
    assert any(isinstance(cause, OSError) for cause in error.causes()), causes
    assert "ConnectError" in error.technical


# what must not leave


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_is_refused_and_the_key_stays(status: int, door: Door) -> None:
    """T11."""
    async with FakeServer() as other, FakeServer() as server:
        server.script(Reply(status=status, headers={"location": f"{other.base_url}/"}, framing="length"))
        with pytest.raises(ProviderError) as caught:
            await get(door, server.base_url, headers={"authorization": "Bearer canary"})
        assert caught.value.name == "redirected"
        assert "canary" not in str(caught.value)
        assert other.connections == 0


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment_is_ignored_for_loopback(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """T15."""
    async with FakeServer() as proxy, FakeServer() as server:
        monkeypatch.setenv(name, proxy.base_url)
        network = Network(SystemClock(), proxies={name: proxy.base_url})
        server.script(Reply([b"ok"]))
        assert (await network.request("GET", server.base_url, endpoint=PEER, deadlines=SECONDS)).body == b"ok"
        assert proxy.connections == 0
        await network.close()


async def test_proxy_is_used_beyond_loopback_and_not_for_exceptions() -> None:
    async with FakeServer() as proxy:
        proxy.script(Reply([b"by proxy"], framing="length"))
        network = Network(SystemClock(), proxies={"HTTP_PROXY": proxy.base_url, "NO_PROXY": "direct.invalid"})
        answer = await network.request("GET", "http://model.example/v1", endpoint=PEER, deadlines=SECONDS)
        assert answer.body == b"by proxy"
        assert proxy.requests[0].path == "http://model.example/v1"
        with pytest.raises(ProviderError) as caught:
            await network.request("GET", "http://a.direct.invalid/", endpoint=PEER, deadlines=SECONDS)
        assert caught.value.name == "address_unknown"
        await network.close()


@pytest.mark.spec("X-18")
@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/", "https://api.example.com/v1", "http://127.0.0.1.nip.io/", "http://2130706433.x/"]
)
async def test_local_only_refuses_what_is_not_loopback_without_a_packet(
    url: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_up(*_: object, **__: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    door.local_only = True
    error = await refused(door, url)
    assert error.name == "local_only"
    assert door.visits == []


@pytest.mark.spec("X-18")
async def test_local_only_lets_loopback_through(door: Door) -> None:
    door.local_only = True
    async with FakeServer() as server:
        server.script(Reply([b"ok"]))
        assert (await get(door, f"http://localhost:{server.port}/")).body == b"ok"


@pytest.mark.spec("X-18")
async def test_host_log_of_a_mixed_run_equals_what_the_servers_saw(door: Door) -> None:
    async with FakeServer() as one, FakeServer() as two:
        one.script(Reply([b"abc"]), json_reply({"error": 1}, 500))
        two.script(Reply([b"12345"]))
        await read(door, one.base_url)
        await read(door, two.base_url)
        await get(door, one.base_url, purpose="models")
        for server in (one, two):
            seen = [visit for visit in door.visits if visit.port == server.port]
            assert [visit.received for visit in seen] == [request.sent for request in server.requests]
            assert [visit.sent for visit in seen] == [len(request.body) for request in server.requests]
        assert [visit.purpose for visit in door.visits] == ["chat", "chat", "models"]
        assert {visit.host for visit in door.visits} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.nip.io", False),
        ("", False),
        ("fe80::1%lo", False),
    ],
)
def test_host_is_loopback_only_when_it_can_mean_nothing_else(host: str, local: bool) -> None:
    assert is_loopback(host) is local


# how much is read


BOMB = gzip.compress(b"\0" * 1_000_000) * 10


@pytest.mark.spec("R-13")
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd"])
async def test_encoded_body_is_refused_unread(encoding: str, door: Door) -> None:
    """T5."""
    async with FakeServer() as server:
        server.script(Reply([BOMB], headers={"content-encoding": encoding}))
        error = await refused(door, server.base_url)
        assert error.name == "encoded_body"
        assert door.visits[0].received == 0


@pytest.mark.spec("R-24")
async def test_error_body_of_fifty_megabytes_is_read_to_64_kib(door: Door) -> None:
    async with FakeServer() as server:
        server.script(Reply([Flood(b"x" * 65_536, 800)], status=500))
        tracemalloc.start()
        answer = await get(door, server.base_url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await asyncio.wait_for(server.requests[0].gone.wait(), 2)
        assert len(answer.body) == 65_536
        assert door.visits[0].received <= 2 * 65_536
        assert peak < 4_000_000


async def test_small_answer_beyond_its_limit_is_refused(door: Door) -> None:
    async with FakeServer() as server:
        server.script(Reply([Flood(b"x" * 1000)]))
        with pytest.raises(ProviderError) as caught:
            await get(door, server.base_url, max_bytes=100_000)
        assert caught.value.name == "answer_too_long"


@pytest.mark.spec("R-13")
async def test_endless_stream_ends_at_its_limit_with_a_closed_connection(door: Door) -> None:
    """T12."""
    async with FakeServer() as server:
        server.script(Reply([Flood(b"x" * 65_536, batch=8)]))
        error = await refused(door, server.base_url)
        assert error.name == "answer_too_long"
        assert 64 * 1024 * 1024 < door.visits[0].received < 65 * 1024 * 1024
        await asyncio.wait_for(server.requests[0].gone.wait(), 2)


# the clocks


@pytest.mark.spec("P-13")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(head=[Hold(asyncio.Event())]),
        Reply([Hold(asyncio.Event())]),
        Reply([b"x", Hold(asyncio.Event())]),
        Reply([b"x", Wait(0.1), b"x", Hold(asyncio.Event())]),
    ],
    ids=["before-headers", "before-body", "after-one", "after-two"],
)
async def test_silence_without_patience_is_a_timeout(reply: Reply, door: Door) -> None:
    """T9."""
    async with FakeServer() as server:
        server.script(reply)
        started = time.monotonic()
        error = await refused(door, server.base_url, deadlines=SHORT)
        assert error.name == "timeout"
        assert error.kind is ErrorKind.TIMEOUT
        assert 0.14 < time.monotonic() - started < 2
        await asyncio.wait_for(server.requests[0].gone.wait(), 2)


@pytest.mark.spec("P-13")
async def test_dripping_bytes_without_a_complete_event_are_silence(door: Door) -> None:
    async with FakeServer() as server:
        server.script(Reply([Drip(b"data: never ends " * 100, 0.02)]))
        with pytest.raises(ProviderError) as caught:
            await silent(door, server.base_url, SHORT, bytearray())
        assert caught.value.name == "timeout"


@pytest.mark.spec("P-13")
async def test_patience_that_says_yes_starts_the_clock_anew(door: Door) -> None:
    asked: list[float] = []

    async def patience(waited: float) -> bool:
        asked.append(waited)
        return True

    async with FakeServer() as server:
        server.script(Reply([Wait(0.5), b"late"]))
        assert await read(door, server.base_url, deadlines=SHORT, patience=patience) == b"late"
    assert len(asked) >= 2
    assert all(0.14 < waited < 0.3 for waited in asked)


@pytest.mark.spec("P-13")
async def test_patience_that_says_no_ends_the_request(door: Door) -> None:
    async def patience(waited: float) -> bool:
        return False

    async with FakeServer() as server:
        server.script(Reply([Hold(asyncio.Event())]))
        assert (await refused(door, server.base_url, deadlines=SHORT, patience=patience)).name == "timeout"


@pytest.mark.spec("P-13")
async def test_question_is_withdrawn_when_the_server_speaks(door: Door) -> None:
    withdrawn: list[bool] = []
    asked, gate = asyncio.Event(), asyncio.Event()

    async def patience(waited: float) -> bool:
        asked.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            withdrawn.append(True)
            raise
        return False

    async with FakeServer() as server:
        server.script(Reply([Hold(gate), b"here", Wait(0.01), b"now"]))
        reading = asyncio.create_task(read(door, server.base_url, deadlines=SHORT, patience=patience))
        await asked.wait()
        gate.set()
        assert await reading == b"herenow"
    assert withdrawn == [True]


@pytest.mark.spec("P-13")
async def test_time_the_reader_takes_does_not_count(door: Door) -> None:
    async with FakeServer() as server:
        server.script(Reply([b"a", b"b"], pace=0.01))
        body = b""
        patient = Deadlines(connect=1.0, first_token=1.0, idle=0.6)
        async with door.network.stream("GET", server.base_url, endpoint=PEER, deadlines=patient) as answer:
            async for piece in answer.chunks():
                body += piece
                await asyncio.sleep(0.9)
        assert body == b"ab"


@pytest.mark.spec("R-24")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(head=[Hold(asyncio.Event())]),
        Reply([Hold(asyncio.Event())]),
        Reply([b"x", Hold(asyncio.Event())]),
        Reply([Flood(b"x" * 100, pause=0.001)]),
    ],
    ids=["before-headers", "before-body", "between-chunks", "while-flooded"],
)
async def test_cancel_closes_the_connection_within_100_ms(reply: Reply, door: Door) -> None:
    """T10."""
    async with FakeServer() as server:
        server.script(reply)
        reading = asyncio.create_task(read(door, server.base_url))
        while not server.requests:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(server.requests[0].gone.wait(), 2)
        assert server.requests[0].gone_at - started < 0.1


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port that accepts nothing: its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
            waiting.append(client)
        yield listening.getsockname()[1]
        for client in waiting:
            client.close()


@pytest.mark.spec("P-13")
async def test_connect_that_never_ends_is_a_timeout(door: Door, full_backlog: int) -> None:
    deadlines = Deadlines(connect=0.2, first_token=30, idle=30)
    error = await refused(door, f"http://127.0.0.1:{full_backlog}/", deadlines=deadlines)
    assert error.name == "timeout"


async def test_cancel_while_connecting_returns_at_once(door: Door, full_backlog: int) -> None:
    """T10."""
    reading = asyncio.create_task(read(door, f"http://127.0.0.1:{full_backlog}/"))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert time.monotonic() - started < 0.1


async def test_loopback_connections_are_never_kept(door: Door) -> None:
    async with FakeServer() as server:
        server.default = Reply([b"ok"], headers={"connection": "keep-alive"})
        for _ in range(5):
            await read(door, server.base_url)
        assert server.connections == 5


async def test_network_closed_twice_is_closed(door: Door) -> None:
    async with FakeServer() as server:
        server.script(text_reply("ok"))
        await get(door, server.base_url)
    await door.network.close()
    await door.network.close()
