"""Celery: acks_late, results in Redis, a large prefetch (its advice for short tasks), no events or remote control."""

import os

from benchmarks.peers import adapter, functions
from celery import Celery

url = os.environ[adapter.REDIS]
app = Celery("bench", broker=url, backend=url)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=128,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
)
tasks = {name: app.task(function, name=name) for name, function in functions.SYNC.items()}


class connect:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        app.close()

    async def enqueue(self, function, count):
        arguments = functions.ARGUMENTS.get(function)
        with app.producer_pool.acquire(block=True) as producer:
            for _ in range(count):
                tasks[function].apply_async(kwargs=arguments, producer=producer)

    async def send(self, function, *args):
        return tasks[function].apply_async(args)

    async def result(self, handle):
        return handle.get()
