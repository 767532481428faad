"""`python -m tests.benchmarks [--json] [--repeats N] [--baseline FILE] [--write FILE] [NAME …]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from tests.benchmarks import BASELINE, REPEATS, measure, read_baseline
from tests.benchmarks.measures import measures


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    parser = argparse.ArgumentParser(prog="portal bench", description="Measure this computer's Portal Desktop.")
    parser.add_argument("names", nargs="*", help="which measures; all without")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    parser.add_argument("--write", type=Path, help="write the medians as the new baseline")
    chosen = parser.parse_args()
    baseline = read_baseline(chosen.baseline)
    medians: dict[str, float] = {}
    worse = []
    for one in measures():
        if chosen.names and one.name not in chosen.names:
            continue
        result = asyncio.run(measure(one, chosen.repeats))
        row = result.as_json(baseline.get(one.name))
        medians[one.name] = round(result.median, 4)
        if row["regressed"]:
            worse.append(one.name)
        sys.stdout.write((json.dumps(row) if chosen.json else _line(row)) + "\n")
        sys.stdout.flush()
    if chosen.write:
        chosen.write.write_text(json.dumps({**baseline, **medians}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    elif worse:
        sys.exit(f"more than 20 % worse than the baseline: {', '.join(worse)}")


def _line(row: dict[str, object]) -> str:
    verdict = "met" if row["met"] else "MISSED"
    base = "" if row["baseline"] is None else f"  baseline {row['baseline']}"
    return f"{row['name']:22} {row['median']:<8} goal {row['goal']:<6} {verdict:7} {row['against']}{base}"


if __name__ == "__main__":
    main()
