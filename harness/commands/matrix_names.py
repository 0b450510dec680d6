"""What the names of `shakeout matrix` stand for, and the command that plays the same again."""

import shlex
from collections.abc import Sequence

from harness import library
from harness.errors import UsageError
from harness.matrix import How, distinct
from harness.runner import SEED, Options
from harness.scenario import STAGES, Scenario
from harness.targets.profile import Profile, defect_catalog


def found(names: Sequence[str], profile: Profile) -> tuple[Scenario, ...]:
    """The scenarios named, each once; all of the library for none.

    Raises:
        UsageError: there is no such scenario; of a defect the message says which scenarios declare it.
    """
    try:
        return distinct(library.find(names))
    except UsageError:
        for name in names:
            _check_no_defect(name, profile)
        raise


def _check_no_defect(name: str, profile: Profile) -> None:
    """Refuse the name of a defect, where a scenario is wanted.

    Raises:
        UsageError: it is one, and no scenario is called so.
    """
    library_of_all = library.find([])
    if name not in defect_catalog(profile) or name in {one.name for one in library_of_all}:
        return
    declaring = ", ".join(one.name for one in library_of_all if name in one.defects)
    if declaring:
        raise UsageError(f"{name} is a defect; name a scenario that declares it: {declaring}")
    raise UsageError(f"{name} is a defect, and no scenario of the library declares it; give the path of one")


def again(scenarios: Sequence[Scenario], chosen: Options, how: How, more: Sequence[str]) -> str:
    """The command that plays this matrix again."""
    words = ["shakeout", "matrix", *(scenario.origin or scenario.name for scenario in scenarios), *more]
    words += ["--stage", *how.stages] if how.stages != STAGES and chosen.profile.app else []
    if chosen.seed is not None or all(scenario.seed is None for scenario in scenarios):
        words += ["--seed", str(SEED if chosen.seed is None else chosen.seed)]
    words += ["--full"] if how.full else []
    words += ["--target", chosen.target] if chosen.target else []
    return shlex.join(words)
