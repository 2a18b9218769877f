"""The quickest look at Penstock, without Redis and without a cluster: `python examples/quickstart.py`."""

import asyncio

from penstock import Penstock, RetryPolicy, TaskContext
from penstock.testing import worker

app = Penstock("quickstart", url="memory://")


@app.task(retry=RetryPolicy(max_attempts=3, initial=0.1))
async def greet(name: str, ctx: TaskContext = TaskContext()) -> str:
    if ctx.attempt == 1:
        raise ConnectionError("the first attempt always fails")
    return f"Hello {name}, at attempt {ctx.attempt}!"


async def main() -> None:
    async with worker(app):  # elsewhere this is a pod that Penstock starts
        handle = await greet.enqueue("Ada")
        print(await handle.result(timeout=10))


asyncio.run(main())
