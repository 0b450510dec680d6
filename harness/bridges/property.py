"""What a property is: a function of a place, with the contexts that it names. See `harness.bridges.place`."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

from harness.bridges.adapter import Context, Option
from harness.bridges.place import Place

HANG_S = 10.0
PACKAGE = "harness.bridges.properties"


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property: `name` is its id, `refusal` the contexts in which a refusal is accepted.

    It takes at most `hang_s` seconds from the moment on which its process is ready. `loop` is the kind of the host
    loop, asyncio or uvloop. `function` is where it stands, as MODULE:NAME.
    """

    name: str
    summary: str
    contexts: tuple[Context, ...]
    refusal: frozenset[Context]
    needs: frozenset[Option]
    hang_s: float
    loop: str
    function: str
    judge: Callable[[Place], None]

    def __call__(self, place: Place) -> None:
        """Try the bridge at a place; returning is a pass."""
        self.judge(place)


def conformance(
    name: str,
    *,
    where: str,
    refusal: str = "",
    needs: Iterable[Option] = (),
    hang_s: float = HANG_S,
    loop: str = "asyncio",
) -> Callable[[Callable[[Place], None]], Property]:
    """Make a property of a function; its docstring's first line says what passes.

    Args:
        name: its id, a letter and a number.
        where: the contexts in which it is tried, with spaces between.
        refusal: those in which a refusal is accepted.
        needs: the options without which it is not applicable.
        hang_s: seconds after which it hangs.
        loop: the kind of the host loop, asyncio or uvloop.
    """

    def made(judge: Callable[[Place], None]) -> Property:
        return Property(
            name=name,
            summary=(judge.__doc__ or "").strip().splitlines()[0],
            contexts=tuple(map(Context, where.split())),
            refusal=frozenset(map(Context, refusal.split())),
            needs=frozenset(needs),
            hang_s=hang_s,
            loop=loop,
            function=f"{judge.__module__}:{judge.__name__}",
            judge=judge,
        )

    return made


def named(function: str) -> Property:
    """The property that stands at MODULE:NAME."""
    module, _, name = function.partition(":")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, Property):
        raise TypeError(f"{function} is no property")
    return found


def catalog(package_name: str = PACKAGE) -> dict[str, Property]:
    """Every property of a package by its id, in order; by default the kit's own.

    Raises:
        ValueError: two have the same id.
    """
    package = importlib.import_module(package_name)
    found: dict[str, Property] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package_name}."):
        for made in _of(importlib.import_module(module.name)):
            if made.name in found:
                raise ValueError(f"two properties are called {made.name}")
            found[made.name] = made
    return dict(sorted(found.items()))


def _of(module: ModuleType) -> Iterator[Property]:
    """The properties that a module defines."""
    return (
        thing
        for thing in vars(module).values()
        if isinstance(thing, Property) and thing.function.startswith(f"{module.__name__}:")
    )
