"""What the broker has of Tasks, asked from within a worker's pod: there are its address and its credentials."""

from __future__ import annotations

import json
from collections.abc import Collection

from tests.e2e.kubectl import Kubectl, Refused
from tests.e2e.witness import Evidence, Record, Run
from tests.waiting import wait_sync

QUEUE = "e2e"
PATIENCE = 60.0
# Reads ids, one a line; tells each one's record and all notes of executions.
SCRIPT = """
import asyncio, json, os, sys
import tasks
from penstock.broker import connect

def told(snapshot):
    outcome = snapshot.outcome
    if outcome is None:
        return {"phase": snapshot.phase, "attempts": snapshot.attempts, "worker": snapshot.worker}
    result = None if outcome.result is None else json.loads(outcome.result)
    return {"phase": outcome.phase, "attempts": outcome.attempts, "worker": outcome.worker,
            "finished_at": outcome.finished_at, "result": result}

async def main():
    ids, records = sys.stdin.read().split(), {}
    broker = connect(os.environ["PENSTOCK_URL"], os.environ["PENSTOCK_NAMESPACE"])
    for start in range(0, len(ids), 500):
        some = ids[start:start + 500]
        for id, snapshot in zip(some, await broker.snapshots(some)):
            if snapshot is not None:
                records[id] = told(snapshot)
    notes = [note.decode() for note in await tasks._redis().lrange(tasks.NOTES, 0, -1)]
    print(json.dumps({"records": records, "notes": notes}))

asyncio.run(main())
"""


def evidence(pool: Kubectl, runs: Collection[Run], *, emptied: bool = False) -> Evidence:
    """The broker's records of these runs, and the notes of all executions."""
    ids = {f"{QUEUE}.{uid}-{run}": (uid, run) for uid, run in runs}
    said: list[str] = []
    wait_sync(lambda: _ask(pool, "\n".join(ids), said), "a worker to tell what the broker has", patience=PATIENCE)
    found = json.loads(said[0])
    return Evidence({ids[id]: Record(**record) for id, record in found["records"].items()}, found["notes"], emptied)


def _ask(pool: Kubectl, ids: str, said: list[str]) -> bool:
    """Workers come and go: another may be there when one was just leaving."""
    try:
        said.append(pool("exec", "-i", "deploy/e2e-workers", "-c", "worker", "--", "python", "-c", SCRIPT, stdin=ids))
    except Refused as refusal:
        print(refusal)
        return False
    return True
