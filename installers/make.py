"""The verbs of the Makefile, for every system: `python installers/make.py VERB`. Standard library only."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
LOCKS = ROOT / "installers" / "requirements"

OLDEST_PYTHON = (3, 11)

SYSTEM_PACKAGES = [
    "libglib2.0-0",
    "libgl1",
    "libegl1",
    "libdbus-1-3",
    "libfontconfig1",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libgomp1",
]
"""What Qt and the engine need from Debian 12, Ubuntu 22.04 and later."""

TEST_PACKAGES = ["xvfb", "dbus", "libglib2.0-bin", "gnome-keyring", "fonts-dejavu-core"]
"""What the tests of windows and of the keyring need besides."""

LOCKED = {
    "engine": ("--extra", "engine"),
    "run": ("--extra", "engine", "--group", "build"),
    "dev": ("--extra", "engine", "--group", "dev"),
}
"""The locks beside core.txt, and what each adds to it."""

LIBRARIES = ("libGL.so.1", "libEGL.so.1", "libglib-2.0.so.0", "libdbus-1.so.3", "libxcb-cursor.so.0", "libgomp.so.1")


def run(*command: object, check: bool = True) -> int:
    """Run a command in the project's folder; end with its exit code when it fails."""
    code = subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode
    if check and code:
        sys.exit(code)
    return code


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"{text}\n")


def system(packages: list[str]) -> None:
    """Install missing system packages as root on Debian and Ubuntu; elsewhere name what is missing."""
    if platform.system() != "Linux":
        return
    missing = _missing(packages)
    if not missing:
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], check=True, env=environment
        )
    elif shutil.which("apt-get"):
        say(
            f"This system lacks libraries that Qt needs. Install them once:\n  sudo apt-get install {' '.join(missing)}"
        )
    else:
        say(f"If the window does not open, install the counterparts of: {' '.join(missing)}")


def _missing(packages: list[str]) -> list[str]:
    if shutil.which("dpkg-query"):
        query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
        listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        present = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
        return [name for name in packages if name not in present]
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    return packages if any(library not in known for library in LIBRARIES) else []


def install(purpose: str = "dev") -> None:
    """Make `.venv` from the locked requirements and put this project into it; `run` leaves out what only tests need."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Portal Desktop needs Python 3.11 or later; this is {platform.python_version()}.")
    system([*SYSTEM_PACKAGES, *(TEST_PACKAGES if purpose == "dev" else [])])
    if not any((BIN / name).exists() for name in ("python", "python.exe")):
        if importlib.util.find_spec("ensurepip") is None:
            system(["python3-venv"])
        run(sys.executable, "-m", "venv", VENV)
    pip = (BIN / "python", "-m", "pip", "--disable-pip-version-check", "-q", "install")
    run(*pip, "--require-hashes", "-r", LOCKS / ("dev.txt" if purpose == "dev" else "run.txt"))
    run(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    (VENV / f".{purpose}").touch()


def start() -> None:
    """Start the app; without a display say so and open the chat in the terminal."""
    if not any((VENV / mark).exists() for mark in (".run", ".dev")):
        install("run")
    if platform.system() == "Linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        say("There is no display here, so the chat opens in this terminal.")
        run(BIN / "portal", "chat")
    else:
        run(BIN / "python", "-m", "portal_desktop")


def test(*arguments: str) -> None:
    """Run the default suite on all cores; further words go to pytest."""
    run(sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist", "worksteal", *arguments)


def slow() -> None:
    """Run what CI adds to the default suite."""
    kinds = "slow and not nightly and not bench and not external"
    test("-m", kinds, "--timeout", "600", "-o", "faulthandler_timeout=0")


def nightly() -> None:
    """Run the long loops."""
    run(sys.executable, "-m", "pytest", "-q", "-m", "nightly", "--timeout", "0")


def check() -> None:
    """Lint, format, types, contracts, dead code, dependencies; the first failure ends it."""
    run(BIN / "ruff", "check")
    run(BIN / "ruff", "format", "--check")
    run(BIN / "mypy")
    run(BIN / "lint-imports", "--no-cache")
    run(BIN / "vulture")
    run(BIN / "deptry", "portal_desktop")
    run(sys.executable, "-m", "compileall", "-q", "portal_desktop")


def layout() -> None:
    """Write the format and the order of imports."""
    run(BIN / "ruff", "check", "--fix", "--select", "I")
    run(BIN / "ruff", "format")


def bench() -> None:
    """Measure and compare with the committed baseline."""
    run(BIN / "portal", "bench")


def screenshots() -> None:
    """Draw every window, theme and state into docs/images."""
    run(sys.executable, "-m", "tests.screenshots", ROOT / "docs" / "images")


def package() -> None:
    """Build a wheel and a source archive."""
    run(sys.executable, "-m", "hatchling", "build")


def lock() -> None:
    """Resolve anew without anything younger than seven days."""
    before = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    base = (
        BIN / "uv",
        "pip",
        "compile",
        "-q",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--universal",
    )
    base = (*base, "--python-version", "3.11", "--exclude-newer", before, "pyproject.toml")
    core = Path("installers/requirements/core.txt")
    run(*base, "-o", core)
    for name, wanted in LOCKED.items():
        run(*base, *wanted, "-c", core, "-o", core.with_name(f"{name}.txt"))


VERBS = {
    "install": install,
    "run": start,
    "test": test,
    "slow": slow,
    "nightly": nightly,
    "check": check,
    "format": layout,
    "bench": bench,
    "screenshots": screenshots,
    "package": package,
    "lock": lock,
}


def main() -> None:
    """Run the verb that was asked for."""
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        sys.exit(f"usage: python installers/make.py {{{'|'.join(VERBS)}}}")
    VERBS[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
