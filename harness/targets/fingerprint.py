"""The fingerprint of the code that a simulated run plays: a schedule means something to that code only."""

import sys
import sysconfig
from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path


def fingerprint(app: str) -> str:
    """A digest of this Python, of what is installed, and of every source file of ours and of the app at `MODULE:NAME`."""
    digest = blake2b(sys.version.encode(), digest_size=8)
    for name in sorted(_installed()):
        digest.update(name.encode())
    for top in sorted({"harness", app.partition(":")[0].partition(".")[0], *_loaded()}):
        for name, content in _sources(top):
            digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _installed() -> Iterator[str]:
    """The distributions that can be imported, each with its version, as their folders are named."""
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).glob("*.dist-info"):
            yield entry.name


def _loaded() -> Iterator[str]:
    """The top-level names of the modules that were imported from neither the library nor an installed distribution."""
    elsewhere = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is not None and name != "__main__" and not origin.startswith(elsewhere):
            yield name.partition(".")[0]


def _sources(top: str) -> Iterator[tuple[str, bytes]]:
    """The source files of a module or of a package, each with its name below it, in order."""
    spec = find_spec(top)
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).rglob("*.py")):
            yield str(path.relative_to(folder)), path.read_bytes()
    if not spec.submodule_search_locations and spec.origin is not None and Path(spec.origin).is_file():
        yield top, Path(spec.origin).read_bytes()
