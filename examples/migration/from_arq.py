"""arq_app.py on Penstock: `penstock dev migration.from_arq:app`, then type `charge 7`."""

from __future__ import annotations

from migration import business
from migration.business import Letter, Picture
from penstock import Penstock, Retry, TaskContext

WEEK = 7 * 24 * 3600

app = Penstock("shop")


@app.task
async def send_mail(letter: Letter) -> None:
    business.deliver(letter)


@app.task(run_in="process")
def shrink(picture: Picture, factor: int) -> Picture:
    return business.shrink(picture, factor)


@app.task(max_attempts=5, retry_on=())  # what raises Retry, and nothing else
async def charge(order: int, context: TaskContext = TaskContext()) -> str:
    try:
        return business.bank.charge(order)
    except ConnectionError as error:
        raise Retry(delay=min(120, 2**context.attempt)) from error


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
    await recount.options(key=f"recount-{article}").enqueue(article)
