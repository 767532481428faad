"""The program `portal-desktop`. Nothing is imported here before it is known that this interpreter can run it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from portal_desktop.desktop.guard import refusal

REFUSED = 3
ENGINE_FLAG = "--engine"
"""The packaged program is its own engine process; the word of `providers.engine.launch`, which is not loaded here."""


def main(argv: Sequence[str] | None = None) -> int:
    """Start the window, or hand the arguments to the one that runs already; return the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if ENGINE_FLAG in words:
        from portal_desktop.providers.engine.child import main as engine  # noqa: PLC0415 - this process is an engine
        from portal_desktop.settings import Environment  # noqa: PLC0415 - as above

        return engine(Environment.of_process().process)
    import PySide6  # noqa: PLC0415 - the guard below decides whether more of it may be imported

    if reason := refusal(sys.version_info[:2], PySide6.__version__):
        sys.stderr.write(reason + "\n")
        return REFUSED
    from portal_desktop.desktop.start import start  # noqa: PLC0415 - only after the guard

    return start(words)
