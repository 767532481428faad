"""A crash of the real program is offered at its next start, and the bundle holds nothing that is nobody's business."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.doomed import CANARY, CHAT
from tests.support.portal import ROOT, variables

pytestmark = [pytest.mark.gui, pytest.mark.integration]


def live(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.support.doomed", *words],
        cwd=ROOT,
        env=variables(home, {"QT_QPA_PLATFORM": "offscreen", "PORTAL_MODELS_DISCOVERY": "false"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def look(home: Path) -> dict[str, Any]:
    done = live(home, "look", str(home / "report.zip"))
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.spec("X-89")
def test_errors_provoked_are_offered_once_and_the_bundle_has_no_canary_and_no_chat(tmp_path: Path) -> None:
    assert live(tmp_path, "errors").returncode == 0
    seen = look(tmp_path)
    assert seen["notice"] == "Something went wrong last time. There is a report on this computer. Nothing was sent."
    for where in ("the main thread", "thread doomed", "a slot's coroutine failed", "Qt (critical)"):
        assert f" in {where}" in seen["report"]
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert files == seen["preview"]
    reports = {f"crash-{number}.txt" for number in range(1, 5)}
    assert set(files) == {"doctor.txt", "versions.json", "settings.json", "log.jsonl", *reports}
    assert "started" in files["log.jsonl"]
    everything = "\n".join([*files.values(), seen["report"]])
    assert everything.count("ValueError: provoked, with the key [masked]") >= 6
    assert CANARY not in everything
    assert CHAT not in everything
    assert seen["left"] == []
    assert look(tmp_path) == {"notice": ""}


@pytest.mark.spec("X-89")
def test_native_fault_provoked_is_told_as_an_unexpected_end(tmp_path: Path) -> None:
    assert live(tmp_path, "native").returncode != 0
    seen = look(tmp_path)
    assert (
        seen["notice"] == "Portal closed unexpectedly last time. There is a report on this computer. Nothing was sent."
    )
    assert "Fatal Python error: Aborted" in seen["report"]
