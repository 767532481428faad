"""The gates of the repository that a tool can check."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = sorted((ROOT / "portal_desktop").rglob("*.py"))
TESTS = sorted(f for f in (ROOT / "tests").rglob("*.py") if "violations" not in f.parts and "without_qt" not in f.parts)
BIN = Path(sys.executable).parent

LONGEST_MODULE = 500
LONGEST_FUNCTION = 60
MEDIAN_MODULE = 150
MEDIAN_FUNCTION = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(files: list[Path]) -> Iterator[tuple[Path, Function]]:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file, node


def _tests() -> Iterator[tuple[Path, Function]]:
    return ((file, node) for file, node in _functions(TESTS) if node.name.startswith("test"))


def _tool(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


@pytest.mark.spec("P-46")
def test_ruff_on_the_tree_finds_nothing() -> None:
    assert _tool(str(BIN / "ruff"), "check", "--no-cache") == ""


@pytest.mark.spec("P-46")
def test_noqa_without_a_rule_or_without_a_reason_is_absent() -> None:
    blanket = re.compile(r"#\s*(noqa|type:\s*ignore|ruff:\s*noqa)\s*(?!\s*[:\[])")
    found = [
        f"{f.name}: {line}"
        for f in PACKAGE
        for line in f.read_text(encoding="utf-8").splitlines()
        if blanket.search(line)
    ]
    assert found == []


@pytest.mark.spec("P-49")
def test_vulture_on_the_tree_finds_no_dead_code() -> None:
    assert _tool(str(BIN / "vulture")) == ""


@pytest.mark.spec("P-49")
def test_module_without_an_importer_is_absent() -> None:
    names = {f: ".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for f in PACKAGE}
    entries = {"portal_desktop.__main__", "portal_desktop.desktop", "portal_desktop.command", "portal_desktop"}
    entries.add("portal_desktop.providers.scripted")  # plays the tour and the pictures; its importers are outside
    text = "\n".join(f.read_text(encoding="utf-8") for f in PACKAGE)
    lonely = [
        name
        for name in names.values()
        if name not in entries and not name.endswith("__main__") and not _is_imported(name, text)
    ]
    assert lonely == []


def _is_imported(name: str, text: str) -> bool:
    parent, _, leaf = name.rpartition(".")
    return (
        re.search(rf"\b{re.escape(name)}\b", text) is not None
        or re.search(rf"from {re.escape(parent)} import [^\n]*\b{leaf}\b", text) is not None
        or re.search(rf"from {re.escape(parent)} import \([^)]*\b{leaf}\b", text) is not None
    )


@pytest.mark.spec("R-38")
def test_module_sizes_stay_within_the_budget() -> None:
    sizes = {f.relative_to(ROOT).as_posix(): len(f.read_text(encoding="utf-8").splitlines()) for f in PACKAGE}
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}
    assert _median([size for name, size in sizes.items() if not name.endswith("__init__.py")]) <= MEDIAN_MODULE * 1.5


@pytest.mark.spec("R-38")
def test_function_sizes_stay_within_the_budget() -> None:
    sizes = {f"{f.name}:{n.name}": (n.end_lineno or 0) - n.lineno + 1 for f, n in _functions(PACKAGE)}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}
    assert _median(list(sizes.values())) <= MEDIAN_FUNCTION


@pytest.mark.spec("S-61")
def test_compileall_on_the_package_succeeds() -> None:
    assert _tool(sys.executable, "-m", "compileall", "-q", "-f", "portal_desktop") == ""


@pytest.mark.spec("R-37")
def test_test_names_say_unit_condition_and_result() -> None:
    short = [f"{f.name}:{n.name}" for f, n in _tests() if len(n.name.split("_")) < 4]
    assert short == []


@pytest.mark.spec("R-33")
def test_skip_without_a_reason_is_absent() -> None:
    silent = [
        f"{file.name}:{node.lineno}"
        for file in TESTS
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"pytest.skip", "pytest.mark.skip", "pytest.mark.skipif"}
        and not any(k.arg == "reason" for k in node.keywords)
        and not (ast.unparse(node.func) == "pytest.skip" and node.args)
    ]
    assert silent == []


@pytest.mark.spec("R-33")
def test_returning_early_instead_of_skipping_is_absent() -> None:
    early = [f"{f.name}:{n.name}" for f, n in _tests() if any(_returns(child) for child in n.body)]
    assert early == []


def _returns(node: ast.AST) -> bool:
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return False
    return any(_returns(child) for child in ast.iter_child_nodes(node))


@pytest.mark.spec("R-35")
def test_fixtures_with_the_same_body_exist_once() -> None:
    bodies: defaultdict[str, list[str]] = defaultdict(list)
    for file, node in _functions(TESTS):
        if any("fixture" in ast.unparse(d) for d in node.decorator_list) and len(node.body) > 1:
            bodies[ast.dump(ast.Module(node.body, []))].append(f"{file.relative_to(ROOT)}:{node.name}")
    assert [places for places in bodies.values() if len(places) > 1] == []


def _examples() -> Iterator[tuple[str, str]]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            yield f"{page.name}-{number}", code


@pytest.mark.spec("R-36")
@pytest.mark.parametrize(("place", "code"), list(_examples()), ids=[place for place, _ in _examples()])
def test_documented_python_example_runs(place: str, code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{place}: {done.stderr}"


@pytest.mark.spec("P-47")
def test_version_is_the_same_in_metadata_changelog_and_architecture() -> None:
    heading = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert heading is not None
    assert heading.group(1) == version("portal-desktop")
    assert f"version {version('portal-desktop')}" in page.splitlines()[2]


@pytest.mark.spec("P-50")
@pytest.mark.parametrize(
    ("subject", "good"),
    [
        ("feat(providers): read Ollama's thinking field", True),
        ("fix: keep the draft", True),
        ("Added stuff", False),
        ("feat(ui): add a window.", False),
        ("feat(ui): " + "x" * 120, False),
    ],
)
def test_commit_lint_on_a_subject_judges_it(subject: str, good: bool) -> None:
    sys.path.insert(0, str(ROOT / ".ci"))
    try:
        import commits
    finally:
        sys.path.pop(0)
    assert (commits.problem(subject) == "") is good


@pytest.mark.spec("P-52")
def test_people_and_ci_run_the_same_verbs() -> None:
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(f"make {verb}" in run for verb in ("install", "check", "slow", "bench"))
    assert "installers/make.py test" in run
    assert ".ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


@pytest.mark.spec("S-53")
def test_print_in_the_package_is_absent_outside_the_output_module() -> None:
    printing = [
        file.relative_to(ROOT).as_posix()
        for file in PACKAGE
        if file.name != "output.py"
        and any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        )
    ]
    assert printing == []


@pytest.mark.spec("P-38")
def test_naive_time_is_absent() -> None:
    assert _tool(str(BIN / "ruff"), "check", "--no-cache", "--select", "DTZ", "portal_desktop", "tests") == ""


@pytest.mark.slow
@pytest.mark.spec("P-38")
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns"])
def test_tasks_and_storage_suites_in_another_zone_pass(zone: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:xdist",
            "tests/tasks",
            "tests/storage",
            "-m",
            "not slow and not nightly",
            "-k",
            "not kill and not power",
        ],
        cwd=ROOT,
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.spec("R-16")
def test_raise_in_except_without_from_is_absent() -> None:
    assert _tool(str(BIN / "ruff"), "check", "--no-cache", "--select", "B904", "portal_desktop") == ""


@pytest.mark.spec("X-93")
def test_marks_name_ids_of_the_specification_at_most_three_a_test() -> None:
    known = {line.split("\t")[0] for line in (ROOT / "tests" / "spec_ids.txt").read_text(encoding="utf-8").splitlines()}
    wrong: list[str] = []
    for file, node in _tests():
        ids = [
            str(argument.value)
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.spec"
            for argument in decorator.args
            if isinstance(argument, ast.Constant)
        ]
        if len(ids) > 3 or not set(ids) <= known:
            wrong.append(f"{file.name}:{node.name} {ids}")
    assert wrong == []


@pytest.mark.spec("X-93")
def test_spec_report_on_a_skipped_test_counts_its_id_as_untested(tmp_path: Path) -> None:
    source = tmp_path / "test_sample.py"
    source.write_text(
        "import pytest\n"
        "@pytest.mark.spec('P-01')\ndef test_a(): pass\n"
        "@pytest.mark.spec('P-02')\n@pytest.mark.skip(reason='x')\ndef test_b(): pass\n"
    )
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.support.spec_report",
        "-p",
        "no:cacheprovider",
        str(source),
    ]
    code = (
        "import pytest, pathlib, sys; from tests.support.spec_report import SpecReport; "
        f"sys.exit(pytest.main(['-q', '-p', 'no:randomly', '-W', 'ignore', '--rootdir', r'{tmp_path}', r'{source}'], "
        f"plugins=[SpecReport(pathlib.Path(r'{report}'))]))"
    )
    subprocess.run([*command[:1], "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    text = report.read_text(encoding="utf-8")
    assert '"passed": [\n    "P-01"\n  ]' in text
    assert '"only_skipped": [\n    "P-02"\n  ]' in text


@pytest.mark.spec("S-62")
def test_rooms_of_the_package_have_tests_of_their_own() -> None:
    rooms = {
        path.name
        for path in (ROOT / "portal_desktop").iterdir()
        if path.is_dir() and path.name not in {"__pycache__", "resources"} and list(path.glob("*.py"))
    }
    tested = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.rglob("test_*.py"))}
    assert rooms - tested == set()


@pytest.mark.spec("T-30")
def test_default_run_is_random_and_parallel(request: pytest.FixtureRequest) -> None:
    make = (ROOT / "installers" / "make.py").read_text(encoding="utf-8")
    assert '"-n"' in make
    assert request.config.pluginmanager.hasplugin("randomly") or "no:randomly" in request.config.invocation_params.args


@pytest.mark.slow
@pytest.mark.spec("P-09")
def test_markers_partition_the_suite() -> None:
    optional = "slow or nightly or bench or external"
    every = _collected("-m", "")
    default = _collected("-m", f"not ({optional})")
    rest = _collected("-m", optional)
    assert default | rest == every
    assert not default & rest
    assert len(default) > 100


def _collected(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", "-p", "no:xdist", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {line for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.spec("P-09")
def test_folders_that_need_a_marker_have_it_on_every_test() -> None:
    unmarked = [
        file.relative_to(ROOT).as_posix()
        for folder in ("faults", "e2e", "benchmarks")
        for file in (ROOT / "tests" / folder).rglob("test_*.py")
        if not re.search(
            r"pytestmark\s*=.*pytest\.mark\.(integration|slow|nightly|bench|gui)",
            file.read_text(encoding="utf-8"),
            re.DOTALL,
        )
    ]
    assert unmarked == []


@pytest.mark.spec("R-33")
def test_duplicate_test_names_in_a_module_are_absent() -> None:
    names = Counter(f"{f.relative_to(ROOT)}:{n.name}" for f, n in _functions(TESTS) if n.name.startswith("test"))
    assert [name for name, count in names.items() if count > 1] == []
