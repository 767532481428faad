"""The readers of Markdown and code are loaded ahead of the first answer, by modules that exist."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from portal_desktop.ui.transcript.warm import MODULES, warm
assert not set(MODULES) & set(sys.modules)
warm()
loaded = set(sys.modules)
from PySide6.QtWidgets import QApplication
app = QApplication([])
from portal_desktop.ui.theme import load_theme
from portal_desktop.ui.transcript.highlight import Lexing
from portal_desktop.ui.transcript.rich import MarkdownReader, RichStyle
MarkdownReader.parser.func(None).parse("# hi")
Lexing("x = 1", "python").step(9)
late = {name for name in set(sys.modules) - loaded if name.startswith(("markdown_it", "mdurl", "pygments"))}
assert not late, late
"""


def test_warm_loads_all_that_the_first_answer_needs() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
