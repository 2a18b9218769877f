"""The shop on Celery: `celery -A migration.celery_app worker`. Its twin on Penstock is from_celery.py."""

from __future__ import annotations

import os
from dataclasses import asdict

from celery import Celery
from celery_once import QueueOnce

from migration import business
from migration.business import Letter, Picture

URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
WEEK = 7 * 24 * 3600

app = Celery("shop", broker=URL, backend=URL)
app.conf.update(
    task_acks_late=True,  # or a worker that dies takes its tasks with it
    task_reject_on_worker_lost=True,
    broker_transport_options={"visibility_timeout": 2 * WEEK},  # or what is delayed for longer is run over and over
    ONCE={"backend": "celery_once.backends.Redis", "settings": {"url": URL, "default_timeout": 3600}},
)


@app.task
def send_mail(letter: dict[str, str]) -> None:
    business.deliver(Letter(**letter))


@app.task
def shrink(picture: Picture, factor: int) -> Picture:
    return business.shrink(picture, factor)


@app.task(autoretry_for=(ConnectionError,), max_retries=4, retry_backoff=True, retry_backoff_max=120)
def charge(order: int) -> str:
    return business.bank.charge(order)


@app.task
def ask_for_review(letter: dict[str, str]) -> None:
    business.deliver(Letter(**letter))


@app.task(base=QueueOnce, once={"graceful": True})
def recount(article: str) -> None:
    business.recount(article)


def checkout(order: int, customer: str, article: str) -> None:
    send_mail.delay(asdict(Letter(customer, f"Order {order}")))
    charge.delay(order)
    ask_for_review.apply_async((asdict(Letter(customer, f"How was {article}?")),), countdown=WEEK)
    recount.delay(article)
