"""Documentation in step with the product: tree, settings, environment, commands, verbs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import commands_page, settings_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.spec("T-31")
def test_architecture_page_names_every_room_and_no_other() -> None:
    rooms = {path.name for path in (ROOT / "portal_desktop").glob("*.py") if path.name != "__init__.py"}
    rooms |= {f"{path.parent.name}/" for path in (ROOT / "portal_desktop").glob("*/__init__.py")}
    table = PAGE.partition("## The floors")[2].partition("Floors 3")[0]
    named = set(re.findall(r"`([a-z_]+(?:\.py|/))`", table))
    assert named == rooms


@pytest.mark.spec("T-31")
def test_settings_page_equals_the_declarations() -> None:
    assert settings_page.FILE.read_text(encoding="utf-8") == settings_page.page()


@pytest.mark.spec("T-31")
def test_command_line_page_equals_the_grammar() -> None:
    assert commands_page.FILE.read_text(encoding="utf-8") == commands_page.page()


@pytest.mark.spec("T-31")
@pytest.mark.parametrize("page", ["README.md", "docs/contributing.md"])
def test_verbs_named_in_a_page_exist_in_the_makefile(page: str) -> None:
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / page).read_text(encoding="utf-8")))
    assert named
    assert named <= verbs


@pytest.mark.spec("T-31")
def test_relative_links_of_all_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []
