"""Which Python files are scenario files. Imports next to nothing, for pytest asks it of every file that it collects."""

import ast
import re

_ASSIGNED = re.compile(rb"^SCENARIO\b[^=\n]*=.*Scenario\(", re.MULTILINE)


def holds_a_scenario(source: bytes) -> bool:
    """True where the file itself, not a string in it, assigns the result of a call of `...Scenario` to SCENARIO.

    A file that does not parse counts where a line of it looks like that: whoever reads it then tells its mistake,
    while a file that is left out is a scenario that silently is not played. The name is looked for first, for speed.
    """
    if b"SCENARIO" not in source:
        return False
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return _ASSIGNED.search(source) is not None
    return any(_assigns_a_scenario(node) for node in body)


def _assigns_a_scenario(node: ast.stmt) -> bool:
    """True for `SCENARIO = Scenario(...)`, with or without a type, and for `module.Scenario(...)`."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    called = node.value.func
    name = (
        called.id
        if isinstance(called, ast.Name)
        else called.attr
        if isinstance(called, ast.Attribute)
        else ""
    )
    return name.endswith("Scenario") and any(
        isinstance(target, ast.Name) and target.id == "SCENARIO" for target in targets
    )
