"""The pods at work: claiming, finishing, handing back."""

from __future__ import annotations

from collections import deque
from functools import partial

from benchmarks.autoscale.world.agenda import Agenda
from benchmarks.autoscale.world.broker import Broker
from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.work import Work

__all__ = ["Crew"]


class Crew:
    """Pods with free places claim in turn, as blocked readers of one stream are served: the one that has waited longest
    is first."""

    def __init__(self, agenda: Agenda, broker: Broker, work: Work) -> None:
        self._agenda, self._broker, self._work = agenda, broker, work
        self._free: deque[Pod] = deque()
        self._back = 0.0

    def offer(self, pod: Pod) -> None:
        """It may have a free place now."""
        if not pod.listed and pod.may_claim:
            pod.listed = True
            self._free.append(pod)
        self.dispatch()

    def dispatch(self) -> None:
        """Give out what waits, as far as there are places."""
        waiting, free = self._broker.waiting, self._free
        if not waiting or not free or not self._is_up():
            return
        while waiting and free:
            pod = free.popleft()
            pod.listed = False
            if pod.may_claim:
                self._start(pod)
                if pod.may_claim:
                    pod.listed = True
                    free.append(pod)

    def release(self, pod: Pod) -> None:
        """Hand back what it runs."""
        for task in sorted(pod.running):
            self._broker.hand_back(task)
        pod.running.clear()
        self.dispatch()

    def _start(self, pod: Pod) -> None:
        now = self._agenda.now
        task = self._broker.claim(now)
        pod.running.add(task)
        self._agenda.at(now + self._work.service[task], partial(self._end, pod, task, self._work.interrupted[task]))

    def _end(self, pod: Pod, task: int, interrupted: int) -> None:
        """An attempt is over, unless it was cut off; it takes a broker to say so."""
        if self._work.interrupted[task] != interrupted:
            return
        back = self._broker.back(self._agenda.now)
        if back > self._agenda.now:
            self._agenda.at(back, partial(self._end, pod, task, interrupted))
            return
        self._broker.settle(task, self._agenda.now)
        pod.running.discard(task)
        if pod.emptied is not None and not pod.running:
            pod.emptied()
        self.offer(pod)

    def _is_up(self) -> bool:
        """Where it isn't, look again when it is back."""
        now = self._agenda.now
        back = self._broker.back(now)
        if back <= now:
            return True
        if self._back < back:
            self._back = back
            self._agenda.at(back, self.dispatch)
        return False
