"""What a full turn of the reference app costs, in units of FastAPI's bare pydantic echo, side by side in one run.

Servers are pinned to one core, the generator and the provider to another; rounds are interleaved, so that a
machine that slows down slows both. Exit 1 where a floor is missed.
"""

import asyncio
import os
import random
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


def told(name: str, unit: list[tuple[Load, float]], rows: list[tuple[Load, float]]) -> float:
    """Print one row: rates, ratios with their spread, processor time; the median ratio is the figure."""
    ratios = sorted(b[0].rate_per_s / a[0].rate_per_s for a, b in zip(unit, rows, strict=True))
    rate = statistics.median(load.rate_per_s for load, _ in rows)
    cpu = statistics.median(cost for _, cost in rows)
    p50, p99 = (statistics.median(load.percentile_ms(share) for load, _ in rows) for share in (0.5, 0.99))
    ratio = statistics.median(ratios)
    spread = f"{ratios[0]:.3f}..{ratios[-1]:.3f}"
    print(f"{name:34} {rate:8.0f}/s {p50:8.2f} {p99:8.2f} {cpu:8.0f} {ratio:8.3f}  ({spread})")  # noqa: T201  # a report
    return ratio


async def main() -> int:
    """Measure, print, and hold the ratios to their floors."""
    os.sched_setaffinity(0, {OTHER_CORE})
    recorder = Recorder()
    witness = Witness(now=recorder.now, keep=100)
    script = Script(witness=witness, fired=recorder.fired, random=random.Random(1))
    with tempfile.TemporaryDirectory() as directory:
        store = {"APP_STORE_URL": f"sqlite:///{directory}/a.db", "LOG_FILE": f"{directory}/a.log"}
        down = {"APP_STORE_URL": f"sqlite:///{directory}/b.db", "LOG_FILE": f"{directory}/b.log"}
        async with (
            ProviderServer(script, witness, fired=recorder.fired) as provider,
            served("echo:app", {}) as echo,
            served("reference_app.app:app", {**store, "APP_PROVIDER_URL": provider.base_url}) as app,
            served("reference_app.app:app", {**down, "APP_PROVIDER_URL": "http://127.0.0.1:9/v1"}) as alone,
        ):
            return await compare(echo, app, alone)


async def compare(echo: Served, app: Served, alone: Served) -> int:
    """Interleave the rounds and judge the ratios."""
    turn = "/workflow/execute"
    for server, path in ((echo, "/echo"), (app, turn), (alone, turn)):
        await until_up(server.port)
        await burst(server.port, path, connections=CONNECTIONS, for_s=1.0)
    rows: dict[str, list[tuple[Load, float]]] = {"echo": [], "turn": [], "open": [], "echo1": [], "turn1": []}
    for _ in range(ROUNDS):
        rows["echo"].append(await measured(echo, "/echo"))
        rows["turn"].append(await measured(app, turn))
        rows["open"].append(await measured(alone, turn))
        rows["echo1"].append(await measured(echo, "/echo", 1))
        rows["turn1"].append(await measured(app, turn, 1))
    print(f"{'':34} {'rate':>10} {'p50 ms':>8} {'p99 ms':>8} {'us CPU':>8} {'x echo':>8}")  # noqa: T201  # a report
    told("FastAPI bare pydantic echo", rows["echo"], rows["echo"])
    floors = [
        ("full turn", told("full turn, provider healthy", rows["echo"], rows["turn"]), 0.12),
        ("circuit open", told("full turn, circuit open", rows["echo"], rows["open"]), 0.33),
    ]
    told("echo, one connection", rows["echo1"], rows["echo1"])
    told("full turn, one connection", rows["echo1"], rows["turn1"])
    missed = [
        f"{name}: {ratio:.3f} of the echo, {floor} wanted" for name, ratio, floor in floors if ratio < floor
    ]
    print("\n".join(missed) or "every floor is kept")  # noqa: T201  # a report
    return 1 if missed else 0


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
