"""Tasks sent straight to the broker, without any API server: from the node's network, by this checkout's SDK."""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.e2e.kubectl import Kubectl
from tests.e2e.node import Node

REDIS = "app.kubernetes.io/component=redis"
E2E = Path(__file__).parents[1]
SCRIPT = """
import asyncio, sys
import tasks

async def main():
    async with tasks.app:
        one = tasks.noted.options(priority="high").s()
        handles = await tasks.app.enqueue_many([one] * int(sys.argv[1]))
        notes = [await handle.result(timeout=float(sys.argv[2])) for handle in handles]
        print(len(set(notes)))

asyncio.run(asyncio.wait_for(main(), float(sys.argv[2])))
"""


@dataclass(frozen=True)
class BrokerTasks:
    """Of one namespace; `url` is the broker's with an address that needs no cluster DNS."""

    node: Node
    namespace: str
    url: str

    @staticmethod
    def of(pool: Kubectl, system: Kubectl, node: Node) -> BrokerTasks:
        """Ask for the address while the API server is there."""
        url = urlsplit(base64.b64decode(pool.value("secret/penstock-broker", "{.data.url}")).decode())
        address = system("get", "pod", "-l", REDIS, "-o", "jsonpath={.items[0].status.podIP}")
        place = url.netloc.replace(str(url.hostname), address)
        return BrokerTasks(node, pool.namespace, urlunsplit(url._replace(netloc=place)))

    def run(self, count: int, within: float) -> int:
        """Have so many executed; how many different executions there were. Fails if they take longer."""
        set_up = [f"PENSTOCK_URL={self.url}", f"PENSTOCK_NAMESPACE={self.namespace}", f"PYTHONPATH={E2E}"]
        command = ["env", *set_up, sys.executable, "-c", SCRIPT, str(count), str(within)]
        return int(self.node.inside(*command, timeout=within + 10))
