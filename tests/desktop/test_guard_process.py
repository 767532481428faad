"""The guard in front of the program: one plain sentence, a code that is not 0, and nothing else loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

START = """
import sys
import PySide6
{fake}
from portal_desktop.desktop import main
code = main([])
assert "PySide6.QtWidgets" not in sys.modules
sys.exit(code)
"""


@pytest.mark.spec("X-02")
@pytest.mark.parametrize(
    "fake",
    ["sys.version_info = (3, 10, 9)", "PySide6.__version__ = '6.12.0'; sys.version_info = (3, 11, 7)"],
)
def test_main_under_versions_that_crash_is_refused_in_one_sentence(tmp_path: Path, fake: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START.format(fake=fake)],
        env={"PORTAL_HOME": str(tmp_path / "home"), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.endswith(".\n")
    assert not (tmp_path / "home").exists()
