"""The start of the program: what may not be loaded before the window is painted."""

from __future__ import annotations

import pytest

from tests.support.first_paint import first_paint

pytestmark = [pytest.mark.gui, pytest.mark.integration]

LATER = {
    "mcp",
    "httpx",
    "markdown_it",
    "keyring",
    "pydantic",
    "numpy",
    "jsonschema",
    "cryptography",
    "pygments",
    "xllamacpp",
    "asyncio",
    "qasync",
    "ssl",
}


@pytest.mark.spec("P-24")
def test_heavy_modules_are_not_loaded_before_the_first_paint() -> None:
    _, modules = first_paint("app")
    assert "portal_desktop.ui.window" in modules
    assert modules & LATER == set()
    assert "portal_desktop.assembly" not in modules
    assert "portal_desktop.crash" not in modules
