"""The limits of the house: no long function, no long file, scenario files that are data, exceptions with a reason."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FUNCTION_LINES_MAX = 40
FILE_LINES_MAX = 300
FOLDERS = ("harness", "reference_app", "scenarios", "tests")
SOURCES = sorted(
    [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")] + [ROOT / "locustfile.py"]
)
SCENARIOS = sorted(path for path in (ROOT / "scenarios").rglob("*.py") if path.name != "__init__.py")
SILENCED = re.compile(r"(#\s*(noqa|type:\s*ignore|pragma:\s*no cover)\b[^#]*)(#\s*\S+)?")
SKIPPED = re.compile(r"pytest\.mark\.(skip|xfail)\b(?!.*reason=)|pytest\.skip\(\s*\)")
# Split so that this file does not accuse itself.
MACHINE = re.compile("/wor" + "k/|/roo" + "t/|/hom" + "e/[a-z]|pypi\\." + "org|--index-" + "url")


def relative(path: Path) -> str:
    """The path as a test id."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_are_short(path: Path) -> None:
    """No file is over 300 lines, and no function over 40, its docstring left out."""
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert function_lines(node) <= FUNCTION_LINES_MAX, f"{node.name} at line {node.lineno}"


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function from `def` to its end, without its docstring."""
    assert node.end_lineno is not None
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", SCENARIOS, ids=relative)
def test_a_scenario_file_is_data(path: Path) -> None:
    """A scenario file is a docstring, imports, and one assignment to SCENARIO."""
    first, *rest = ast.parse(path.read_text()).body
    assert isinstance(first, ast.Expr)
    assert isinstance(first.value, ast.Constant)
    *imports, last = rest
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert isinstance(last, ast.Assign)
    assert [ast.unparse(target) for target in last.targets] == ["SCENARIO"]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_what_is_silenced_says_why(path: Path) -> None:
    """Each noqa, type: ignore, pragma, skip and xfail has its reason on its line."""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if path == Path(__file__):
            continue
        match = SILENCED.search(line)
        assert match is None or match[3], f"line {number}: {line.strip()}"
        assert not SKIPPED.search(line), f"line {number}: {line.strip()}"


def test_the_tree_names_no_machine() -> None:
    """No tracked text names a path of somebody's machine or the address of a package index."""
    suffixes = {".py", ".md", ".toml", ".lock", ".in", ".txt", ".cfg", ""}
    skipped = {".git", ".venv", "__pycache__"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if (
            not path.is_file()
            or path.suffix not in suffixes
            or any(p in skipped or p.startswith(".venv") for p in parts)
        ):
            continue
        if any(p.endswith("_cache") or p.startswith((".hypothesis", ".coverage")) for p in parts):
            continue
        found = MACHINE.search(path.read_text(errors="replace"))
        assert found is None, f"{path}: {found}"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=relative)
def test_every_test_says_what_it_proves(path: Path) -> None:
    """Each test function has a docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{node.name} at line {node.lineno}"
