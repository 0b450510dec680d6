"""What a full turn of the reference app costs, in units of FastAPI's bare pydantic echo, side by side in one run.

Servers are pinned to one core, the generator and the provider to another; rounds are interleaved, so that a
machine that slows down slows both. Exit 1 where a floor is missed.
"""

import asyncio
import importlib.util
import os
import random
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))
from generator import Load, burst

from harness.provider import ProviderServer, Script, Witness
from harness.targets.driven import Recorder

SERVER_CORE, OTHER_CORE = 0, 1
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS_A_ROUND", "2"))
CONNECTIONS = 32
HERE = Path(__file__).parent
TITLES = {
    "echo": "bare pydantic echo",
    "turn": "full turn, healthy",
    "open": "full turn, circuit open",
    "typical": "typical stack's turn",
}
FLOORS = {"turn": 0.12, "open": 0.33}
Rows = list[tuple[Load, float]]


class Served:
    """An app in a process of its own on the server's core."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    def cpu_s(self) -> float:
        """Processor seconds that the process has used, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def served(app: str, environment: dict[str, str]) -> AsyncIterator[Served]:
    """Serve `app` on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        descriptor = listener.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "serve.py"),
            app,
            str(descriptor),
            str(SERVER_CORE),
            pass_fds=(descriptor,),
            env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{Path.cwd()}", **environment},
            stdout=asyncio.subprocess.DEVNULL,
        )
        port = listener.getsockname()[1]
    try:
        yield Served(process, port)
    finally:
        process.terminate()
        await process.wait()


async def measured(server: Served, path: str, connections: int = CONNECTIONS) -> tuple[Load, float]:
    """One burst, and the server's processor microseconds a right answer."""
    before = server.cpu_s()
    load = await burst(server.port, path, connections=connections, for_s=SECONDS)
    assert load.wrong == 0, f"{path}: {load.wrong} answers were not 200"
    return load, (server.cpu_s() - before) / len(load.latencies_s) * 1e6


def told(name: str, unit: Rows, rows: Rows) -> float:
    """Print one row; the figure is the smaller of two median ratios: of rates, and of processor time a request.

    A generator that is the bottleneck flatters the ratio of rates; processor time does not know of it.
    """
    ratios = sorted(b[0].rate_per_s / a[0].rate_per_s for a, b in zip(unit, rows, strict=True))
    cpu_ratio = statistics.median(a[1] / b[1] for a, b in zip(unit, rows, strict=True))
    rate = statistics.median(load.rate_per_s for load, _ in rows)
    cpu = statistics.median(cost for _, cost in rows)
    p50, p99 = (statistics.median(load.percentile_ms(share) for load, _ in rows) for share in (0.5, 0.99))
    ratio = statistics.median(ratios)
    spread = f"{ratio:.3f} ({ratios[0]:.3f}..{ratios[-1]:.3f})"
    say(f"{name:30} {rate:8.0f} {p50:8.2f} {p99:8.2f} {cpu:8.0f} {spread:>22} {cpu_ratio:10.3f}")
    return min(ratio, cpu_ratio)


async def main() -> int:
    """Measure, print, and hold the ratios to their floors."""
    os.sched_setaffinity(0, {OTHER_CORE})
    recorder = Recorder()
    witness = Witness(now=recorder.now, keep=100)
    script = Script(witness=witness, fired=recorder.fired, random=random.Random(1))
    with tempfile.TemporaryDirectory() as place:
        async with (
            ProviderServer(script, witness, fired=recorder.fired) as provider,
            AsyncExitStack() as stack,
        ):
            wanted = {
                "echo": ("echo:app", {}),
                "turn": ("reference_app.app:app", {"APP_PROVIDER_URL": provider.base_url}),
                "open": ("reference_app.app:app", {"APP_PROVIDER_URL": "http://127.0.0.1:9/v1"}),
            }
            if importlib.util.find_spec("aiosqlite"):
                wanted["typical"] = (
                    "typical:app",
                    {"PROVIDER": provider.base_url, "STORE": f"{place}/typical"},
                )
            apps = {}
            for name, (app, more) in wanted.items():
                files = {"APP_STORE_URL": f"sqlite:///{place}/{name}.db", "LOG_FILE": f"{place}/{name}.log"}
                apps[name] = await stack.enter_async_context(served(app, {**files, **more}))
            return await compare(apps)


async def compare(apps: dict[str, Served]) -> int:
    """Interleave the rounds and judge the ratios."""
    path = {name: "/echo" if name == "echo" else "/workflow/execute" for name in apps}
    for name, app in apps.items():
        await until_up(app.port)
        await burst(app.port, path[name], connections=CONNECTIONS, for_s=1.0)
    rows: dict[tuple[str, int], Rows] = {}
    for _ in range(ROUNDS):
        for name, app in apps.items():
            for connections in (CONNECTIONS, 1):
                measurement = await measured(app, path[name], connections)
                rows.setdefault((name, connections), []).append(measurement)
    say(
        f"{'':30} {'rate/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'us CPU':>8} {'rate, of the echo':>22} {'CPU':>10}"
    )
    figures = {
        (name, connections): told(f"{TITLES[name]}, {connections}", rows["echo", connections], row)
        for (name, connections), row in sorted(rows.items(), key=lambda item: -item[0][1])
    }
    if "typical" not in apps:
        say("the typical stack is not installed: make peers")
    added_ms = median_p50(rows["turn", 1]) - median_p50(rows["echo", 1])
    say(
        f"a turn adds {added_ms:.2f} ms to the echo's median at one connection, the provider's answer included"
    )
    missed = [
        f"{TITLES[name]}: {figures[name, CONNECTIONS]:.3f} of the echo, {floor} wanted"
        for name, floor in FLOORS.items()
        if figures[name, CONNECTIONS] < floor
    ]
    say("\n".join(missed) or "every floor is kept")
    return 1 if missed else 0


def median_p50(rows: Rows) -> float:
    """The median over the rounds of the median latency, in milliseconds."""
    return statistics.median(load.percentile_ms(0.5) for load, _ in rows)


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")


async def until_up(port: int) -> None:
    """Wait until somebody accepts on the port and answers."""
    async with asyncio.timeout(30):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if answer.startswith(b"HTTP/1.1"):
                return


if __name__ == "__main__":
    uvloop.install()
    sys.exit(asyncio.run(main()))
