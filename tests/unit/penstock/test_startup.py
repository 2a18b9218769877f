"""What a worker imports before its first task. Seconds would depend on the machine: `make startup` prints them."""

from __future__ import annotations

import pytest

from tests.unit.penstock.test_package import imported

FOREIGN = {"aiohttp", "kubernetes_asyncio", "kopf", "pydantic", "opentelemetry.sdk", "rich", "fastapi", "django"}
TYPER = {"typer", "click", "rich", "pygments", "markdown_it", "mdurl", "pydantic", "pydantic_core"}
OLDER = {"wrapt", "importlib_metadata", "zipp"}  # older versions of opentelemetry-api import them
MOST = 420  # modules, of Python's own some 250

EMBEDDED = """
import asyncio
from penstock import Penstock

app = Penstock("light", url="memory://")

@app.task
async def one():
    return 1

async def main():
    async with app.worker():
        assert await (await one.enqueue()).result() == 1

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import penstock_worker.__main__",
        "import penstock.running",
        "import penstock.cli.commands, penstock.running",
        f"exec({EMBEDDED!r})",
    ],
)
def test_a_worker_imports_little(statement: str) -> None:
    found = imported(statement)
    own = {"pydantic", "rich"} if "cli" in statement else set()  # some versions of typer import them
    assert not found & (FOREIGN - own)
    assert len([name for name in found if name.partition(".")[0] not in TYPER | OLDER]) < MOST
