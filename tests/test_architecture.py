"""The house: imports go down the floors only, every outside thing has one door, and each contract can fail."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "portal_desktop"
MODULES = sorted(PACKAGE.rglob("*.py"))

ROOMS = [
    "__main__",
    "desktop",
    "command",
    "assembly",
    "loop",
    "ui/__init__",
    "ui/chat/__init__",
    "ui/chat/model",
    "cli/__init__",
    "chat/__init__",
    "chat/live",
    "doctor",
    "agent/__init__",
    "agent/loop",
    "tools/__init__",
    "tools/base",
    "providers/__init__",
    "providers/base",
    "providers/ollama",
    "providers/openai",
    "providers/lmstudio",
    "providers/engine/__init__",
    "providers/registry",
    "providers/wire",
    "providers/messages",
    "providers/tool_calls",
    "providers/catalogue",
    "providers/discovery",
    "tasks/__init__",
    "prompts/__init__",
    "storage/__init__",
    "net",
    "credentials",
    "crash",
    "events",
    "settings",
    "metrics",
    "log",
    "messages",
    "paths",
    "clock",
    "errors",
    "__init__",
]

VIOLATIONS = [
    ("errors", "import portal_desktop.clock", "floors"),
    ("messages", "import portal_desktop.paths", "floors"),
    ("storage/__init__", "import portal_desktop.tasks", "floors"),
    ("providers/base", "import portal_desktop.tools", "floors"),
    ("tasks/__init__", "import portal_desktop.providers", "floors"),
    ("agent/loop", "import portal_desktop.chat", "floors"),
    ("cli/__init__", "import portal_desktop.ui", "floors"),
    ("chat/live", "def lazily():\n    import portal_desktop.ui", "floors"),
    ("chat/live", "import PySide6.QtCore", "door: Qt"),
    ("desktop", "import qasync", "door: the event loop"),
    ("providers/ollama", "import httpx", "door: HTTP out"),
    ("tasks/__init__", "import apsw", "door: SQLite"),
    ("net", "import keyring", "door: keyring"),
    ("agent/loop", "import xllamacpp", "door: llama.cpp"),
    ("ui/__init__", "import portal_desktop.storage", "faces, agent and tools never import storage"),
    ("tools/base", "import portal_desktop.storage", "faces, agent and tools never import storage"),
    ("chat/live", "import portal_desktop.providers.ollama", "agent and chat know providers.base only"),
    ("providers/ollama", "import portal_desktop.providers.openai", "vendors do not import each other"),
    ("new_room", "", "floors"),
]


def _lint(folder: Path, config: Path) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", str(config)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"exit {done.returncode}\n{done.stdout}"


def _skeleton(folder: Path) -> None:
    for room in ROOMS:
        file = folder / "portal_desktop" / f"{room}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        for parent in file.relative_to(folder).parents:
            if parent != Path():
                (folder / parent / "__init__.py").touch()


@pytest.mark.spec("X-91")
def test_contracts_on_the_real_tree_are_kept() -> None:
    assert "exit 0" in _lint(ROOT, ROOT / "pyproject.toml")


@pytest.mark.spec("X-91")
def test_contracts_on_an_empty_house_are_kept(tmp_path: Path) -> None:
    _skeleton(tmp_path)
    assert "exit 0" in _lint(tmp_path, ROOT / "pyproject.toml")


@pytest.mark.spec("X-91")
@pytest.mark.parametrize(("room", "line", "contract"), VIOLATIONS)
def test_contract_with_a_deliberate_violation_is_broken(room: str, line: str, contract: str, tmp_path: Path) -> None:
    _skeleton(tmp_path)
    (tmp_path / "portal_desktop" / f"{room}.py").write_text(f"{line}\n")
    said = _lint(tmp_path, ROOT / "pyproject.toml")
    assert "exit 1" in said
    assert f"{contract}" in said


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.spec("X-91")
def test_view_models_never_import_widgets() -> None:
    for file in PACKAGE.glob("ui/**/model.py"):
        assert not {name for name in _imports(file) if "QtWidgets" in name or "QtGui" in name}, file


@pytest.mark.spec("S-25")
def test_environment_is_read_by_the_settings_module_only() -> None:
    readers = [
        file.relative_to(PACKAGE).as_posix()
        for file in MODULES
        if any(
            (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
            or (
                isinstance(node, ast.ImportFrom)
                and node.module == "os"
                and {"environ", "getenv"} & {a.name for a in node.names}
            )
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        )
    ]
    assert readers == ["settings/environment.py"]


@pytest.mark.slow
@pytest.mark.spec("X-91")
def test_suite_without_windows_passes_with_qt_absent() -> None:
    """Qt is made unimportable in the child, which is what uninstalling it does to the suite."""
    block = ROOT / "tests" / "support" / "without_qt"
    about_qt = ["ui", "desktop", "screenshots", "test_loop.py", "test_start.py", "test_quality.py", "test_honesty.py"]
    kinds = "not gui and not integration and not slow and not nightly and not bench and not external"
    ignored = [word for name in about_qt for word in ("--ignore", f"tests/{name}")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:pytest-qt", "-n", "2", "tests", *ignored, "-m", kinds],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(block)},
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout[-3000:]
