"""An app for workers in processes of their own."""

from __future__ import annotations

from penstock import Penstock

app = Penstock("counted")


@app.task
async def one() -> int:
    return 1
