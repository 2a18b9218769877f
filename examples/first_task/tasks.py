"""The code of the first task. ../first_task.yaml carries the same text in a ConfigMap."""

from penstock import Penstock, TaskContext

app = Penstock("hello")


@app.task
async def greet(name: str, ctx: TaskContext = TaskContext()) -> str:
    """What you see in the Task's status.result."""
    ctx.log.info("greeting %s", name)
    return f"Hello {name}!"
