"""What a fault can be: one instance for each of the closed choices that its knobs name."""

from dataclasses import MISSING, field, fields, is_dataclass
from typing import Any

CHOICES = "choices"


def chosen(default: Any, *others: Any) -> Any:
    """A knob of a fault that is one of a closed set; `default` stands where none is named."""
    return field(default=default, metadata={CHOICES: (default, *others)})


def choices_of(kind: type[Any]) -> dict[str, tuple[Any, ...]]:
    """The knobs of a fault that are a choice, each with what it may be, its default first."""
    if not is_dataclass(kind):
        return {}
    return {item.name: item.metadata[CHOICES] for item in fields(kind) if CHOICES in item.metadata}


def variants(kind: type[Any]) -> tuple[Any, ...]:
    """The fault with its defaults, once for each other choice of each of its knobs, and as its class `also` has it."""
    others = [kind(**{name: value}) for name, values in choices_of(kind).items() for value in values[1:]]
    needed = [
        item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING
    ]
    if needed:
        raise TypeError(
            f"{kind.name}: {', '.join(needed)} must have a default: a sweep plays what it is without any"
        )
    others += [kind(**knobs) for knobs in getattr(kind, "also", ())]
    return (kind(), *others)
