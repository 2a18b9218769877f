"""taskiq_app.py on Penstock: `penstock dev migration.from_taskiq:app`, then type `charge 7`."""

from __future__ import annotations

from migration import business
from migration.business import Letter, Picture
from penstock import Penstock, RetryPolicy

WEEK = 7 * 24 * 3600

app = Penstock("shop")


@app.task
async def send_mail(letter: Letter) -> None:
    business.deliver(letter)


@app.task(run_in="process")
def shrink(picture: Picture, factor: int) -> Picture:
    return business.shrink(picture, factor)


@app.task(retry_on=(ConnectionError,), retry=RetryPolicy(max_attempts=5, initial=1, maximum=60))
async def charge(order: int) -> str:
    return business.bank.charge(order)


@app.task
async def ask_for_review(letter: Letter) -> None:
    business.deliver(letter)


@app.task
async def recount(article: str) -> None:
    business.recount(article)


async def checkout(order: int, customer: str, article: str) -> None:
    await send_mail.enqueue(Letter(customer, f"Order {order}"))
    await charge.enqueue(order)
    await ask_for_review.options(delay=WEEK).enqueue(Letter(customer, f"How was {article}?"))
    await recount.options(key=f"recount-{article}", key_ttl=3600).enqueue(article)
