"""The shop on ARQ: `arq migration.arq_app.WorkerSettings`. Its twin on Penstock is from_arq.py."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from arq import ArqRedis, Retry, func
from arq.connections import RedisSettings

from migration import business
from migration.business import Letter, Picture

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
WEEK = 7 * 24 * 3600
Context = dict[str, Any]


async def send_mail(ctx: Context, letter: Letter) -> None:
    business.deliver(letter)


async def shrink(ctx: Context, picture: Picture, factor: int) -> Picture:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(ctx["processes"], business.shrink, picture, factor)


async def charge(ctx: Context, order: int) -> str:
    try:
        return business.bank.charge(order)
    except ConnectionError as error:
        raise Retry(defer=min(120, 2 ** ctx["job_try"])) from error


async def ask_for_review(ctx: Context, letter: Letter) -> None:
    business.deliver(letter)


async def recount(ctx: Context, article: str) -> None:
    business.recount(article)


async def startup(ctx: Context) -> None:
    ctx["processes"] = ProcessPoolExecutor()


async def shutdown(ctx: Context) -> None:
    ctx["processes"].shutdown()


class WorkerSettings:
    functions = (send_mail, shrink, func(charge, max_tries=5), ask_for_review, func(recount, keep_result=0))
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = RedisSettings.from_dsn(URL)


async def checkout(pool: ArqRedis, order: int, customer: str, article: str) -> None:
    await pool.enqueue_job("send_mail", Letter(customer, f"Order {order}"))
    await pool.enqueue_job("charge", order)
    await pool.enqueue_job("ask_for_review", Letter(customer, f"How was {article}?"), _defer_by=WEEK)
    await pool.enqueue_job("recount", article, _job_id=f"recount-{article}")
