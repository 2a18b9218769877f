from __future__ import annotations

import dataclasses
import platform

import pytest

from penstock.definition import Definition, Options
from penstock.worker.introduction import Introduction, shown


def tasks(*queues: str) -> dict[str, Definition]:
    return {f"shop.t{n}": Definition(f"shop.t{n}", print, Options(queue)) for n, queue in enumerate(queues)}


PLAIN = Introduction("shop", "redis://u:secret@db:6379/2?x=y", "prod", ["emails", "reports"], 16, tasks("emails"))


def test_it_says_what_a_reader_looks_for() -> None:
    said = str(PLAIN)
    assert said.startswith("penstock ")
    assert f"(Python {platform.python_version()}), app shop, broker redis://u:***@db:6379/2, namespace prod: " in said
    assert said.endswith("working on emails, reports, 16 at a time; tasks: shop.t0")


def test_many_tasks_are_not_all_named() -> None:
    said = str(dataclasses.replace(PLAIN, tasks=tasks(*["emails"] * 25)))
    assert "tasks: shop.t0, " in said
    assert said.endswith("shop.t19 and 5 more")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://", "memory://"),
        ("redis://db", "redis://db"),
        ("redis://:secret@db:1/0", "redis://:***@db:1/0"),
        ("redis+sentinel://u:secret@a:1,b:2/main/0?sentinel_password=secret", "redis+sentinel://u:***@a:1,b:2/main/0"),
        ("unix://u:secret@/run/redis?db=1", "unix://u:***@/run/redis"),
        ("rediss://token@db", "rediss://token@db"),
    ],
)
def test_no_password_is_shown(url: str, said: str) -> None:
    assert shown(url) == said


@pytest.mark.parametrize(
    ("queues", "known", "worry"),
    [
        (["shop"], (), "has no tasks here"),
        (["hutn"], ("emails",), "no task of app shop is sent to hutn by default: its queues are emails"),
        (["emails", "hutn"], ("emails",), "is sent to hutn by default: check --queues"),
    ],
)
def test_what_is_odd_is_told_with_the_remedy(queues: list[str], known: tuple[str, ...], worry: str) -> None:
    [told] = dataclasses.replace(PLAIN, queues=queues, tasks=tasks(*known)).worries()
    assert worry in told


def test_nothing_else_is_odd() -> None:
    assert not list(dataclasses.replace(PLAIN, queues=["emails"]).worries())
