"""What a sweep plays of a fault: its defaults, each other choice of a knob, and what its class says beside that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.faults.base import ALWAYS, ONCE
from harness.rig import Window
from harness.sweep import labelled
from harness.variants import chosen, variants


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """A fault with a choice, a size, and a combination of both that is played too."""

    name: ClassVar[str] = "test.torn"
    also: ClassVar[tuple[Mapping[str, Any], ...]] = ({"window": ONCE, "size_bytes": 9},)

    window: Window = ALWAYS
    form: str = chosen("plain", "fancy")
    size_bytes: int = 7


def test_each_variant_goes_by_what_differs_from_the_defaults() -> None:
    """The knobs of its window are among them, each by its own name."""
    assert [labelled(one) for one in variants(Torn)] == [
        "test.torn",
        "test.torn(form='fancy')",
        "test.torn(first_n=1, size_bytes=9)",
    ]
