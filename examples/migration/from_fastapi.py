"""fastapi_app.py on Penstock: `uvicorn migration.from_fastapi:api`, and beside it
`penstock worker migration.from_fastapi:app`."""

from __future__ import annotations

from fastapi import FastAPI

from migration import business
from migration.business import Letter
from penstock import Penstock
from penstock.fastapi import BackgroundTasks, lifespan

app = Penstock("shop")
api = FastAPI(lifespan=lifespan(app))


@app.task
def send_mail(letter: Letter) -> None:
    business.deliver(letter)


@app.task
def charge(order: int) -> None:
    business.bank.charge(order)


@api.post("/orders/{order}", status_code=202)
async def checkout(order: int, customer: str, tasks: BackgroundTasks) -> int:
    tasks.add_task(send_mail, Letter(customer, f"Order {order}"))
    tasks.add_task(charge, order)
    return order
