"""docs/settings.md says what the declarations say, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal_desktop.settings import SETTINGS
from portal_desktop.settings.environment import HOME, SET_FOR_CHILDREN
from tests.support.settings_page import FILE, page

ROOT = FILE.parents[1]
VARIABLE = re.compile(r"\bPORTAL_[A-Z0-9_]*[A-Z0-9]\b")


def test_page_of_settings_is_the_one_the_declarations_make() -> None:
    assert FILE.read_text(encoding="utf-8") == page()


@pytest.mark.spec("P-48")
def test_variables_documented_and_variables_read_are_the_same() -> None:
    documented = set(VARIABLE.findall(FILE.read_text(encoding="utf-8")))
    assert documented == {HOME, *SET_FOR_CHILDREN, *(setting.variable for setting in SETTINGS)}


@pytest.mark.spec("P-48")
def test_variables_named_elsewhere_in_code_and_docs_are_documented_ones() -> None:
    documented = set(VARIABLE.findall(FILE.read_text(encoding="utf-8")))
    places = [*(ROOT / "portal_desktop").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {(file.name, word) for file in places for word in VARIABLE.findall(file.read_text(encoding="utf-8"))}
    assert {(file, word) for file, word in named if word not in documented} == set()


def test_page_for_every_setting_exists_once_by_its_id() -> None:
    titles = re.findall(r"^## (\S+)$", Path(FILE).read_text(encoding="utf-8"), re.MULTILINE)
    assert titles == [setting.id for setting in SETTINGS]
