"""Loads what a conversation needs and no window does, so that the first answer does not pay for it."""

from __future__ import annotations

import importlib

MODULES = ("markdown_it", "pygments.lexers", "pygments.lexers.python")


def warm() -> None:
    """Load the readers of Markdown and code; meant for a thread, and harmless at any time."""
    for name in MODULES:
        importlib.import_module(name)
