"""One window process per home: a local socket carries later starts to the first, which holds the lock (`ui.lock`)."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QDir, QElapsedTimer, QObject, QThread
from PySide6.QtNetwork import QLocalServer, QLocalSocket

LONGEST_SOCKET_PATH = 100
LONGEST_MESSAGE_BYTES = 64 * 1024
HAND_OVER_MS = 800
ACKNOWLEDGED = b"ok\n"


if sys.platform == "win32":

    def _user_id() -> str:
        return os.getlogin()
else:

    def _user_id() -> str:
        return str(os.getuid())


def socket_name(folder: Path) -> str:
    """Return where the first instance of this home listens.

    The socket lies in the home's own private folder where the system's limit on its path allows it.
    """
    home = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    name = f"portal-{_user_id()}-{home}"
    if sys.platform == "win32":
        return name
    inside = str(folder / f"{name}.sock")
    return inside if len(inside.encode()) <= LONGEST_SOCKET_PATH else str(Path(QDir.tempPath()) / name)


def hand_over(name: str, arguments: Sequence[str], *, patience_ms: int = HAND_OVER_MS) -> bool:
    """Give the arguments to the first instance; True when it has said that it took them.

    Runs before any event loop. The first one may still be starting, so connecting is tried again for a while.
    """
    clock = QElapsedTimer()
    clock.start()
    while clock.elapsed() < patience_ms:
        socket = QLocalSocket()
        socket.connectToServer(name)
        if socket.waitForConnected(max(1, patience_ms - clock.elapsed())):
            socket.write(json.dumps(list(arguments)).encode() + b"\n")
            socket.waitForBytesWritten(max(1, patience_ms - clock.elapsed()))
            answered = socket.waitForReadyRead(max(1, patience_ms - clock.elapsed()))
            return answered and bytes(socket.readAll().data()).startswith(ACKNOWLEDGED)
        QThread.msleep(20)
    return False


class InstanceServer(QObject):
    """Listens for later starts of the same user and home; only the holder of the lock may make one.

    `arrived` is called with the arguments of each. Nonsense and overlong messages are dropped.
    """

    def __init__(self, name: str, arrived: Callable[[list[str]], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._arrived = arrived
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)

    def listen(self) -> bool:
        """Start listening, removing what a killed process left; False when the system does not allow it."""
        QLocalServer.removeServer(self._name)
        return self._server.listen(self._name)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._server.close()

    def _accept(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)
            if socket.canReadLine():
                self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > LONGEST_MESSAGE_BYTES:
                socket.abort()
            return
        arguments = parse_arguments(bytes(socket.readLine(LONGEST_MESSAGE_BYTES).data()))
        if arguments is None:
            socket.abort()
            return
        socket.write(ACKNOWLEDGED)
        socket.flush()
        socket.disconnectFromServer()
        self._arrived(arguments)


def parse_arguments(line: bytes) -> list[str] | None:
    """Return what a later start sent, or None when it is not a list of texts."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return None
