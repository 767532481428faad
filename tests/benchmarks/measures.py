"""The list of all measures, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.benchmarks import Measure
from tests.benchmarks.start import cold_start
from tests.benchmarks.storage import durable_commit, list_chats
from tests.benchmarks.stream import stream_memory, stream_parse
from tests.benchmarks.turn import turn_overhead
from tests.benchmarks.window import window_stream


def measures() -> tuple[Measure, ...]:
    return (
        Measure("stream-parse", "processor time of the official openai client", 0.8, stream_parse),
        Measure("stream-memory", "2 MB while 50 MB stream", 1.0, stream_memory),
        *_transcript("stream-to-view", "8 ms p99 of one callback at 1,000 tokens/s", "stream", "callback"),
        *_transcript("stream-paint", "16 ms p99 of one paint", "stream", "paint"),
        Measure("window-stream", "8 ms p99 of a callback in the whole chain at 1,000 tokens/s", 1.0, window_stream),
        *_transcript("stream-flat", "twice the early cost per token, late in 100,000 characters", "stream", "flat"),
        *_transcript("open-long-chat", "100 ms to the first page of 10,000 messages", "open", ""),
        Measure("cold-start", "1.6 × the first paint of a bare Qt window", 1.0, lambda: cold_start() / 1.6),
        Measure("durable-commit", "a bare durable insert of the same text", 4.0, durable_commit),
        Measure("list-chats", "a query per chat (N + 1)", 0.4, list_chats),
        Measure("turn-overhead", "50 ms to the first token", 1.0, turn_overhead),
    )


def _transcript(name: str, against: str, bench: str, key: str) -> tuple[Measure, ...]:
    return (Measure(name, against, 1.0, partial(_ratio, bench, key)),)


def _ratio(bench: str, key: str) -> float:
    from PySide6.QtWidgets import QApplication

    from tests.benchmarks import bench_transcript

    if QApplication.instance() is None:
        _applications.append(QApplication([]))
    run: Callable[[], dict[str, float]] = bench_transcript.stream if bench == "stream" else bench_transcript.open_long
    return run()[".".join(filter(None, ("transcript", bench, key)))]


_applications: list[object] = []
"""Qt wants its application kept for the life of the process."""
