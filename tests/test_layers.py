"""Who may import whom. The table is ARCHITECTURE.md's; a layer that is only a wish is no layer."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOUNDATION = {
    "errors",
    "contract",
    "history",
    "reading",
    "verdict",
    "recording",
    "standstill",
    "redaction",
    "logs",
    "gates",
}
SEAMS = {"registry", "rig", "window", "wire", "inside"}
CORE = FOUNDATION | SEAMS | {"scenario", "steps"}
PLAYED = CORE | {"provider", "targets"}
ORACLE = {"errors", "history", "reading", "verdict", "registry"}
MAY_IMPORT = {
    **dict.fromkeys(FOUNDATION, FOUNDATION),
    **dict.fromkeys(SEAMS, FOUNDATION | SEAMS),
    "simulation": FOUNDATION | {"registry", "rig"},
    "steps": {"errors"},
    "scenario": {"errors", "history", "registry", "rig", "steps"},
    "endings": set(),
    "variants": set(),
    "provider": CORE | {"endings"},
    "network": CORE | {"provider"},
    "within": CORE | {"simulation"},
    "faults": CORE | {"variants", "endings"},
    "targets": CORE | {"provider", "simulation", "network", "within", "endings"},
    **dict.fromkeys(("invariants", "judge"), ORACLE),
    "spread": {"errors"},
    **dict.fromkeys(("runner", "matrix", "determinism"), PLAYED | {"judge", "runner", "spread"}),
    "sweep": PLAYED | {"judge", "runner", "spread", "variants"},
    "checkup": PLAYED,
    "search": PLAYED | {"judge", "runner", "determinism", "simulation", "variants"},
    "incidents": PLAYED | {"judge", "runner", "spread", "search", "sweep", "library"},
    "load": PLAYED | {"endings"},
    "recognition": set(),
    "library": {"errors", "scenario", "recognition"},
    "bridges": {"errors", "verdict", "endings"},
    "reports": {"errors", "history", "logs", "redaction", "scenario", "verdict", "bridges", "gates", "load"},
}
TOP = {"entry", "commands", "cli", "pytest_plugin", "pytest_items"}
LOCUST = {
    "harness/load/users.py",
    "harness/load/master.py",
    "locustfile.py",
    "tests/benchmarks/stock_locustfile.py",
}


def modules(*folders: str) -> list[Path]:
    """All Python files below the folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, by full name; for `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(path: Path) -> str:
    """The part of the harness that a file belongs to."""
    return path.relative_to(ROOT / "harness").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules("harness"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_part_of_the_harness_imports_only_what_its_layer_may(path: Path) -> None:
    """Each file of the harness imports only parts that the table grants to its own part."""
    own = part(path)
    if own in TOP or own == "__init__":
        return
    allowed = MAY_IMPORT[own] | {own}
    found = {name.split(".")[1] for name in imported(path) if name.startswith("harness.")}
    assert found <= allowed, f"{own} may not import {sorted(found - allowed)}"


def test_the_harness_and_the_service_do_not_know_each_other() -> None:
    """No file of the harness imports the service, none of the service the harness, and scenarios import the harness only."""
    for path in modules("harness"):
        assert not [
            name for name in imported(path) if name.split(".")[0] in ("reference_app", "scenarios")
        ], path
    for path in modules("reference_app"):
        assert not [name for name in imported(path) if name.split(".")[0] in ("harness", "scenarios")], path
    for path in modules("scenarios"):
        assert {name.split(".")[0] for name in imported(path)} <= {"harness"}, path


def test_nobody_imports_the_top() -> None:
    """Nothing below the command line and the pytest plugin imports them."""
    for path in modules("harness"):
        if part(path) in TOP:
            continue
        found = {name.split(".")[1] for name in imported(path) if name.startswith("harness.")}
        assert not found & TOP, path


def test_only_the_load_generator_imports_locust() -> None:
    """Locust patches the process on import, so only the files that run in its subprocess import it."""
    for path in [*modules("harness", "reference_app", "scenarios", "tests"), ROOT / "locustfile.py"]:
        uses = [name for name in imported(path) if name.split(".")[0] in ("locust", "gevent")]
        assert not uses or str(path.relative_to(ROOT)) in LOCUST, path


def test_the_table_of_the_architecture_page_names_every_part() -> None:
    """ARCHITECTURE.md stays true: each part of the harness stands in its table, and the page keeps to 60 lines."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text[text.index("| part of harness |") :]
    named = {name for line in table.splitlines() for name in line.split("|")[1].strip().split(", ")}
    parts = {part(path) for path in modules("harness")} - {"__init__"}
    assert parts <= named, sorted(parts - named)
    assert len(text.splitlines()) <= 60
