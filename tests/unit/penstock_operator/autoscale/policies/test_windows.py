from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.autoscaling import Window
from penstock_operator.autoscale.policies.windows import floored, misspelt
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.autoscale.cases import case, proposed

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60.0


def window(schedule: str, minutes: int, floor: int = 4, zone: str = "Europe/Berlin") -> Window:
    return Window(schedule=schedule, time_zone=zone, duration_minutes=minutes, min_replicas=floor)


def at(moment: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=zone, fold=fold).timestamp()


def floor(now: float, *windows: Window, lead: float | None = 0.0, start: float = 5.0, asked: int = 0) -> int:
    there = case(now=now, fleet=Fleet(start_seconds=start), windows=windows, prewarm_seconds=lead)
    return floored(proposed(asked), there).replicas


OFFICE = window("0 8 * * 1-5", 600)  # 2027-01-04 is a Monday


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2027-01-04T07:59:59", False),
        ("2027-01-04T08:00", True),
        ("2027-01-04T12:34:56", True),
        ("2027-01-04T17:59:59.9", True),
        ("2027-01-04T18:00", False),
        ("2027-01-03T12:00", False),
    ],
)
def test_office_hours(moment: str, open_: bool) -> None:
    assert floor(at(moment), OFFICE) == (4 if open_ else 0)


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2027-01-04T21:59", False),
        ("2027-01-04T22:00", True),
        ("2027-01-05T00:00", True),
        ("2027-01-05T05:59", True),
        ("2027-01-05T06:00", False),
    ],
)
def test_across_midnight(moment: str, open_: bool) -> None:
    assert floor(at(moment), window("0 22 * * 1", 480)) == (4 if open_ else 0)


def test_a_week_long_window_never_closes() -> None:
    weekly = window("0 0 * * 0", 10_080)
    assert {floor(at("2027-01-03T00:00") + hour * 3600, weekly) for hour in range(24 * 14)} == {4}


def test_a_schedule_goes_by_its_own_zone() -> None:
    noon = [window("0 12 * * *", 1, floor, zone) for floor, zone in ((3, "UTC"), (5, "Europe/Berlin"))]
    assert floor(at("2027-01-04T12:00"), *noon) == 5
    assert floor(at("2027-01-04T12:00", ZoneInfo("UTC")), *noon) == 3
    assert floor(at("2027-07-04T14:00"), *noon) == 3


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (at("2027-03-28T03:00"), at("2027-03-28T04:00")),  # the clock goes from 02:00 to 03:00: there is no 02:30
        (at("2027-10-31T02:30"), at("2027-10-31T02:30", fold=1)),  # 02:30 comes twice: the first one counts
    ],
)
def test_a_window_in_the_hour_of_the_clock_change_opens_once_for_its_whole_length(start: float, end: float) -> None:
    nightly = window("30 2 * * *", 60)
    assert end - start == 3600
    minutes = [floor(start - 7200 + minute * MINUTE, nightly) for minute in range(360)]
    assert minutes == [0] * 120 + [4] * 60 + [0] * 180


@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])
def test_office_hours_go_by_the_wall_on_the_day_of_the_clock_change(day: str) -> None:
    daily = window("0 8 * * *", 600)
    found = [floor(at(f"{day}T{time}"), daily) for time in ("07:59", "08:00", "17:59", "18:00")]
    assert found == [0, 4, 4, 0]


@pytest.mark.parametrize("noon", ["2027-03-27T12:00", "2027-10-30T12:00"])
@pytest.mark.parametrize("schedule", ["30 2 * * *", "0 3 * * *", "*/20 * * * *", "15 1-4 * * *", "59 1 * * *"])
def test_looking_back_finds_what_cron_would_have_run(noon: str, schedule: str) -> None:
    start = at(noon)
    runs = {
        int(run.timestamp() // MINUTE)
        for run, _ in zip(CronSim(schedule, datetime.fromtimestamp(start - 1, BERLIN)), range(99), strict=False)
    }
    minutes = range(int(start // MINUTE), int(start // MINUTE) + 30 * 60)
    open_ = {minute for minute in minutes if floor(minute * MINUTE, window(schedule, 1))}
    assert open_ == runs & set(minutes)


def test_workers_start_before_it_opens() -> None:
    opens = at("2027-01-04T08:00")
    measured = [floor(opens - ago, OFFICE, lead=None, start=40) for ago in (41, 40, 1)]
    assert measured == [0, 4, 4]
    told = [floor(opens - ago, OFFICE, lead=600, start=40) for ago in (601, 600, 1)]
    assert told == [0, 4, 4]


def test_a_window_shorter_than_its_lead_is_no_less_prepared() -> None:
    opens, short = at("2027-01-04T08:00"), window("0 8 * * *", 2)
    found = [floor(opens + minute * MINUTE, short, lead=600) for minute in range(-12, 4)]
    assert found == [0] * 2 + [4] * 12 + [0] * 2


def test_the_highest_floor_of_the_open_ones_counts() -> None:
    windows = window("0 8 * * *", 600, 2), window("0 9 * * *", 60, 7), window("0 10 * * *", 60, 3)
    assert [floor(at(f"2027-01-04T{hour}:30"), *windows) for hour in ("08", "09", "10")] == [2, 7, 3]


@given(st.integers(0, 20), st.integers(0, 20))
def test_it_is_a_floor_and_no_more(asked: int, least: int) -> None:
    always = window("* * * * *", 1, least)
    found = floored(proposed(asked), case(windows=[always]))
    assert found.replicas == max(asked, least)
    assert (found.reason == "Window") == (least > asked)


def test_it_names_the_window() -> None:
    found = floored(proposed(1), case(now=at("2027-01-04T08:00"), windows=[OFFICE]))
    assert "the window '0 8 * * 1-5' (Europe/Berlin) asks for 4" in found.message


@pytest.mark.parametrize(
    ("bad", "names"),
    [
        (window("0 8 * * *", 60, zone="Mars/Olympus"), ("timeZone 'Mars/Olympus'", "IANA", "Europe/Berlin")),
        (window("0 8 * * *", 60, zone="Europe"), ("timeZone 'Europe'", "IANA")),
        (window("61 8 * * *", 60), ("schedule '61 8 * * *'", "minute hour day month weekday")),
        (window("0 8 30 2 *", 60), ("schedule '0 8 30 2 *'",)),
        (window("0 8 * * XYZ", 60), ("schedule '0 8 * * XYZ'",)),
    ],
)
def test_a_misspelt_window_is_named_and_never_opens(bad: Window, names: tuple[str, ...]) -> None:
    (found,) = misspelt([OFFICE, bad])
    assert all(name in found for name in ("autoscaling.windows[1]", *names))
    assert floor(datetime(2027, 2, 28, 8, tzinfo=UTC).timestamp(), bad) == 0
    assert floor(at("2027-01-04T08:00"), bad, OFFICE) == 4


def test_names_and_lists_are_well_spelt() -> None:
    assert misspelt([OFFICE, window("*/5 8-17 1,15 JAN-JUN MON-FRI", 5), window("0 0 29 2 *", 5, zone="UTC")]) == []
