"""Measures one thing in a process of its own, and prints it as one line of JSON: no hook may touch who compares."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from simulation_determinism import hashes
from simulation_hour import hour
from simulation_rates import rate
from simulation_schedules import schedules

PARTS: dict[str, Callable[..., Any]] = {
    "rate": lambda where, kind, count: rate(where, kind, int(count)),
    "hour": lambda what, seed, share: hour(what, int(seed), float(share)),
    "schedules": lambda kind, seconds, seed: schedules(kind, float(seconds), int(seed)),
    "hashes": lambda seeds: hashes(int(seeds)),
}


def main() -> None:
    """Measure `PART ARGUMENT...`: a figure, or in a word why there is none."""
    part, *arguments = sys.argv[1:]
    try:
        told = {"figure": PARTS[part](*arguments)}
    except ModuleNotFoundError as error:
        told = {"none": f"not installed ({error.name})"}
    except RuntimeError as error:
        traceback.print_exc()
        told = {"none": str(error).splitlines()[0] if str(error) else "RuntimeError"}
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
