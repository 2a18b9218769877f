"""celery_app.py on Penstock, from sync code: `penstock dev migration.from_celery:app`, then type `charge 7`."""

from __future__ import annotations

from migration import business
from migration.business import Letter, Picture
from penstock import Penstock, RetryPolicy

WEEK = 7 * 24 * 3600

app = Penstock("shop")


@app.task
def send_mail(letter: Letter) -> None:
    business.deliver(letter)


@app.task(run_in="process")
def shrink(picture: Picture, factor: int) -> Picture:
    return business.shrink(picture, factor)


@app.task(retry_on=(ConnectionError,), retry=RetryPolicy(max_attempts=5, initial=1, maximum=120))
def charge(order: int) -> str:
    return business.bank.charge(order)


@app.task
def ask_for_review(letter: Letter) -> None:
    business.deliver(letter)


@app.task
def recount(article: str) -> None:
    business.recount(article)


def checkout(order: int, customer: str, article: str) -> None:
    send_mail.delay(Letter(customer, f"Order {order}"))
    charge.delay(order)
    ask_for_review.options(delay=WEEK).delay(Letter(customer, f"How was {article}?"))
    recount.options(key=f"recount-{article}", key_ttl=3600).delay(article)
