"""Penstock in a FastAPI service.

api = FastAPI(lifespan=lifespan(app))
api.include_router(router(app, auth=current_user), prefix="/tasks")

@api.post("/signup")
async def signup(user_id: int, tasks: BackgroundTasks) -> None:
    tasks.add_task(send_welcome, user_id)
"""

from penstock.fastapi.background import BackgroundTasks
from penstock.fastapi.lifespan import lifespan
from penstock.fastapi.router import router

__all__ = ["BackgroundTasks", "lifespan", "router"]
