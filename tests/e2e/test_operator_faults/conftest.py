"""Faults of the cluster around the operator: real Tasks go through each, and a witness tells what came of them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from tests.e2e.api import Tasks
from tests.e2e.conftest import make_pool
from tests.e2e.kubectl import Kubectl
from tests.e2e.ledger import Ledger
from tests.e2e.operator_pods import OperatorPods
from tests.e2e.test_operator_faults.scale import Scale, chosen
from tests.e2e.trial import Trial
from tests.waiting import wait_sync

Trials = Callable[[str], AbstractContextManager[Trial]]


TEST_SECONDS = {"short": 240, "full": 900}


class Judge(Protocol):
    """Ends a trial."""

    def __call__(self, trial: Trial, *, patience: float = ...) -> None: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An outage takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS[os.environ.get("PENSTOCK_FAULTS", "short")]))


@pytest.fixture(scope="package")
def pool(cluster: Kubectl) -> Iterator[Kubectl]:
    """A pool in a namespace of its own, for all of these tests."""
    name = f"operator-faults-{uuid.uuid4().hex[:5]}"
    cluster("create", "namespace", name)
    pool = cluster.within(name)
    make_pool(pool)
    pool("wait", "ppool/e2e", "--for=condition=Ready", "--timeout=60s")
    wait_sync(lambda: pool.value("ppool/e2e", "{.status.readyReplicas}") == "1", "the first worker")
    yield pool
    cluster("delete", "namespace", name, "--timeout=120s", timeout=150)


@pytest.fixture
def namespace(pool: Kubectl) -> Kubectl:
    """What is shown when a test fails."""
    return pool


@pytest.fixture(scope="session")
def scale() -> Scale:
    return chosen()


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    """What came of each fault; written to PENSTOCK_FAULTS_OUT."""
    ledger = Ledger()
    yield ledger
    print(f"\n{ledger.table()}")
    if out := os.environ.get("PENSTOCK_FAULTS_OUT"):
        ledger.write(Path(out))


@pytest.fixture
def trial(pool: Kubectl, proxied: int, operator: OperatorPods) -> Trials:
    """Trials in the pool's namespace."""
    return lambda fault: Trial(pool, Tasks(proxied, pool.namespace), fault)


@pytest.fixture
def judge(ledger: Ledger, scale: Scale) -> Judge:
    """The end of a trial: noted, and sound."""

    def judged(trial: Trial, *, patience: float = scale.patience) -> None:
        found = trial.findings(patience=patience)
        ledger.add(found)
        assert found.sound, found

    return judged
