"""A server in a process of its own that answers any POST with a long stream, one HTTP chunk per token.

`python -m tests.benchmarks.flood TOKENS BYTES RATE` prints its port, and ends when its standard input does. A RATE of
tokens a second paces the answer; 0 sends it as fast as it is read.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.prose import markdown

WRITE = 16 * 1024
MODELS = b'{"object":"list","data":[{"id":"m","object":"model"}]}'


@contextmanager
def flood(tokens: int, size: int, rate: int = 0) -> Iterator[str]:
    """Run the server and yield its address."""
    command = [sys.executable, "-m", "tests.benchmarks.flood", str(tokens), str(size), str(rate)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.stdin.close()
        child.wait(timeout=10)
        child.stdout.close()


def _sse(token: str) -> bytes:
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _pieces(tokens: int, size: int, rate: int) -> list[bytes]:
    """Return what is sent, each piece one write: a token when paced, else everything at once."""
    if rate:
        text = markdown(tokens * size)
        said = [_chunk(_sse(text[at : at + size])) for at in range(0, len(text), size)]
    else:
        said = [_chunk(_sse("x" * size)) * tokens]
    last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    return [*said, _chunk(last) + b"0\r\n\r\n"]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _answer(door: socket.socket, pieces: list[bytes], rate: int) -> None:
    with door:
        request = b""
        while b"\r\n\r\n" not in request:
            request += door.recv(65536)
        head, _, rest = request.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0
        )
        while len(rest) < length:
            rest += door.recv(65536)
        if head.startswith(b"GET"):
            door.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(MODELS)
            )
            door.sendall(MODELS)
            return
        door.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.monotonic()
        for number, piece in enumerate(pieces):
            if rate:
                time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            view = memoryview(piece)
            for start in range(0, len(piece), WRITE):
                door.sendall(view[start : start + WRITE])


def main() -> None:
    rate = int(sys.argv[3])
    pieces = _pieces(int(sys.argv[1]), int(sys.argv[2]), rate)
    with socket.create_server(("127.0.0.1", 0)) as door:
        sys.stdout.write(f"{door.getsockname()[1]}\n")
        sys.stdout.flush()
        threading.Thread(target=_serve, args=(door, pieces, rate), daemon=True).start()
        sys.stdin.read()


def _serve(door: socket.socket, pieces: list[bytes], rate: int) -> None:
    while True:
        try:
            connection, _ = door.accept()
        except OSError:
            break
        threading.Thread(target=_guarded, args=(connection, pieces, rate), daemon=True).start()


def _guarded(connection: socket.socket, pieces: list[bytes], rate: int) -> None:
    try:
        _answer(connection, pieces, rate)
    except OSError:
        connection.close()


if __name__ == "__main__":
    main()
