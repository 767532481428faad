"""Portal Desktop: a local-first AI desk for one person on one computer."""

from __future__ import annotations

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up in the package's metadata when it is asked for; reading it costs 50 ms at every start."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - as above

        return version("portal-desktop")
    raise AttributeError(name)
