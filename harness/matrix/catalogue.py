"""What a matrix wants of the catalogue of a target before anything is played: that it is there, and that it is true."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import UsageError
from harness.matrix.plan import Placed
from harness.registry import INVARIANTS, held_under
from harness.scenario import Scenario
from harness.targets.profile import REFERENCE, Profile, defect_catalog, load


def catalogue(profile: Profile) -> Mapping[str, Any]:
    """The defects of the target.

    Raises:
        UsageError: it has none, so that there is nothing to prove.
    """
    found = defect_catalog(profile)
    if not found:
        raise UsageError(
            f"{profile.name} has no defects to play; name a catalogue in its profile: defects = 'MODULE:NAME'"
        )
    return found


def unknown(scenarios: Iterable[Scenario], catalog: Mapping[str, Any], profile: Profile) -> tuple[str, ...]:
    """The defects that scenarios of the library declare, and that a target which is not theirs does not have.

    Raises:
        UsageError: a scenario that was written for this target declares a defect that there is not.
    """
    foreign = profile.defects != load(REFERENCE).defects
    found: dict[str, None] = {}
    for scenario in scenarios:
        for name in scenario.defects:
            if name in catalog:
                continue
            if scenario.origin or not foreign:
                raise UsageError(
                    f"{scenario.origin or scenario.name}: defects: {profile.name} has no defect {name}; "
                    f"it has: {', '.join(sorted(catalog))}"
                )
            found[name] = None
    return tuple(found)


def check_declared(
    found: Placed, catalog: Mapping[str, Any], declared: Iterable[str], profile: Profile
) -> None:
    """Refuse what would prove nothing: no scenario declares a defect of the target, or none that can be played here.

    Raises:
        UsageError: the message says what is missing.
    """
    names = frozenset(declared)
    if not names:
        raise UsageError(
            f"none of the scenarios declares a defect of {profile.name}, such as {min(catalog)}: name scenarios that "
            f"do, with defects=({min(catalog)!r},), or give --full"
        )
    if not names & found.declared:
        why = "; ".join(f"{name} {reason}" for name, reason in found.elsewhere.items())
        raise UsageError(
            f"{', '.join(sorted(names))}: the scenarios that declare this are not played here: {why}"
        )


def check_reasons(
    names: Iterable[str], catalog: Mapping[str, Any], scenarios: Sequence[Scenario], *, every: bool
) -> None:
    """Refuse a defect of which no invariant could ever be the reason that it names: it would be missed for ever.

    There are the universal invariants, those of the scenarios, and those of their faults. `every` reason must be one of
    them where all scenarios are there; one of them must be where only some are, and the rest may be of the others.

    Raises:
        UsageError: the message names the defect and the reason.
    """
    known = {name for name, _ in INVARIANTS.items()}
    for scenario in scenarios:
        known |= {one.name for one in (*held_under(scenario.faults), *scenario.invariants)}
    for name in names:
        strange = [reason for reason in catalog[name].reasons if reason not in known]
        if strange and (every or len(strange) == len(catalog[name].reasons)):
            raise UsageError(
                f"the defect {name} names the reason {strange[0]}, and no invariant is called so; "
                "`shakeout list invariants` names those that there are"
            )
