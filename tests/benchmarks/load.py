"""What a load shows of a server that stalls one second in five, beside stock Locust, and what counting costs a generator.

The server's law is known, so the true latency of each arrival is: what is left of the stall when it is due. Stock Locust
puts ten paced users on the same server in the same run. The cost of counting is taken in processor time, beside what a
request costs the generator that sent it. Exit 1 where a percentile is more than 5 % off, or counting costs too much.
"""

import asyncio
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from harness.gates import parse  # noqa: E402  # found by the line above
from harness.load.arrivals import arrivals  # noqa: E402  # the same
from harness.load.counting import Counting  # noqa: E402  # the same
from harness.load.options import LoadOptions  # noqa: E402  # the same
from harness.load.report import LoadReport  # noqa: E402  # the same
from harness.load.run import Load  # noqa: E402  # the same
from harness.load.target import LoadTarget  # noqa: E402  # the same
from tests.harness.load.conftest import Stub  # noqa: E402  # the same

STALL_S, EVERY_S = 1.0, 5.0
RATE_PER_S = float(os.environ.get("RATE", "100"))
SECONDS = float(os.environ.get("SECONDS_A_ROUND", "20"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
OFF_MAX = 0.05
COUNTING_US_MAX = 1.0
COUNTING_SHARE_MAX = 0.02
QUANTILES = (0.9, 0.95, 0.99)
COUNTED = 50_000


class Stalling(Stub):
    """The server that stalls; it notes when the first request was due."""

    began_s = 0.0

    @asynccontextmanager
    async def start(self, options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
        """Serve, and read what the generators left."""
        async with super().start(options, directory) as target:
            yield target
            self.began_s = float((directory / "began").read_text())


def quantile(ordered: Sequence[float], share: float) -> float:
    """The `share` quantile of ascending values."""
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]


def truth_s(options: LoadOptions, began_s: float) -> list[float]:
    """What each arrival of the run has to wait by the law of the server, ascending."""
    due_s = (began_s + one.due_s for one in arrivals(options.planned, options.seed))
    return sorted(max(0.0, STALL_S - at_s % EVERY_S) for at_s in due_s)


async def ours(seed: int) -> tuple[list[float], list[float], LoadReport]:
    """The percentiles that a load reports, and the true ones of the same arrivals, in seconds."""
    server = Stalling(stall_s=STALL_S, stall_every_s=EVERY_S)
    gates = (parse("p99 < 5s"),)
    options = LoadOptions(for_s=SECONDS, rate_per_s=RATE_PER_S, seed=seed, gates=gates)
    report = await Load(start=server.start).run(options)
    latencies = {share: latency_s for share, latency_s, _ in report.percentiles()}
    true_s = truth_s(options, server.began_s)
    return [latencies[share] for share in QUANTILES], [quantile(true_s, share) for share in QUANTILES], report


async def stock() -> list[float]:
    """The percentiles that ten paced users of stock Locust report, in seconds."""
    with tempfile.TemporaryDirectory() as place:
        server = Stub(stall_s=STALL_S, stall_every_s=EVERY_S)
        async with server.start(LoadOptions(), Path(place)) as target:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "locust", "-f", str(HERE / "stock_locustfile.py"), "--headless"),
                *("-u", "10", "-r", "10", "-t", f"{SECONDS:g}s", "--host", target.base_url),
                *("--json-file", str(Path(place) / "stock"), "--only-summary", "--exit-code-on-error", "0"),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=place,
            )
            await process.wait()
        (entry,) = json.loads((Path(place) / "stock.json").read_text())
    counted = sorted((float(ms), count) for ms, count in entry["response_times"].items())
    ordered = [ms / 1000 for ms, count in counted for _ in range(count)]
    return [quantile(ordered, share) for share in QUANTILES]


def counting_us() -> float:
    """Processor microseconds that counting takes of a request, what is done once a second included."""
    counting = Counting((2_000_000,))
    key = ("conversations", "POST /turn", "load")
    began_s = time.process_time()
    for number in range(COUNTED):
        counting.succeeded(key, 200, number, 1_000 + number % 997, 1_000, request_id="load-1-1")
        if number % 100 == 0:
            counting.drain()
    return (time.process_time() - began_s) / COUNTED * 1e6


def sending_us(report: LoadReport) -> float:
    """Processor microseconds of a generator by request, while it sent."""
    parts = [part for one in report.run.parts.values() for part in one if part.sent]
    return sum(part.cpu * part.took_s for part in parts) / sum(part.sent for part in parts) * 1e6


async def main() -> int:
    """All rounds, then the table."""
    off: dict[str, list[list[float]]] = {"shakeout, poisson": [], "stock locust, 10 users": []}
    shares, costs, invalid = [], [], []
    for number in range(ROUNDS):
        (seen_s, true_s, report), stock_s = await ours(number), await stock()
        off["shakeout, poisson"].append([one / true - 1 for one, true in zip(seen_s, true_s, strict=True)])
        off["stock locust, 10 users"].append(
            [one / true - 1 for one, true in zip(stock_s, true_s, strict=True)]
        )
        invalid += report.reasons
        costs.append(counting_us())
        shares.append(costs[-1] / sending_us(report))
        truth = ", ".join(
            f"p{share * 100:g} {true * 1000:.0f}" for share, true in zip(QUANTILES, true_s, strict=True)
        )
        print(f"round {number + 1}, true latency of its arrivals in ms: {truth}")  # noqa: T201  # the benchmark's output
    for name, rounds in off.items():
        told = ", ".join(
            f"p{share * 100:g} {statistics.median(values):+.1%} ({min(values):+.1%}..{max(values):+.1%})"
            for share, values in zip(QUANTILES, zip(*rounds, strict=True), strict=True)
        )
        print(f"{name:<24}{told}")  # noqa: T201  # the same
    cost_us, share = statistics.median(costs), statistics.median(shares)
    print(f"counting takes {cost_us:.2f} us of a request, {share:.2%} of what sending one takes")  # noqa: T201  # the same
    medians = [abs(statistics.median(values)) for values in zip(*off["shakeout, poisson"], strict=True)]
    print(*invalid, sep="\n")  # noqa: T201  # the same
    return int(
        max(medians) > OFF_MAX or cost_us > COUNTING_US_MAX or share > COUNTING_SHARE_MAX or bool(invalid)
    )


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
