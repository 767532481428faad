"""The fake server itself: what it records, what it refuses to hide."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.base import Close, FakeServer, Hold, Raw, Reply, json_reply, serving


async def _ask(server: FakeServer, path: str = "/x", body: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"POST %s HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
    try:
        return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


@pytest.mark.spec("R-32")
async def test_fake_server_with_an_unplayed_step_fails_at_exit() -> None:
    with pytest.raises(AssertionError, match="never asked for"):
        async with FakeServer() as server:
            server.script(Reply([b"never"]))


@pytest.mark.spec("R-32")
async def test_fake_server_asked_beyond_its_script_fails_at_exit() -> None:
    with pytest.raises(AssertionError, match="the script was over"):
        async with FakeServer() as server:
            assert b"500" in await _ask(server)


@pytest.mark.spec("R-32")
async def test_fake_server_on_a_request_records_all_of_it() -> None:
    async with FakeServer() as server:
        server.script(json_reply({"ok": 1}))
        assert (await _ask(server, "/v1/x", b'{"a":1}')).endswith(b'{"ok": 1}')
        assert server.requests[0].json == {"a": 1}
        assert server.requests[0].path == "/v1/x"
        assert server.requests[0].complete


async def test_fake_server_with_chunks_frames_each_write() -> None:
    async with FakeServer() as server:
        server.script(Reply([b"one", Raw(b"!"), b"three"]))
        assert (await _ask(server)).endswith(b"\r\n\r\n3\r\none\r\n!5\r\nthree\r\n0\r\n\r\n")


async def test_fake_server_told_to_close_cuts_the_connection() -> None:
    async with FakeServer() as server:
        server.script(Reply(head=[Close()]))
        assert await _ask(server) in {b"", b"reset"}


async def test_fake_server_sees_when_the_client_leaves() -> None:
    async with FakeServer() as server:
        server.script(Reply([b"x", Hold(asyncio.Event())]))
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET /x HTTP/1.1\r\n\r\n")
        while not server.requests:
            await asyncio.sleep(0.001)
        writer.close()
        await asyncio.wait_for(server.requests[0].gone.wait(), 2)
        assert not server.requests[0].complete


async def test_fake_server_in_a_thread_answers_too() -> None:
    server = FakeServer()
    server.script(json_reply([]))
    with serving(server):
        assert (await _ask(server)).endswith(b"[]")
