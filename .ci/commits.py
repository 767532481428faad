"""Check that commit subjects are Conventional Commits with the package as scope: `feat(providers): …`."""

from __future__ import annotations

import re
import subprocess
import sys

SUBJECT = re.compile(
    r"^(feat|fix|perf|refactor|test|docs|build|ci|style|chore|revert)(\([a-z0-9_,./ -]+\))?!?: [^\s].{2,}[^.]$"
)
LONGEST = 120


def problem(subject: str) -> str:
    """Return what is wrong with a subject, or an empty string."""
    if subject.startswith(("Merge ", "Revert ")):
        return ""
    if not SUBJECT.match(subject):
        return "is not `type(scope): what it does` without a full stop"
    if len(subject) > LONGEST:
        return f"is longer than {LONGEST} characters"
    return ""


def main() -> None:
    """Look at the subjects this clone knows; end with 1 when one is off."""
    log = subprocess.run(["git", "log", "--format=%s"], capture_output=True, text=True, check=True)  # noqa: S607 - git of the PATH
    found = [(subject, wrong) for subject in log.stdout.splitlines() if (wrong := problem(subject))]
    for subject, wrong in found:
        sys.stderr.write(f"{subject!r} {wrong}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
