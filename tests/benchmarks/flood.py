"""A server in a process of its own that answers any POST with a long stream, one HTTP chunk per token.

`python -m tests.benchmarks.flood TOKENS BYTES` prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

WRITE = 16 * 1024


@contextmanager
def flood(tokens: int, size: int) -> Iterator[str]:
    """Run the server and yield its address."""
    command = [sys.executable, "-m", "tests.benchmarks.flood", str(tokens), str(size)]
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


def _body(tokens: int, size: int) -> bytes:
    one = _sse("x" * size)
    last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    chunk = b"%x\r\n%s\r\n" % (len(one), one)
    return chunk * tokens + b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last)


def _answer(door: socket.socket, body: bytes) -> None:
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
        door.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        view = memoryview(body)
        for start in range(0, len(body), WRITE):
            door.sendall(view[start : start + WRITE])


def main() -> None:
    body = _body(int(sys.argv[1]), int(sys.argv[2]))
    with socket.create_server(("127.0.0.1", 0)) as door:
        sys.stdout.write(f"{door.getsockname()[1]}\n")
        sys.stdout.flush()
        threading.Thread(target=_serve, args=(door, body), daemon=True).start()
        sys.stdin.read()


def _serve(door: socket.socket, body: bytes) -> None:
    while True:
        try:
            connection, _ = door.accept()
        except OSError:
            break
        threading.Thread(target=_guarded, args=(connection, body), daemon=True).start()


def _guarded(connection: socket.socket, body: bytes) -> None:
    try:
        _answer(connection, body)
    except OSError:
        connection.close()


if __name__ == "__main__":
    main()
