from __future__ import annotations

from penstock.throttle import LONGEST_SECONDS, Throttle


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_nobody_waits_until_one_is_told_to() -> None:
    time = Time()
    await Throttle(time, time.sleep).passed()
    assert time.now == 0


async def test_all_wait_for_what_one_was_told() -> None:
    time = Time()
    throttle = Throttle(time, time.sleep, lambda: 0.0)
    throttle.told(5)
    throttle.told(2)
    await throttle.passed()
    assert time.now == 5


async def test_they_come_back_spread() -> None:
    time = Time()
    throttle = Throttle(time, time.sleep, lambda: 0.5)
    throttle.told(4)
    await throttle.passed()
    assert time.now == 5


async def test_nobody_waits_for_ever() -> None:
    time = Time()
    throttle = Throttle(time, time.sleep, lambda: 0.0)
    throttle.told(1e9)
    await throttle.passed()
    assert time.now == LONGEST_SECONDS
