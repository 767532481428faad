"""Portal Desktop: a local-first AI desk for one person on one computer."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("portal-desktop")
