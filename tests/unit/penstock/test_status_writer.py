from __future__ import annotations

import pytest

from penstock.envelope import ResourceRef
from penstock.errors import ApiRefused, NotConnected, PenstockError
from penstock.kube import Manifest
from penstock.outcome import Failure, Outcome
from penstock.report import TASKS
from penstock.standing import Standing
from penstock.status import Phase
from penstock.status_writer import StatusWriter
from tests.unit.fake_kube import FakeKube

REF = ResourceRef("shop", "welcome", "00000000-0000-0000-0000-000000000001")


@pytest.fixture
async def kube() -> FakeKube:
    kube = FakeKube()
    await kube.create(TASKS, "shop", {"metadata": {"name": "welcome"}, "spec": {"task": "shop.send"}})
    return kube


def outcome(phase: Phase = Phase.SUCCEEDED, *, ref: ResourceRef | None = REF, **fields: object) -> Outcome:
    return Outcome(id="shop.uid-1-1", task="shop.send", phase=phase, finished_at=9.0, resource=ref, **fields)  # type: ignore[arg-type]  # test data


def running() -> Standing:
    return Standing(Phase.RUNNING, "Running", "attempt 1", 1.0)


def status(kube: FakeKube) -> Manifest:
    return dict(kube.the(TASKS, "shop", "welcome")["status"])


async def test_an_outcome_is_one_write(kube: FakeKube) -> None:
    before = len(kube.requests)
    assert await StatusWriter(kube).ended(outcome(result=b"7"))
    assert (status(kube)["phase"], status(kube)["result"]) == ("Succeeded", 7)
    assert kube.requests[before:] == [("PATCH", "/apis/penstock.dev/v1alpha1/namespaces/shop/tasks/welcome/status")]


async def test_a_task_that_is_no_resource_needs_no_write(kube: FakeKube) -> None:
    before = len(kube.requests)
    assert not await StatusWriter(kube).ended(outcome(ref=None))
    assert len(kube.requests) == before


async def test_writing_an_outcome_twice_changes_nothing(kube: FakeKube) -> None:
    writer = StatusWriter(kube)
    assert await writer.ended(outcome())
    before = status(kube)
    assert await writer.ended(outcome())
    assert status(kube) == before


async def test_a_terminal_phase_is_never_overwritten(kube: FakeKube) -> None:
    writer = StatusWriter(kube)
    await writer.ended(outcome())
    assert not await writer.ended(outcome(Phase.FAILED))
    assert not await writer.standing(REF, running())
    assert status(kube)["phase"] == "Succeeded"


@pytest.mark.parametrize(
    "ref",
    [
        ResourceRef("shop", "welcome", "uid-0"),
        ResourceRef("shop", "welcome", "00000000-0000-0000-0000-000000000001", run=2),
    ],
)
async def test_neither_a_namesake_nor_another_run_is_written_to(kube: FakeKube, ref: ResourceRef) -> None:
    before = status(kube)
    assert not await StatusWriter(kube).ended(outcome(ref=ref))
    assert not await StatusWriter(kube).standing(ref, running())
    assert status(kube) == before


async def test_a_deleted_task_takes_no_outcome(kube: FakeKube) -> None:
    await kube.delete(TASKS, "shop", "welcome")
    assert not await StatusWriter(kube).ended(outcome())


async def test_a_standing_is_written_over_the_expected_phase_only(kube: FakeKube) -> None:
    writer = StatusWriter(kube)
    assert not await writer.standing(REF, running(), over=[Phase.QUEUED])
    assert await writer.standing(REF, running(), over=[Phase.PENDING])
    assert status(kube)["phase"] == "Running"


async def test_what_the_schema_refuses_is_reported_without_the_result(kube: FakeKube) -> None:
    unfit = Failure("x" * 300, "its type is longer than the schema allows")
    assert await StatusWriter(kube).ended(outcome(Phase.FAILED, failure=unfit))
    assert status(kube)["error"]["type"] == "ResultRefused"


async def test_a_success_whose_result_is_refused_stays_a_success(kube: FakeKube) -> None:
    writes: list[str] = []

    def refuse_first(method: str, path: str) -> PenstockError | None:
        if method != "PATCH":
            return None
        writes.append(path)
        return ApiRefused(422, "Invalid", "status.result: too deep") if len(writes) == 1 else None

    kube.refuse = refuse_first
    assert await StatusWriter(kube).ended(outcome(result=b"[[]]"))
    assert (status(kube)["phase"], status(kube).get("result"), status(kube).get("error")) == ("Succeeded", None, None)


@pytest.mark.parametrize(
    "error",
    [ApiRefused(503, "ServiceUnavailable", "later"), ApiRefused(429, "TooMany", "slower"), NotConnected("away")],
)
async def test_passing_errors_are_the_callers(kube: FakeKube, error: PenstockError) -> None:
    kube.refuse = lambda _method, _path: error
    with pytest.raises(type(error)):
        await StatusWriter(kube).ended(outcome())
    with pytest.raises(type(error)):
        await StatusWriter(kube).standing(REF, running())


@pytest.mark.parametrize("code", [400, 413])
async def test_what_can_never_be_written_is_settled_here(kube: FakeKube, code: int) -> None:
    kube.refuse = lambda method, _path: ApiRefused(code, "BadRequest", "no") if method == "PATCH" else None
    assert not await StatusWriter(kube).ended(outcome(result=b"1"))
