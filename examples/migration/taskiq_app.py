"""The shop on Taskiq: `taskiq worker migration.taskiq_app:broker --use-process-pool`, and beside it, once,
`taskiq scheduler migration.taskiq_app:scheduler`. Its twin on Penstock is from_taskiq.py."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis
from taskiq import SmartRetryMiddleware, TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from migration import business
from migration.business import Letter, Picture

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
WEEK = timedelta(weeks=1)

locks = Redis.from_url(URL)
schedules = ListRedisScheduleSource(URL)
retries = SmartRetryMiddleware(default_delay=1, use_delay_exponent=True, use_jitter=True, schedule_source=schedules)
broker = RedisStreamBroker(URL).with_result_backend(RedisAsyncResultBackend(URL)).with_middlewares(retries)
scheduler = TaskiqScheduler(broker, [schedules])


@broker.task
async def send_mail(letter: Letter) -> None:
    business.deliver(letter)


@broker.task
def shrink(picture: Picture, factor: int) -> Picture:
    return business.shrink(picture, factor)


@broker.task(retry_on_error=True, types_of_exceptions=(ConnectionError,), max_retries=5)
async def charge(order: int) -> str:
    return business.bank.charge(order)


@broker.task
async def ask_for_review(letter: Letter) -> None:
    business.deliver(letter)


@broker.task
async def recount(article: str) -> None:
    try:
        business.recount(article)
    finally:
        await locks.delete(f"recount-{article}")


async def checkout(order: int, customer: str, article: str) -> None:
    await send_mail.kiq(Letter(customer, f"Order {order}"))
    await charge.kiq(order)
    later = datetime.now(UTC) + WEEK
    await ask_for_review.schedule_by_time(schedules, later, Letter(customer, f"How was {article}?"))
    if await locks.set(f"recount-{article}", 1, nx=True, ex=3600):
        await recount.kiq(article)
