"""Which entries of the specification have a test that passed in this run."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest


class SpecReport:
    """Collects outcomes by spec id; an id whose tests were all skipped counts as untested."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ids: dict[str, tuple[str, ...]] = {}
        self._outcomes: defaultdict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self._ids[item.nodeid] = tuple(str(i) for mark in item.iter_markers("spec") for i in mark.args)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            for key in self._ids.get(report.nodeid, ()):
                self._outcomes[key].add(report.outcome)

    def pytest_sessionfinish(self) -> None:
        passed = sorted(k for k, seen in self._outcomes.items() if "passed" in seen and "failed" not in seen)
        failed = sorted(k for k, seen in self._outcomes.items() if "failed" in seen)
        skipped = sorted(k for k, seen in self._outcomes.items() if seen == {"skipped"})
        self._file.write_text(
            json.dumps({"passed": passed, "failed": failed, "only_skipped": skipped}, indent=2) + "\n", encoding="utf-8"
        )
