"""The list of all measures, in the order in which they are run."""

from __future__ import annotations

from tests.benchmarks import Measure
from tests.benchmarks.storage import durable_commit, list_chats


def measures() -> tuple[Measure, ...]:
    return (
        Measure("durable-commit", "a bare durable insert of the same text", 3.0, durable_commit),
        Measure("list-chats", "a query per chat (N + 1)", 0.4, list_chats),
    )
