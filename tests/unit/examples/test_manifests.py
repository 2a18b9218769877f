"""Every manifest in examples/ is one that the models know, and calls what the code has."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from shop.tasks import app

from penstock.resources.meta import Resource
from penstock.resources.pool import WorkerPool
from penstock.resources.queue import TaskQueue
from penstock.resources.task import Task

EXAMPLES = Path(__file__).parents[3] / "examples"
MODELS: dict[str, type[Resource]] = {"Task": Task, "TaskQueue": TaskQueue, "WorkerPool": WorkerPool}
FILES = sorted(EXAMPLES.rglob("*.yaml"))


def documents(file: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document is not None]


def ours(file: Path) -> list[Resource]:
    found = [document for document in documents(file) if document["apiVersion"].startswith("penstock.dev/")]
    return [MODELS[document["kind"]].model_validate(document) for document in found]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_parses(file: Path) -> None:
    assert documents(file)
    assert all(resource.metadata.name for resource in ours(file))


def test_the_tasks_call_what_the_shop_has() -> None:
    tasks = [task for task in ours(EXAMPLES / "manifests/tasks.yaml") if isinstance(task, Task)]
    assert len(tasks) == len({task.metadata.name for task in tasks}) == 14
    for task in tasks:
        app.definitions[task.spec.task].arguments.check(tuple(task.spec.args), dict(task.spec.kwargs))


def test_the_photographs_of_the_tasks_are_among_those_fetched() -> None:
    from shop.fetch_photos import SKIMAGE, SKLEARN

    fetched = {Path(name).stem for name in (*SKIMAGE, *SKLEARN)}
    assert len(fetched) >= 8
    for task in ours(EXAMPLES / "manifests/tasks.yaml"):
        if isinstance(task, Task) and task.spec.task == "shop.thumbnail":
            assert (task.spec.args or [task.spec.kwargs["photo"]])[0] in fetched


def test_the_job_and_the_pool_run_the_same_image() -> None:
    (job,) = documents(EXAMPLES / "manifests/submit-job.yaml")
    (pool,) = ours(EXAMPLES / "manifests/pool.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert isinstance(pool, WorkerPool)
    assert pool.spec.image == container["image"]


def test_the_job_passes_restricted_pod_security() -> None:
    (job,) = documents(EXAMPLES / "manifests/submit-job.yaml")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_first_task_carries_the_code_beside_it() -> None:
    code, pool, task = documents(EXAMPLES / "first_task.yaml")
    assert code["data"] == {"tasks.py": (EXAMPLES / "first_task/tasks.py").read_text()}
    assert pool["spec"]["source"]["configMap"] == code["metadata"]["name"]
    assert pool["spec"]["queues"] == [task["spec"]["task"].partition(".")[0]]
