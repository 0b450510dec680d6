"""From MODULE:NAME to an adapter: a class, a factory, or the thing itself; what it does not say is as in the base class."""

import importlib
from collections.abc import Mapping
from importlib import metadata
from typing import Any, cast

from harness.bridges.adapter import Adapter, Context, Option
from harness.errors import UsageError

ABSENT = object()


class Completed:
    """An adapter that does not inherit from the base class, with the base class's word where it is silent."""

    def __init__(self, found: object) -> None:
        self._found = found
        self._base = Adapter()

    def __getattr__(self, name: str) -> Any:
        """The adapter's own, or the base class's."""
        own = getattr(self._found, name, ABSENT)
        return getattr(self._base, name) if own is ABSENT else own

    def version(self) -> str:
        """The adapter's own word, or that of its distribution."""
        own = getattr(self._found, "version", None)
        distribution = str(self.distribution)
        if own is not None:
            return str(own())
        return metadata.version(distribution) if distribution else "-"


def load(spec: str) -> Adapter:
    """The adapter that MODULE:NAME names.

    Raises:
        UsageError: there is no such thing, or it has no name, or no `run` of its own.
        ImportError: something that it needs is not installed.
    """
    module_name, _, name = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            f"{spec}: there is no module {error.name} here; give MODULE:NAME of an adapter"
        ) from error
    found = getattr(module, name, ABSENT)
    if found is ABSENT:
        raise UsageError(f"{spec}: the module {module_name} has no {name}; give MODULE:NAME of an adapter")
    if isinstance(found, type) or (callable(found) and not hasattr(found, "run")):
        found = found()
    if isinstance(found, type):  # a factory may give the class
        found = found()
    run = getattr(found, "run", None)
    if not callable(run) or not isinstance(getattr(found, "name", None), str):
        raise UsageError(f"{spec}: is no adapter; give it a name and run(function, *args, **options)")
    if getattr(run, "__func__", None) is Adapter.run:
        raise UsageError(f"{spec}: has no run of its own; give it run(function, *args, **options)")
    return found if isinstance(found, Adapter) else cast("Adapter", Completed(found))


def described(spec: str) -> Mapping[str, Any]:
    """What an adapter says of itself, as plain data.

    Raises:
        UsageError: there is no such adapter, or it names what does not exist.
        ImportError: something that it needs is not installed.
    """
    adapter = load(spec)
    try:
        contexts = [str(Context(context)) for context in adapter.contexts]
        accepts = [str(Option(option)) for option in adapter.accepts]
    except ValueError as error:
        known = ", ".join([*Context, *Option])
        raise UsageError(f"{spec}: {error}; contexts and options are: {known}") from error
    for named, values, method in ((Context.PORTAL, contexts, "portal"), (Option.CANCEL, accepts, "token")):
        if named in values and getattr(getattr(adapter, method), "__func__", None) is getattr(
            Adapter, method
        ):
            raise UsageError(f"{spec}: names {named}, and has no {method} of its own; give it one")
    return {
        "name": adapter.name,
        "version": adapter.version(),
        "contexts": contexts,
        "accepts": accepts,
        "declares": sorted(adapter.declares),
    }
