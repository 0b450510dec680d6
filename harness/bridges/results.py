"""What the kit says of a bridge, as data: a verdict for each cell, a row for each bridge."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.bridges.adapter import Context
from harness.verdict import Verdict


class CellVerdict(StrEnum):
    """What may be said of a bridge, a property and a context."""

    PASS = "pass"  # noqa: S105  # a verdict
    FAIL = "fail"
    HANG = "hang"
    REFUSED = "refused"
    """It said no, with a reason, where a refusal is right."""
    NOT_APPLICABLE = "not_applicable"
    DECLARED = "declared"
    """The bridge says itself that it does not hold this one."""
    NOT_INSTALLED = "not_installed"
    INVALID = "invalid"
    """The property crashed: nothing is known."""


WORST_FIRST = (
    CellVerdict.INVALID,
    CellVerdict.HANG,
    CellVerdict.FAIL,
    CellVerdict.DECLARED,
    CellVerdict.REFUSED,
    CellVerdict.PASS,
    CellVerdict.NOT_APPLICABLE,
    CellVerdict.NOT_INSTALLED,
)
JUDGED = frozenset(
    {CellVerdict.PASS, CellVerdict.REFUSED, CellVerdict.DECLARED, CellVerdict.FAIL, CellVerdict.HANG}
)
"""Verdicts that say something of the bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell. `seconds` run from the moment on which its process was ready; `stacks` are those of a hang.

    `waited_s` is how long its threads stood in line for a processor, None where the system does not say;
    `repeated`: it had failed while it stood in line, and this is what it said alone.
    """

    tried: str
    context: Context
    verdict: CellVerdict
    reason: str = ""
    seconds: float = 0.0
    stacks: str = ""
    waited_s: float | None = 0.0
    repeated: bool = False

    @property
    def name(self) -> str:
        """`A1/no_loop`."""
        return f"{self.tried}/{self.context}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeResult:
    """One bridge, with all its cells; `missing` says why it could not be tried at all."""

    name: str
    spec: str
    version: str
    cells: tuple[Cell, ...]
    missing: str = ""

    def count(self, verdict: CellVerdict) -> int:
        """How many of its cells have this verdict."""
        return sum(cell.verdict is verdict for cell in self.cells)

    @property
    def judged(self) -> int:
        """How many of its cells say something of the bridge."""
        return sum(cell.verdict in JUDGED for cell in self.cells)

    @property
    def verdict(self) -> Verdict:
        """Failed where a cell failed or hung; invalid where a property crashed, or nothing was judged."""
        if self.count(CellVerdict.FAIL) or self.count(CellVerdict.HANG):
            return Verdict.FAILED
        if self.count(CellVerdict.INVALID) or not self.judged:
            return Verdict.INVALID
        return Verdict.PASSED

    def worst(self, property_name: str) -> CellVerdict:
        """The worst verdict of one property over its contexts."""
        present = {cell.verdict for cell in self.cells if cell.tried == property_name}
        return next(verdict for verdict in WORST_FIRST if verdict in present)

    def document(self) -> Mapping[str, Any]:
        """The bridge as it stands in `bridges[]`: cells by name, and of each that ran its seconds and its reason."""
        return {
            "name": self.name,
            "version": self.version,
            "adapter": self.spec,
            "missing": self.missing,
            "cells": {cell.name: str(cell.verdict) for cell in self.cells},
            "failed": self.count(CellVerdict.FAIL),
            "hung": self.count(CellVerdict.HANG),
            "invalid": self.count(CellVerdict.INVALID),
            "details": {cell.name: _details(cell) for cell in self.cells if cell.seconds or cell.reason},
        }


def _details(cell: Cell) -> dict[str, Any]:
    """What is known of a cell beside its verdict."""
    return {
        "seconds": round(cell.seconds, 3),
        "reason": cell.reason,
        "repeated": cell.repeated,
        **({"stacks": cell.stacks} if cell.stacks else {}),
    }
