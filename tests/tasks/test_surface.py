"""What the package offers to others, and that nobody reaches behind it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import portal_desktop.tasks

PACKAGE = Path(portal_desktop.tasks.__file__).parent
PUBLIC = {"Task", "TaskBook", "TaskDraft", "TaskQuery", "parse_quick_add"}


def private_imports(source: str) -> list[str]:
    """Return what a module outside the package takes from behind its five names."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("portal_desktop.tasks.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("portal_desktop.tasks"):
            private = node.module != "portal_desktop.tasks"
            found += [alias.name for alias in node.names if private or alias.name not in PUBLIC]
        elif isinstance(node, ast.ImportFrom) and node.module == "portal_desktop":
            found += [alias.name for alias in node.names if alias.name == "tasks"]
    return found


@pytest.mark.spec("T-17")
def test_tasks_package_exports_exactly_five_names() -> None:
    assert set(portal_desktop.tasks.__all__) == PUBLIC
    assert len(portal_desktop.tasks.__all__) == 5


@pytest.mark.spec("T-17")
def test_tasks_private_modules_are_imported_by_nobody_else() -> None:
    outside = [file for file in PACKAGE.parent.rglob("*.py") if not file.is_relative_to(PACKAGE)]
    found = {file.name: names for file in outside if (names := private_imports(file.read_text(encoding="utf-8")))}
    assert found == {}


@pytest.mark.spec("T-17")
@pytest.mark.parametrize(
    "source",
    [
        "import portal_desktop.tasks.book",
        "from portal_desktop.tasks.dates import read_date",
        "from portal_desktop.tasks import dates",
        "from portal_desktop.tasks import TaskBook, rules",
        "def f():\n    from portal_desktop.tasks.rules import title_of",
        "from portal_desktop import tasks",
    ],
)
def test_tasks_private_import_elsewhere_is_found(source: str) -> None:
    assert private_imports(source)
