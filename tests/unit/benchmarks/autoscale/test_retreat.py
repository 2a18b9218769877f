from benchmarks.autoscale.scalers.retreat import Retreat
from benchmarks.autoscale.world.world import World

from tests.unit.benchmarks.autoscale.worlds import world


def three(services: list[float]) -> World:
    """Three workers from the start; tasks come at 10 s, to each worker in turn."""
    one = world([10.0] * len(services), services)
    one.agenda.at(0.0, lambda: one.deployment.scale(3))
    return one


def test_idle_ones_go_first_and_busy_ones_end_what_they_run() -> None:
    one = three([50.0, 100.0])
    retreat = Retreat(one)
    one.agenda.at(20.0, lambda: retreat.aim(1))
    one.run()
    idle, busy = [at for at, _ in one.deployment.changes[2:]]
    assert 20 <= idle <= 20.5
    assert busy == 60.0
    assert one.deployment.wanted == 1
    assert one.deployment.sigterms == 0


def test_the_chosen_claim_nothing_more_until_they_are_given_back() -> None:
    one = world([10.0] * 3 + [30.0], 50.0)
    one.agenda.at(0.0, lambda: one.deployment.scale(3))
    retreat = Retreat(one)
    one.agenda.at(20.0, lambda: retreat.aim(0))
    one.agenda.at(40.0, lambda: retreat.aim(3))
    one.run()
    assert one.work.started == [10.0, 10.0, 10.0, 40.0]
    assert one.deployment.wanted == 3
    assert not any(pod.retiring for pod in one.deployment.pods)


def test_one_that_is_still_starting_goes_before_any_other() -> None:
    one = three([])
    retreat = Retreat(one)
    one.agenda.at(10.0, lambda: one.deployment.scale(4))
    one.agenda.at(12.0, lambda: retreat.aim(3))
    one.run()
    assert [pod.number for pod in one.deployment.past] == [3]
    assert one.deployment.past[0].gone == 12.0
