"""The runner of the measurements: medians of ratios, compared with what is committed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import BASELINE, Measure, measure, read_baseline
from tests.benchmarks.measures import measures

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
WANTED = {
    "stream-parse",
    "stream-memory",
    "stream-to-view",
    "open-long-chat",
    "cold-start",
    "durable-commit",
    "list-chats",
    "turn-overhead",
}


def _measure(*ratios: float) -> Measure:
    rest = iter(ratios)
    return Measure("sample", "a peer", 1.0, lambda: next(rest))


@pytest.mark.spec("P-39")
async def test_measure_of_five_runs_is_told_as_their_median() -> None:
    result = await measure(_measure(0.9, 0.5, 0.6, 7.0, 0.55))
    row = result.as_json(None)
    assert (row["median"], row["met"], len(result.ratios)) == (0.6, True, 5)
    assert "seconds" not in json.dumps(row)


@pytest.mark.spec("P-39")
@pytest.mark.parametrize(("now", "worse"), [(0.59, False), (0.61, True), (0.04, False)])
async def test_median_more_than_a_fifth_worse_than_the_baseline_is_a_regression(now: float, worse: bool) -> None:
    result = await measure(_measure(now), repeats=1)
    assert result.regressed(0.5 if now > 0.05 else 0.01) is worse


@pytest.mark.spec("P-39")
def test_measures_the_product_promises_have_a_committed_baseline() -> None:
    names = {one.name for one in measures()}
    assert names >= WANTED
    assert set(read_baseline(BASELINE)) == names


@pytest.mark.slow
@pytest.mark.spec("P-39")
def test_portal_bench_prints_json_and_fails_on_a_regression(tmp_path: Path) -> None:
    low = tmp_path / "baseline.json"
    low.write_text('{"list-chats": 0.06}')
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks",
        "--json",
        "--repeats",
        "1",
        "--baseline",
        str(low),
        "list-chats",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["regressed"] is True
    assert "list-chats" in done.stderr
