"""The shop on FastAPI's own background tasks, which are lost with the process and have neither retry nor delay:
`uvicorn migration.fastapi_app:api`. Its twin on Penstock is from_fastapi.py."""

from __future__ import annotations

from fastapi import BackgroundTasks, FastAPI

from migration import business
from migration.business import Letter

api = FastAPI()


def send_mail(letter: Letter) -> None:
    business.deliver(letter)


def charge(order: int) -> None:
    business.bank.charge(order)


@api.post("/orders/{order}", status_code=202)
async def checkout(order: int, customer: str, tasks: BackgroundTasks) -> int:
    tasks.add_task(send_mail, Letter(customer, f"Order {order}"))
    tasks.add_task(charge, order)
    return order
