"""The child's side: load one file, serve it on a random loopback port, end when the parent's pipe closes.

The only module that imports the engine. Everything goes wrong here on purpose: a native assert, a missing processor
feature or exhausted memory ends this process and never the app.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from portal_desktop.providers.engine.launch import (
    KEY_VARIABLE,
    LOAD_REFUSED,
    NOT_INSTALLED,
    EngineConfig,
    ready_line,
)

PING_SECONDS = 15
"""Seconds between comment lines while a prompt is read; below every idle clock of ours."""

HTTP_THREADS = 4

EMBEDDING_BATCH = 2048
"""Tokens of one text that is embedded; a longer one is refused, because it must be read in one go."""


def main(environ: Mapping[str, str]) -> int:
    """Run the engine until standard input ends; return the exit code.

    The key arrives by environment, the configuration as the first line of standard input, and the only thing ever
    written to standard output is the ready line: whatever native code prints there goes to standard error instead.
    """
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = EngineConfig.from_line(_first_line())
    threading.Thread(target=_end_with_input, name="engine-stdin", daemon=True).start()
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        import xllamacpp  # noqa: PLC0415 - optional, and heavy: only this process pays for it
    except ImportError as missing:
        print_error(f"the engine cannot be imported: {missing}")
        return NOT_INSTALLED
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, config, environ[KEY_VARIABLE]))
    except (RuntimeError, ValueError) as refused:
        print_error(f"the engine would not load the file: {refused}")
        return LOAD_REFUSED
    os.write(out, ready_line(server.listening_address))
    threading.Event().wait()
    return 0


def print_error(text: str) -> None:
    """Write one line to standard error, which the parent keeps the tail of."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _parameters(package: Any, config: EngineConfig, key: str) -> Any:  # noqa: ANN401 - a native type without stubs
    """Return the engine's parameters; every attribute name of the package stands in this function."""
    parameters = package.CommonParams()
    parameters.model.path = config.model
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.cors_origins = ""
    parameters.cors_credentials = False
    parameters.ui = False
    parameters.offline = True
    parameters.sse_ping_interval = PING_SECONDS
    parameters.n_ctx = config.context
    parameters.n_parallel = 1
    parameters.n_threads_http = HTTP_THREADS
    parameters.cpuparams.n_threads = config.threads
    parameters.cpuparams_batch.n_threads = config.threads
    parameters.use_jinja = True
    parameters.embedding = config.embedding
    if config.embedding:
        parameters.n_batch = parameters.n_ubatch = EMBEDDING_BATCH
    parameters.endpoint_slots = True
    return parameters


def _first_line() -> bytes:
    """Read one line without a buffer, whose lock would be held by `_end_with_input` when the interpreter ends."""
    line = b""
    while not line.endswith(b"\n") and (more := os.read(0, 1)):
        line += more
    return line


def _end_with_input() -> None:
    """End this process when the parent closes the pipe or dies; also in the middle of loading, where the GIL allows."""
    while os.read(0, 1):
        pass
    os._exit(0)


def _die_with_parent() -> None:
    """Ask Linux to kill this process with its parent: loading holds the GIL, so the pipe's end is seen late then."""
    if sys.platform != "linux":
        return
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL, 0, 0, 0)
