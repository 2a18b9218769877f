from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import msgspec
import pytest

from penstock import telemetry
from penstock.broker.messages import Settlement, Verb
from penstock.errors import ApiRefused, NotConnected
from penstock.report import TASKS
from penstock.retry import RetryPolicy
from penstock.status import Phase
from penstock.status_writer import StatusWriter
from penstock_operator import lifecycle as module
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.admission.prospects import TURN, Prospect
from penstock_operator.admission.view import TaskView
from tests.unit.penstock_operator.rig import NAMESPACE, WORKER, TaskRig, task_rig
from tests.waiting import wait_for


@pytest.fixture
async def rig() -> AsyncIterator[TaskRig]:
    async with task_rig() as rig:
        yield rig


async def finish(rig: TaskRig, phase: Phase = Phase.SUCCEEDED) -> None:
    """A worker runs the only ready task and reports."""
    outcome = await rig.settle(await rig.start(), phase)
    await StatusWriter(rig.kube).ended(outcome)
    await rig.broker.clear([outcome])
    await rig.idle()


class TestEdits:
    EDITS: ClassVar = [
        ({"priority": "critical"}, "priority", "critical"),
        ({"timeoutSeconds": 7}, "timeout", 7),
        ({"concurrencyKey": "c"}, "key", "c"),
        ({"retry": {"maxAttempts": 9}}, "retry", RetryPolicy(9)),
    ]

    @pytest.mark.parametrize(("edit", "field", "value"), EDITS, ids=lambda value: str(value)[:20])
    @pytest.mark.parametrize("restarted", [False, True])
    async def test_what_waits_is_as_the_spec_says(
        self, rig: TaskRig, edit: dict[str, Any], field: str, value: object, restarted: bool
    ) -> None:
        await rig.apply()
        await rig.later(2.0)
        rig.watching = not restarted
        await rig.change(**edit)
        rig.watching = True
        if restarted:
            await rig.restart()
        await rig.later(2.0)
        [envelope] = await rig.queued()
        assert getattr(envelope, field) == value
        assert rig.status()["observedGeneration"] == rig.task()["metadata"]["generation"]

    async def test_a_delay_that_was_taken_back_counts_no_more(self, rig: TaskRig) -> None:
        await rig.apply(delaySeconds=3600)
        assert (await rig.depth()).ready == 0
        await rig.change(delaySeconds=None)
        assert (await rig.depth()).ready == 1

    async def test_a_delay_that_was_given_later_counts(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(delaySeconds=3600)
        depth = await rig.depth()
        assert (depth.ready, depth.delayed) == (0, 1)

    async def test_what_runs_goes_on_as_it_was(self, rig: TaskRig) -> None:
        await rig.apply()
        begun = await rig.start()
        await rig.change(timeoutSeconds=7)
        await StatusWriter(rig.kube).ended(await rig.settle(begun))
        await rig.later(1.0)
        assert (rig.phase(), (await rig.depth()).ready) == ("Succeeded", 0)
        assert rig.status()["observedGeneration"] == rig.task()["metadata"]["generation"]

    async def test_of_what_is_held_they_are_observed(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True)
        await rig.change(priority="high")
        assert rig.status()["observedGeneration"] == rig.task()["metadata"]["generation"]


class TestProspects:
    async def test_who_waits_is_told_what_for(self, rig: TaskRig) -> None:
        rig.prospect = Prospect("QueueNotServed", "no pool")
        await rig.apply()
        await rig.later(2.0)
        admitted = rig.condition("Admitted")
        assert (admitted["status"], admitted["reason"]) == ("True", "QueueNotServed")
        assert admitted["message"] == "waits in queue mail; no pool"

    async def test_and_when_that_changes(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.later(2.0)
        assert rig.condition("Admitted")["reason"] == "Queued"
        rig.prospect = Prospect("WorkersCannotStart", "no image")
        rig.tasks.outlook_changed(NAMESPACE, ["mail"])
        await rig.idle()
        await rig.later(1.0)
        assert rig.condition("Admitted")["message"] == "waits in queue mail; no image"
        rig.prospect = TURN
        rig.tasks.outlook_changed(NAMESPACE, ["mail"])
        await rig.idle()
        await rig.later(1.0)
        assert (rig.condition("Admitted")["reason"], rig.phase()) == ("Queued", "Queued")

    async def test_who_runs_is_left_alone(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.start()
        await rig.later(2.0)
        writes = rig.kube.written("PATCH", "tasks")
        rig.prospect = Prospect("WorkersCannotStart", "no image")
        await rig.kube.merge(TASKS, NAMESPACE, "a", {"status": {"phase": "Running"}}, subresource="status")
        await rig.later(2.0)
        assert rig.kube.written("PATCH", "tasks") == writes + 1

    async def test_the_same_is_told_once(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.later(2.0)
        writes = rig.kube.written("PATCH", "tasks")
        for _ in range(3):
            await rig.later(5.0)
        assert rig.kube.written("PATCH", "tasks") == writes


class TestDeletionWithAFinalizer:
    @pytest.mark.parametrize("spec", [{}, {"suspend": True}, {"delaySeconds": 60}, {"priority": "urgent"}], ids=str)
    async def test_what_waits_is_cancelled(self, rig: TaskRig, spec: dict[str, Any]) -> None:
        rig.watching = False
        await rig.apply(**spec)
        rig.watching = True
        rig.kube.mark_deleted(TASKS, NAMESPACE, "a")
        await rig.idle()
        assert (rig.phase(), rig.condition("Finished")["reason"]) == ("Cancelled", "Deleted")
        assert await rig.queued() == []

    async def test_what_runs_is_told(self, rig: TaskRig) -> None:
        await rig.apply()
        begun = await rig.start()
        rig.kube.mark_deleted(TASKS, NAMESPACE, "a")
        await rig.idle()
        assert [str(one) for one in rig.broker.renew([begun.lease], WORKER)] == ["cancel"]


class TestWhatIsNotUnderstood:
    async def test_what_was_never_queued_does_not_say_that_it_was(self, rig: TaskRig) -> None:
        await rig.apply(priority="urgent")
        admitted = rig.condition("Admitted")
        assert (admitted["status"], admitted["reason"]) == ("False", "InvalidSpec")

    async def test_it_fails_and_says_so(self, rig: TaskRig) -> None:
        await rig.apply(priority="urgent")
        assert (rig.phase(), rig.condition("Failed")["reason"]) == ("Failed", "InvalidSpec")
        assert rig.status()["error"]["message"] == "spec.priority: Invalid enum value 'urgent'"
        assert (await rig.depth()).ready == 0

    async def test_what_waits_for_it_ends_with_it(self, rig: TaskRig) -> None:
        await rig.apply(priority="urgent")
        await rig.apply("b", dependsOn=[{"name": "a"}])
        assert rig.condition("Finished", "b")["reason"] == "DependencyFailed"

    async def test_it_is_deleted_after_its_time(self, rig: TaskRig) -> None:
        await rig.apply(priority="urgent")
        await rig.later(86_401)
        assert rig.names() == []

    async def test_made_so_while_it_waits_it_leaves_its_queue(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(priority="urgent")
        assert (rig.phase(), (await rig.depth()).ready) == ("Failed", 0)

    async def test_made_so_while_it_runs_it_ends_as_its_worker_says(self, rig: TaskRig) -> None:
        await rig.apply()
        outcome = await rig.settle(await rig.start())
        await rig.change(priority="urgent")
        await StatusWriter(rig.kube).ended(outcome)
        await rig.later(1.0)
        assert rig.phase() == "Succeeded"

    async def test_mended_it_may_run_again(self, rig: TaskRig) -> None:
        await rig.apply(priority="urgent")
        await rig.change(priority="high", run=2)
        assert (await rig.depth()).ready == 1


class TestAdmission:
    async def test_a_new_task_is_queued(self, rig: TaskRig) -> None:
        task = await rig.apply(args=[42])
        [envelope] = await rig.queued()
        assert envelope.id == f"mail.{task['metadata']['uid']}-1"
        assert envelope.payload == b"[[42],{}]"

    async def test_it_is_queued_once_however_often_it_is_seen(self, rig: TaskRig) -> None:
        await rig.apply()
        for _ in range(3):
            await rig.later()
        assert (await rig.depth()).ready == 1

    async def test_a_restarted_operator_does_not_queue_it_again(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.restart()
        assert (await rig.depth()).ready == 1

    async def test_a_short_task_costs_one_status_write(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig)
        assert rig.phase() == "Succeeded"
        assert rig.kube.written("PATCH", "tasks") == 1

    async def test_who_waits_longer_than_a_moment_is_told_so(self, rig: TaskRig) -> None:
        await rig.apply()
        assert rig.phase() == "Pending"
        await rig.later(1.0)
        assert rig.phase() == "Queued"
        assert rig.condition("Admitted")["message"] == "waits in queue mail"
        await rig.later(60.0)
        assert rig.kube.written("PATCH", "tasks") == 1

    async def test_a_running_task_is_not_called_queued(self, rig: TaskRig) -> None:
        await rig.apply()
        rig.watching = False  # the operator's view is behind
        await rig.kube.merge(TASKS, NAMESPACE, "a", {"status": {"phase": "Running"}}, subresource="status")
        rig.clock.pass_(1.0)
        rig.tasks.queue.add((NAMESPACE, "a"))
        await rig.idle()
        assert rig.phase() == "Running"

    async def test_a_delayed_task_waits_in_the_broker(self, rig: TaskRig) -> None:
        await rig.apply(delaySeconds=3600)
        assert (await rig.depth()).delayed == 1
        await rig.later(1.0)
        assert "not before 3599 s from now" in rig.condition("Admitted")["message"]

    async def test_the_trace_is_the_one_that_follows_from_the_uid(self, rig: TaskRig) -> None:
        task = await rig.apply()
        await rig.later(1.0)
        assert rig.status()["traceID"] == telemetry.trace_id(telemetry.derived(task["metadata"]["uid"]))

    async def test_what_the_broker_lost_is_queued_again(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.queued()
        rig.lose()
        [view] = rig.tasks.unfinished()
        rig.tasks.lost(view)
        await rig.idle()
        assert (await rig.depth()).ready == 1

    async def test_an_outage_of_the_api_server_is_waited_out(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.queued()
        refusals = [ApiRefused(503, "ServiceUnavailable", "later")]
        rig.kube.refuse = lambda _method, _path: refusals.pop() if refusals else None
        await rig.later(1.0)

        async def told() -> bool:
            return rig.phase() == "Queued"

        await wait_for(told, "the status to be written after all", patience=5)


class TestRefusal:
    async def test_too_large_arguments_fail_the_task(self, rig: TaskRig) -> None:
        await rig.apply(args=["x" * 200_000])
        assert rig.phase() == "Failed"
        assert rig.status()["error"]["type"] == "PayloadTooLarge"
        assert (await rig.depth()).backlog == 0

    async def test_a_passed_deadline_fails_a_waiting_task(self, rig: TaskRig) -> None:
        await rig.apply(deadlineSeconds=10)
        await rig.later(11)
        assert (rig.phase(), rig.status()["error"]["type"]) == ("Failed", "DeadlineExceeded")
        assert (await rig.depth()).backlog == 0
        assert await rig.broker.outbox("mail", 10) == []

    async def test_a_running_task_has_its_deadline_from_its_worker(self, rig: TaskRig) -> None:
        await rig.apply(deadlineSeconds=10)
        started = await rig.start()
        await rig.later(11)
        assert not Phase(rig.phase()).terminal
        await StatusWriter(rig.kube).ended(await rig.settle(started))
        assert rig.phase() == "Succeeded"

    async def test_an_event_tells_of_a_failure(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig, Phase.DEAD_LETTERED)
        assert rig.events() == [("DeadLettered", "a")]
        await rig.later(1.0)
        assert len(rig.events()) == 1

    async def test_success_needs_no_event(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig)
        assert rig.events() == []

    async def test_an_event_tells_of_a_refusal(self, rig: TaskRig) -> None:
        await rig.apply(args=["x" * 200_000])
        assert rig.events() == [("Failed", "a")]


class TestCancel:
    async def test_before_it_is_queued(self, rig: TaskRig) -> None:
        await rig.apply(cancel=True)
        assert rig.phase() == "Cancelled"
        assert (await rig.depth()).backlog == 0

    async def test_while_it_waits(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(cancel=True)
        assert rig.phase() == "Cancelled"
        assert (await rig.depth()).backlog == 0
        assert await rig.broker.outbox("mail", 10) == []

    async def test_while_it_waits_for_its_time(self, rig: TaskRig) -> None:
        await rig.apply(delaySeconds=3600)
        await rig.change(cancel=True)
        assert (rig.phase(), (await rig.depth()).delayed) == ("Cancelled", 0)

    async def test_while_it_is_held(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True)
        await rig.change(cancel=True)
        assert rig.phase() == "Cancelled"

    async def test_while_it_runs_its_worker_has_the_last_word(self, rig: TaskRig) -> None:
        await rig.apply()
        begun = await rig.start()
        await rig.change(cancel=True)
        assert rig.phase() == "Pending"
        assert rig.broker.renew([begun.lease], WORKER) == ["cancel"]
        await StatusWriter(rig.kube).ended(await rig.settle(begun, Phase.CANCELLED))
        assert rig.phase() == "Cancelled"

    async def test_while_it_runs_it_may_end_first(self, rig: TaskRig) -> None:
        await rig.apply()
        started = await rig.start()
        await rig.change(cancel=True)
        await StatusWriter(rig.kube).ended(await rig.settle(started))
        await rig.later(1.0)
        assert rig.phase() == "Succeeded"

    async def test_after_its_end_it_changes_nothing(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig)
        await rig.change(cancel=True)
        assert rig.phase() == "Succeeded"

    async def test_a_cancelled_task_says_why(self, rig: TaskRig) -> None:
        await rig.apply(cancel=True)
        assert rig.status()["error"] == {"type": "Cancelled", "message": "spec.cancel is true"}

    async def test_between_two_attempts_those_made_are_kept(self, rig: TaskRig) -> None:
        await rig.apply()
        begun = await rig.start()
        retry = Settlement(lease=begun.lease, verb=Verb.RETRY, phase=Phase.RETRYING, delay=60.0)
        await rig.broker.settle([retry])
        await rig.change(cancel=True)
        assert (rig.phase(), rig.status()["attempts"]) == ("Cancelled", 1)

    async def test_while_it_runs_the_cancelled_generation_is_observed(self, rig: TaskRig) -> None:
        await rig.apply()
        started = await rig.start()
        await rig.change(cancel=True)
        await StatusWriter(rig.kube).ended(await rig.settle(started, Phase.CANCELLED))
        await rig.later(5.0)
        assert rig.status()["observedGeneration"] == rig.task()["metadata"]["generation"]


class TestHold:
    async def test_a_suspended_task_is_not_queued_and_says_so(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True)
        assert (await rig.depth()).backlog == 0
        assert rig.phase() == "Blocked"
        assert (rig.condition("Admitted")["status"], rig.condition("Admitted")["reason"]) == ("False", "Suspended")

    async def test_let_go_it_is_queued(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True)
        await rig.change(suspend=False)
        assert (await rig.depth()).ready == 1
        await rig.later(1.0)
        assert rig.phase() == "Queued"

    async def test_suspended_while_it_waits_it_leaves_the_queue(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(suspend=True)
        assert (rig.phase(), (await rig.depth()).backlog) == ("Blocked", 0)

    async def test_a_held_task_is_written_once(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True)
        await rig.later(60)
        assert rig.kube.written("PATCH", "tasks") == 1

    async def test_its_deadline_passes_all_the_same(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True, deadlineSeconds=10)
        await rig.later(11)
        assert (rig.phase(), rig.status()["error"]["type"]) == ("Failed", "DeadlineExceeded")

    async def test_suspended_while_it_waits_it_leaves_no_outcome(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(suspend=True)
        assert await rig.broker.outbox("mail", 10) == []

    async def test_suspended_while_it_runs_it_goes_on(self, rig: TaskRig) -> None:
        await rig.apply()
        begun = await rig.start()
        await rig.change(suspend=True)
        assert rig.broker.renew([begun.lease], WORKER) == ["held"]

    async def test_suspended_while_it_waits_and_let_go_it_is_queued(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(suspend=True)
        await rig.change(suspend=False)
        assert (await rig.depth()).ready == 1

    async def test_suspended_again_before_it_was_called_queued_it_leaves_the_queue(self, rig: TaskRig) -> None:
        await rig.apply(suspend=True)
        await rig.change(suspend=False)
        await rig.change(suspend=True)
        assert (await rig.depth()).ready == 0


class TestFullQueue:
    async def test_one_that_refuses_fails_the_task(self, rig: TaskRig) -> None:
        await rig.limit(1)
        await rig.apply("a")
        await rig.apply("b")
        assert (rig.phase("a"), rig.phase("b")) == ("Pending", "Failed")
        error = rig.status("b")["error"]
        assert error["type"] == "QueueFull"
        assert error["message"] == "queue mail holds as many tasks as its maxDepth, 1, allows"
        assert rig.events() == [("Failed", "b")]
        assert ((await rig.depth()).ready, await rig.broker.outbox("mail", 10)) == (1, [])

    async def test_one_that_lets_them_wait_holds_it_and_says_so(self, rig: TaskRig) -> None:
        await rig.limit(1, waits=True)
        await rig.apply("a")
        await rig.apply("b")
        assert rig.phase("b") == "Blocked"
        admitted = rig.condition("Admitted", "b")
        assert (admitted["status"], admitted["reason"]) == ("False", "QueueFull")
        await rig.later(2.0)
        assert rig.kube.written("PATCH", "tasks") == 2  # that a waits, and once that b is held

    async def test_what_was_held_is_queued_when_there_is_room(self, rig: TaskRig) -> None:
        await rig.limit(1, waits=True)
        await rig.apply("a")
        await rig.apply("b")
        await rig.start()
        await rig.later(2.0)
        assert (await rig.depth()).ready == 1
        await rig.later(2.0)
        assert rig.phase("b") == "Queued"

    async def test_it_is_tried_again_soon_by_itself(self, rig: TaskRig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ROOM_SECONDS", 0.01)
        await rig.limit(1, waits=True)
        await rig.apply("a")
        await rig.apply("b")
        await rig.start()

        async def queued() -> bool:
            return (await rig.depth()).ready == 1

        await wait_for(queued, "the held Task to be queued", patience=5)

    async def test_what_is_held_may_be_cancelled_and_has_its_deadline(self, rig: TaskRig) -> None:
        await rig.limit(1, waits=True)
        await rig.apply("a")
        await rig.apply("b")
        await rig.apply("c", deadlineSeconds=10)
        await rig.change("b", cancel=True)
        assert rig.phase("b") == "Cancelled"
        await rig.later(11)
        assert (rig.phase("c"), rig.status("c")["error"]["type"]) == ("Failed", "DeadlineExceeded")

    async def test_what_is_on_the_queue_already_is_not_refused_by_a_restarted_operator(self, rig: TaskRig) -> None:
        await rig.limit(1)
        await rig.apply("a")
        await rig.restart()
        await rig.later(1.0)
        assert rig.phase("a") == "Queued"

    async def test_a_task_that_is_let_go_into_a_full_queue_says_why_it_waits_now(self, rig: TaskRig) -> None:
        await rig.limit(1, waits=True)
        await rig.apply("a")
        await rig.apply("b", suspend=True)
        await rig.change("b", suspend=False)
        assert rig.condition("Admitted", "b")["reason"] == "QueueFull"

    async def test_a_held_task_that_is_suspended_says_so(self, rig: TaskRig) -> None:
        await rig.limit(1, waits=True)
        await rig.apply("a")
        await rig.apply("b")
        await rig.change("b", suspend=True)
        assert rig.condition("Admitted", "b")["reason"] == "Suspended"

    async def test_a_rerun_that_finds_the_queue_full_is_held_too(self, rig: TaskRig) -> None:
        await rig.apply("a")
        await finish(rig)
        await rig.limit(1, waits=True)
        await rig.apply("b")
        await rig.change("a", run=2)
        assert (rig.phase("a"), rig.status("a")["run"]) == ("Blocked", 2)


class TestRerun:
    async def test_a_higher_run_is_queued_under_its_own_id(self, rig: TaskRig) -> None:
        task = await rig.apply()
        await finish(rig)
        await rig.change(run=2)
        [envelope] = await rig.queued()
        assert envelope.id == f"mail.{task['metadata']['uid']}-2"

    async def test_its_outcome_replaces_the_first_ones(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig, Phase.DEAD_LETTERED)
        await rig.change(run=2)
        await finish(rig)
        assert (rig.phase(), rig.status()["run"]) == ("Succeeded", 2)
        assert "error" not in rig.status()

    async def test_while_it_waits_it_is_queued_again(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig)
        await rig.change(run=2)
        await rig.later(1.0)
        assert (rig.phase(), rig.status()["run"]) == ("Queued", 2)

    async def test_a_late_outcome_of_the_first_run_changes_nothing(self, rig: TaskRig) -> None:
        await rig.apply()
        started = await rig.start()
        await rig.change(run=2)
        assert not await StatusWriter(rig.kube).ended(await rig.settle(started))
        assert (rig.phase(), rig.condition("Admitted")["reason"]) == ("Blocked", "EarlierRun")

    @pytest.mark.parametrize("restarted", [False, True])
    async def test_raised_while_it_runs_the_first_is_cancelled_and_waited_for(
        self, rig: TaskRig, restarted: bool
    ) -> None:
        await rig.apply()
        first = await rig.start()
        rig.watching = not restarted
        await rig.change(run=3)
        rig.watching = True
        if restarted:
            await rig.restart()
        assert [str(one) for one in rig.broker.renew([first.lease], WORKER)] == ["cancel"]
        await rig.later(5.0)
        assert (await rig.depth()).ready == 0
        assert rig.condition("Admitted")["message"] == (
            "run 3 starts once the run before it, which was cancelled, has ended"
        )
        await rig.settle(first, Phase.CANCELLED)
        await rig.later(1.0)
        [later] = await rig.queued()
        assert (later.id, rig.status()["run"]) == (f"mail.{rig.task()['metadata']['uid']}-3", 3)

    async def test_raised_before_the_end_only_the_later_run_is_left(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.change(run=2)
        assert (await rig.depth()).ready == 1


class TestEnd:
    async def test_a_finished_task_is_deleted_after_its_time(self, rig: TaskRig) -> None:
        await rig.apply(ttlSecondsAfterFinished=60)
        await finish(rig)
        await rig.later(59)
        assert rig.names() == ["a"]
        await rig.later(1)
        assert rig.names() == []

    async def test_the_queue_may_name_the_time(self, rig: TaskRig) -> None:
        rig.rules = QueueRules(ttl=5)
        await rig.apply()
        await finish(rig)
        await rig.later(5)
        assert rig.names() == []

    async def test_a_namesake_is_not_deleted_in_its_place(self, rig: TaskRig) -> None:
        await rig.apply(ttlSecondsAfterFinished=60)
        await finish(rig)
        rig.watching = False
        await rig.kube.delete(TASKS, NAMESPACE, "a")
        await rig.kube.create(TASKS, NAMESPACE, {"metadata": {"name": "a"}, "spec": {"task": "mail.send"}})
        rig.clock.pass_(60)
        rig.tasks.queue.add((NAMESPACE, "a"))
        await rig.idle()
        assert rig.names() == ["a"]

    async def test_a_task_deleted_while_it_waits_does_not_run(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.delete()
        assert (await rig.depth()).backlog == 0
        assert await rig.broker.outbox("mail", 10) == []

    async def test_a_task_deleted_while_it_runs_is_cancelled(self, rig: TaskRig) -> None:
        await rig.apply()
        begun = await rig.start()
        await rig.delete()
        assert rig.broker.renew([begun.lease], WORKER) == ["cancel"]

    async def test_a_task_deleted_while_the_broker_is_away_does_not_run_afterwards(
        self, rig: TaskRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await rig.apply()
        with monkeypatch.context() as away:

            async def nobody(*_: object, **__: object) -> None:
                raise NotConnected("nothing answers")

            away.setattr(rig.broker, "cancel", nobody)
            await rig.delete()

        async def cancelled() -> bool:
            return (await rig.depth()).backlog == 0

        await wait_for(cancelled, "the task to leave its queue")

    async def test_a_task_deleted_after_its_end_is_forgotten(self, rig: TaskRig) -> None:
        await rig.apply()
        await finish(rig)
        await rig.delete()
        assert (list(rig.tasks.unfinished()), rig.tasks.queues()) == ([], set())

    async def test_a_namesake_of_a_deleted_task_runs(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.kube.delete(TASKS, NAMESPACE, "a")
        task = await rig.apply()
        [envelope] = await rig.queued()
        assert envelope.id == f"mail.{task['metadata']['uid']}-1"


class TestDependencies:
    async def apply(self, rig: TaskRig, name: str, *parents: str, on_failure: str = "Cancel") -> None:
        await rig.apply(name, dependsOn=[{"name": parent, "onFailure": on_failure} for parent in parents])

    async def test_it_waits_for_the_end_of_another(self, rig: TaskRig) -> None:
        await rig.apply("a")
        await self.apply(rig, "b", "a")
        assert (rig.phase("b"), rig.condition("Admitted", "b")["reason"]) == ("Blocked", "DependencyPending")
        await finish(rig)
        assert [message.resource.name for message in await rig.queued() if message.resource] == ["b"]

    async def test_one_that_fails_cancels_it_and_all_behind_it(self, rig: TaskRig) -> None:
        await rig.apply("a")
        await self.apply(rig, "b", "a")
        await self.apply(rig, "c", "b")
        await finish(rig, Phase.FAILED)
        assert (rig.phase("b"), rig.phase("c")) == ("Cancelled", "Cancelled")
        assert "Task a, which ended as Failed" in rig.condition("Failed", "b")["message"]
        assert (await rig.depth()).backlog == 0

    async def test_it_may_run_all_the_same(self, rig: TaskRig) -> None:
        await rig.apply("a")
        await self.apply(rig, "b", "a", on_failure="Run")
        await finish(rig, Phase.FAILED)
        assert (await rig.depth()).ready == 1

    async def test_a_missing_one_is_waited_for_and_reported(self, rig: TaskRig) -> None:
        await self.apply(rig, "b", "a")
        admitted = rig.condition("Admitted", "b")
        assert (admitted["status"], admitted["reason"]) == ("False", "DependencyMissing")
        await rig.apply("a")
        await finish(rig)
        assert (await rig.depth()).ready == 1

    async def test_its_deadline_ends_the_wait(self, rig: TaskRig) -> None:
        await rig.apply("b", dependsOn=[{"name": "a"}], deadlineSeconds=10)
        await rig.later(10)
        assert (rig.phase("b"), rig.status("b")["error"]["type"]) == ("Failed", "DeadlineExceeded")

    async def test_a_cycle_is_refused(self, rig: TaskRig) -> None:
        await self.apply(rig, "a", "c")
        await self.apply(rig, "b", "a")
        await self.apply(rig, "c", "b")
        assert [rig.status(name)["error"]["type"] for name in "abc"] == ["DependencyCycle"] * 3
        assert "c → b → a → c" in rig.condition("Failed", "c")["message"]

    async def test_once_queued_it_does_not_care_any_more(self, rig: TaskRig) -> None:
        await rig.apply("a")
        await self.apply(rig, "b", "a")
        await finish(rig)
        await rig.delete("a")
        await rig.restart()
        assert (await rig.depth()).ready == 1
        assert rig.phase("b") == "Blocked"  # as it was written last; a look later it is told otherwise
        await rig.later(2)
        assert rig.phase("b") == "Queued"

    async def test_its_end_is_kept_as_long_as_others_depend_on_it(self, rig: TaskRig) -> None:
        await rig.apply("a", ttlSecondsAfterFinished=5)
        await rig.apply("b", suspend=True, dependsOn=[{"name": "a"}])
        await finish(rig)
        await rig.later(60)
        assert "a" in rig.names()
        await rig.change("b", suspend=False)
        await finish(rig)
        await rig.later(1)
        assert rig.names() == ["b"]

    async def test_cancelled_while_it_waits_it_is_cancelled(self, rig: TaskRig) -> None:
        await self.apply(rig, "b", "a")
        await rig.change("b", cancel=True)
        assert rig.phase("b") == "Cancelled"


class TestQueueRules:
    async def test_a_task_that_the_queue_does_not_allow_fails(self, rig: TaskRig) -> None:
        rig.rules = QueueRules(allowed=("shop.*", "mail.receive"))
        await rig.apply()
        assert (rig.phase(), rig.status()["error"]["type"]) == ("Failed", "TaskNotAllowed")
        assert "shop.*, mail.receive" in rig.status()["error"]["message"]

    async def test_without_its_queue_it_waits(self, rig: TaskRig) -> None:
        rig.rules = QueueRules(exists=False, known=("emails",))
        await rig.apply()
        assert (rig.phase(), rig.condition("Admitted")["reason"]) == ("Blocked", "QueueNotFound")
        assert "emails" in rig.condition("Admitted")["message"]
        rig.rules = QueueRules()
        rig.tasks.rules_changed(NAMESPACE)
        await rig.idle()
        assert (await rig.depth()).ready == 1


class TestLargePayloads:
    async def test_they_are_read_again_when_they_are_sent(self, rig: TaskRig) -> None:
        await rig.apply(args=["x" * 5000])
        [message] = await rig.queued()
        assert len(message.payload) == 5000 + len('[[""],{}]')

    async def test_one_that_is_gone_by_then_is_left_alone(self, rig: TaskRig) -> None:
        rig.watching = False
        await rig.apply(args=["x" * 5000])
        body = rig.task()
        rig.kube.vanish(TASKS, NAMESPACE, "a")
        rig.tasks.seen(TaskView.parse(msgspec.json.encode(body)))
        await rig.idle()
        assert (await rig.depth()).ready == 0


class TestCourtesy:
    async def test_many_that_wait_are_called_queued_little_by_little(self, rig: TaskRig) -> None:
        for number in range(80):
            await rig.apply(f"t{number}")
        await rig.later(2)
        told = [name for name in rig.names() if rig.phase(name) == "Queued"]
        assert len(told) == 50
        await rig.later(2)
        assert all(rig.phase(name) == "Queued" for name in rig.names())
