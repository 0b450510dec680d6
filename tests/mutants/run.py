"""`make mutants`: each invariant emptied in turn, each fault made to do nothing in turn; the tests must notice every one.

A mutant is run against the test files that speak of it: of an invariant those that name it or import it, of a fault
those that name its class. They pass without it, and must not with it.
"""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.registry import FAULTS, INVARIANTS, Invariant
from tests.mutants.mutant import VARIABLE, oracles

TESTS = Path(__file__).parent.parent
RUN_S_MAX = 300.0
WHOLE_S_MAX = 3600.0
"""How long the tests of one mutant may take, and all of them without any."""

FAILED, PASSED = 1, 0
"""What pytest ends with where a test failed, and where none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """What is mutated, and where it must be noticed."""

    name: str
    files: tuple[Path, ...]


def mutants() -> list[Mutant]:
    """All of them, each with the test files that speak of it."""
    texts = {path: path.read_text() for path in sorted((TESTS / "harness").rglob("test_*.py"))}

    def speaking(*words: str) -> tuple[Path, ...]:
        wanted = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words))
        return tuple(path for path, text in texts.items() if wanted.search(text))

    found = [
        Mutant(name=f"invariant:{name}", files=speaking(*words_for(one)))
        for name, one in sorted(oracles().items())
    ]
    found += [
        Mutant(name=f"fault:{name}", files=speaking(fault.__name__, name)) for name, fault in FAULTS.items()
    ]
    return found


def words_for(one: Invariant) -> tuple[str, ...]:
    """Its name, and of one that no registry holds the name of the function that it is, or that makes it."""
    made = one.check.__qualname__.partition(".")[0]
    return (one.name,) if one.name in dict(INVARIANTS.items()) else (one.name, made)


async def noticed(mutant: Mutant) -> str:
    """The first test that notices it; empty where none does."""
    code, told = await _pytest(mutant.files, {VARIABLE: mutant.name}, "-p", "tests.mutants.mutant")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", told, re.MULTILINE)
    return failed[1] if code == FAILED and failed else ""


async def _pytest(
    files: Sequence[Path], variables: dict[str, str], *options: str, limit_s: float = RUN_S_MAX
) -> tuple[int, str]:
    """Run pytest on files until a test fails; its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *options),
        *map(str, files),
        env={**os.environ, **variables},
        cwd=TESTS.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(limit_s):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def run(names: Sequence[str], jobs: int) -> int:
    """Try the mutants whose names hold one of `names`; the exit code."""
    wanted = [one for one in mutants() if not names or any(name in one.name for name in names)]
    if unknown := [one.name for one in wanted if not one.files]:
        sys.stdout.write(f"shakeout: no test speaks of {', '.join(unknown)}; write one\n")
        return 3
    free, missed = asyncio.Semaphore(jobs), []

    async def one(mutant: Mutant) -> None:
        async with free:
            by = await noticed(mutant)
        sys.stdout.write(f"{mutant.name}: {by or 'MISSED'}\n")
        sys.stdout.flush()
        if not by:
            missed.append(mutant.name)

    files = sorted({file for mutant in wanted for file in mutant.files})
    code, told = await _pytest(files, {}, "-n", str(jobs), limit_s=WHOLE_S_MAX)
    if code != PASSED:
        sys.stdout.write(f"{told}\nshakeout: the tests fail without a mutant; mend them first\n")
        return 3
    async with asyncio.TaskGroup() as group:
        for mutant in wanted:
            group.create_task(one(mutant))
    sys.stdout.write(f"{len(wanted) - len(missed)} of {len(wanted)} mutants noticed\n")
    return 1 if missed else 0


def main() -> int:
    """Read the command line, and try the mutants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of the mutants; all by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    return asyncio.run(run(options.names, options.jobs))


if __name__ == "__main__":
    sys.exit(main())
