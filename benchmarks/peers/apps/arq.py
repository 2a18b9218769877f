"""ARQ: `enqueue_job`s gathered, polling as often as pays, uvloop."""

import asyncio
import os

import uvloop
from arq import create_pool, func
from arq.connections import RedisSettings
from benchmarks.peers import adapter, functions

AT_ONCE = 50  # a connection each; measured fastest among 20, 50, 100 and 500
POLL_SECONDS = 0.005  # 1 ms would halve the latency and cost two processes a third of their rate

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
redis = RedisSettings.from_dsn(os.environ[adapter.REDIS])
log = {"version": 1, "disable_existing_loggers": False}


def task(function):
    """ARQ passes its context first."""

    async def run(_context, *args, **kwargs):
        return await function(*args, **kwargs)

    return func(run, name=function.__name__)


class Settings:
    functions = [task(function) for function in functions.ASYNC]  # noqa: RUF012 - read once, by ARQ
    redis_settings = redis
    max_jobs = int(os.environ[adapter.CONCURRENCY])
    poll_delay = POLL_SECONDS


class connect:
    async def __aenter__(self):
        self.pool = await create_pool(redis)
        return self

    async def __aexit__(self, *_):
        await self.pool.aclose()

    async def enqueue(self, function, count):
        arguments = functions.ARGUMENTS.get(function, {})
        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*(self.send(function, **arguments) for _ in range(first, min(first + AT_ONCE, count))))

    async def send(self, function, *args, **kwargs):
        return await self.pool.enqueue_job(function, *args, **kwargs)

    async def result(self, job):
        return await job.result(poll_delay=POLL_SECONDS)
