"""The code that a simulated run plays: which modules are the app's own, and a fingerprint of all that was loaded."""

import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from harness.scenario import MODULES


def own_modules(app: str) -> list[str]:
    """The loaded modules of the app at `MODULE:NAME`: its package, and whatever is neither installed nor ours."""
    tops = {app.partition(":")[0].partition(".")[0], *_loaded()} - {"harness"}
    return [name for name in sys.modules if name.partition(".")[0] in tops]


def fingerprint(app: str, environment: Mapping[str, str] | None = None) -> str:
    """A digest of this Python, of what is installed, of every source file of ours and of the app, and of the variables.

    Asked at the end of a run, it knows of what the run has imported too; a file is read once in a process, and in those
    forked from it, as its code was loaded once.
    """
    digest = blake2b(sys.version.encode(), digest_size=8)
    digest.update(repr(sorted((environment or {}).items())).encode())
    for name in _installed():
        digest.update(name.encode())
    for top in sorted({"harness", app.partition(":")[0].partition(".")[0], *_loaded()}):
        digest.update(_source(top))
    return digest.hexdigest()


@cache
def _installed() -> tuple[str, ...]:
    """The distributions that can be imported, each with its version, as their folders are named."""
    places = {Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))}
    return tuple(sorted(entry.name for place in places for entry in place.glob("*.dist-info")))


def _loaded() -> Iterator[str]:
    """The top-level names of the modules that were imported from neither the library nor an installed distribution."""
    elsewhere = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is None or name == "__main__" or name.startswith(MODULES):
            continue  # a scenario is what is played, and no part of who plays it
        if not origin.startswith(elsewhere):
            yield name.partition(".")[0]


@cache
def _source(top: str) -> bytes:
    """A digest of the source files of a module or a package, each with its name below it, in order."""
    digest = blake2b(digest_size=16)
    for name, path in _files(top):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.digest()


def _files(top: str) -> Iterator[tuple[str, Path]]:
    """The source files of a module or a package."""
    try:
        spec = find_spec(top)
    except ValueError:  # a module that was made by hand has none
        return
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        yield from ((str(path.relative_to(folder)), path) for path in sorted(Path(folder).rglob("*.py")))
    if not spec.submodule_search_locations and spec.origin is not None and Path(spec.origin).is_file():
        yield top, Path(spec.origin)
