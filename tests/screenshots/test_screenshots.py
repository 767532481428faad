"""Every window, theme and state can be pictured; an ugly one is for eyes, a missing or blank one is caught here."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

pytestmark = [pytest.mark.gui, pytest.mark.integration, pytest.mark.slow]

STATES = {
    "start": ("waiting", "error"),
    "chat": ("normal", "narrow", "empty", "error", "waiting", "approval"),
    "tasks": ("normal", "narrow", "empty", "error"),
    "settings": ("normal", "narrow"),
}
LARGEST = 150_000


@pytest.mark.timeout(150)
def test_every_window_theme_and_state_is_pictured(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tests.screenshots", tmp_path], check=True, timeout=140, capture_output=True)
    wanted = {
        f"{window}-{theme}-{state}.png"
        for window, states in STATES.items()
        for theme, state in product(("light", "dark", "contrast"), states)
    }
    assert {file.name for file in tmp_path.iterdir()} == wanted
    for file in tmp_path.iterdir():
        image = QImage(str(file))
        assert (image.width(), image.height()) == ((620, 800) if "narrow" in file.name else (1280, 800))
        assert len(image.colorTable()) > 20, f"{file.name} is blank"
        assert file.stat().st_size < LARGEST
