"""A killed process has kept every turn that it acknowledged."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from reference_app.contract import ConversationState
from reference_app.security import digest
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

KILLS = 3
ANSWERS_BEFORE_KILL = 40
SESSIONS = 8
HANG_S = 60.0

# Holds turns in several sessions at once for ever, and says each answer on a line once it has it.
TURNS = f"""
import asyncio, json, sys
import httpx
from reference_app.app import app

async def hold(client, name):
    session = None
    for number in range(100_000):
        body = {{"message": f"{{name}}-{{number}}"}} | ({{"session_id": session}} if session else {{}})
        answer = (await client.post("/workflow/execute", json=body)).json()
        session = answer["session_id"]
        print(json.dumps([session, answer["turn"], body["message"]]), flush=True)

async def main():
    to_app, from_app = asyncio.Queue(), asyncio.Queue()
    asyncio.ensure_future(app({{"type": "lifespan", "asgi": {{}}, "state": {{}}}}, to_app.get, from_app.put))
    await to_app.put({{"type": "lifespan.startup"}})
    await from_app.get()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        await asyncio.gather(*(hold(client, f"{{sys.argv[1]}}-{{n}}") for n in range({SESSIONS})))

asyncio.run(main())
"""


async def acknowledged_until_killed(run: int, folder: Path) -> list[tuple[str, int, str]]:
    """Run the turns in a process, kill it in the middle of its work, and give what it had acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TURNS,
        str(run),
        env={
            **os.environ,
            "APP_STORE_URL": f"sqlite:///{folder}/s.db",
            "LOG_FILE": os.devnull,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[bytes] = []
    async with asyncio.timeout(HANG_S):
        while len(lines) < ANSWERS_BEFORE_KILL and (line := await process.stdout.readline()):
            lines.append(line)
        process.send_signal(signal.SIGKILL)
        # What stands in the pipe was acknowledged too; a line that the kill has cut was not.
        rest = await process.stdout.read()
        await process.wait()
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    return [tuple(json.loads(line)) for line in lines]


async def test_acknowledged_turns_survive_sigkill(tmp_path: Path) -> None:
    """After each kill every acknowledged turn is found, at its number and with its text, and no session has a gap."""
    acknowledged: list[tuple[str, int, str]] = []
    for run in range(KILLS):
        acknowledged += await acknowledged_until_killed(run, tmp_path)
    assert len(acknowledged) >= KILLS * ANSWERS_BEFORE_KILL
    store = SQLiteSessionStore(Settings(store_url=f"sqlite:///{tmp_path}/s.db"))
    await store.open()
    try:
        for session, number, message in acknowledged:
            found = await store.load(digest(session), None, turns_max=None, timeout_s=10.0)
            state = ConversationState(turns=found.turns)
            assert state.turns[number - 1].message == message
            assert [turn.sequence for turn in state.turns] == list(range(1, found.head + 1))
    finally:
        await store.close()
