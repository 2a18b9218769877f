"""`penstock pool …` against an API server in this process, whose proxy leads to what a test says."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
from typer.testing import CliRunner, Result

from penstock.cli import pool_commands
from penstock.cli.chart import BLOCKS
from penstock.cli.commands import program
from penstock.cli.explain import Page, explained
from penstock.cli.pools import EVENTS, Found
from penstock.errors import ApiRefused, ConfigurationError, NotConnected
from penstock.explanation import Bounds, Change, Choice, Explanation, Fleet, Sample, Timeline, Work
from penstock.kube import Kube, Manifest
from penstock.report import WORKER_POOLS, moment
from tests.unit.fake_kube import FakeKube

NOW = 1_800_000_000.0  # for the command, too: others run for twenty minutes before these
WAY = "/api/v1/namespaces/penstock-system/services/penstock-operator:api/proxy/v1/namespaces/shop/pools/fast"
POOL: Manifest = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "WorkerPool",
    "metadata": {"name": "fast"},
    "spec": {"app": "shop.tasks:app", "replicas": 2, "autoscaling": {"mode": "External", "maxReplicas": 8}},
}
STATUS: Manifest = {
    "replicas": 5,
    "readyReplicas": 4,
    "busyReplicas": 3,
    "desiredReplicas": 5,
    "decision": {
        "replicas": 5,
        "reason": "Backlog",
        "message": "46 tasks, 10 for each replica",
        "inputs": {"waiting": 20, "inFlight": 26},
        "at": moment(NOW - 130),
    },
    "conditions": [
        {
            "type": "ScalingLimited",
            "status": "True",
            "reason": "PodsCannotStart",
            "message": "exceeded quota:\n\x1b[31mpods",
            "lastTransitionTime": moment(NOW - 4),
        }
    ],
}
EVENT: Manifest = {
    "metadata": {"name": "fast.1"},
    "involvedObject": {"kind": "WorkerPool", "name": "fast"},
    "eventTime": moment(NOW - 7200),
    "type": "Normal",
    "reason": "ScaledOut",
    "message": "2 → 5 replicas",
}
SAMPLES = tuple(Sample(NOW - 1800 + 15 * n, 5, 4, 3, 20.0, 20.0, 26.0, 3.0, 4.0) for n in range(120))
TOLD = Explanation(
    namespace="shop",
    name="fast",
    mode="External",
    queues=("shop", "mail"),
    bounds=Bounds(0, 8, 2),
    decision=Choice(2, "ModeExternal", "spec.replicas counts"),
    would=Choice(5, "Backlog", "46 tasks"),
    work=Work(46, 20, 0, 3, 26, 3.2, 4.1, 0.5),
    fleet=Fleet(5, 4, 3, 2.1),
    timeline=Timeline(15, SAMPLES, (Change(NOW - 130, 2, 5, "Backlog", "46 tasks"),)),
)


class Cluster(FakeKube):
    """`answer` is what the proxy gives."""

    answer: Explanation | ApiRefused = TOLD
    asked: str = ""

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        if "/proxy/" not in path:
            return await super().raw(method, path, query=query, body=body, content_type=content_type, accept=accept)
        self.asked = path
        if isinstance(self.answer, ApiRefused):
            raise self.answer
        return msgspec.json.encode(self.answer)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()

    async def connect() -> Kube:
        return cluster

    async def prepare() -> None:
        await cluster.create(WORKER_POOLS, "shop", POOL)
        await cluster.create(WORKER_POOLS, "shop", {**POOL, "metadata": {"name": "new"}})
        await cluster.replace_status(WORKER_POOLS, "shop", "fast", STATUS)
        await cluster.create(EVENTS, "shop", EVENT)
        other = {"metadata": {"name": "x"}, "involvedObject": {"kind": "WorkerPool", "name": "other"}}
        await cluster.create(EVENTS, "shop", {**EVENT, **other, "message": "of another pool"})

    monkeypatch.setattr(Kube, "connect", connect)
    monkeypatch.setattr(pool_commands, "time", SimpleNamespace(time=lambda: NOW))
    monkeypatch.setenv("COLUMNS", "100")
    asyncio.run(prepare())
    return cluster


def run(*words: str) -> Result:
    return CliRunner().invoke(program, ["pool", *words])


def explain(*words: str) -> str:
    result = run("explain", "fast", "-n", "shop", *words)
    assert result.exit_code == 0, result.exception
    return result.output


def test_a_pool_is_explained(cluster: Cluster) -> None:
    text = explain()
    assert cluster.asked == WAY
    for said in (
        "WorkerPool  shop/fast: 5 replicas wanted, 4 ready, 3 busy",
        "Why         Backlog, 2 min ago: 46 tasks, 10 for each replica",
        "Inputs      waiting 20, inFlight 26",
        "Bounds      autoscaling.minReplicas 0, .maxReplicas 8",
        "Mode        External: whoever writes /scale decides; spec.replicas is 2",
        "Conditions  ScalingLimited is True",
        "PodsCannotStart: exceeded quota",
        "Events      2 h ago, Normal ScaledOut: 2 → 5 replicas",
        "Queues      shop, mail",
        "20 waiting, the oldest for 3.2 s, 3 held by a pause or a limit; 26 in flight; 4.1 a second arrive, 0.5 s each",
        "Workers     start within 2.1 s",
        "Auto        would want 5: Backlog: 46 tasks",
        "2 to 5  Backlog: 46 tasks",
        "60 min ago",
        "█",
    ):
        assert said in text
    assert "of another pool" not in text
    assert "\x1b" not in text, "others' words don't command the terminal"
    assert max(len(line) for line in text.splitlines() if "│" in line) <= 100, "as wide as the terminal"


def test_the_charts_look_back_as_far_as_asked(cluster: Cluster) -> None:
    assert "10 min ago" in explain("--minutes", "10")
    assert run("explain", "fast", "--minutes", "61").exit_code == 2


def test_the_operator_may_be_elsewhere(cluster: Cluster) -> None:
    explain("--system-namespace", "ops", "--service", "x-operator")
    assert cluster.asked.startswith("/api/v1/namespaces/ops/services/x-operator:api/proxy/")


def test_for_machines(cluster: Cluster) -> None:
    told = json.loads(explain("--output", "json"))
    assert told["pool"]["spec"]["replicas"] == 2
    assert told["operator"]["work"]["inFlight"] == 26
    assert (told["missing"], told["events"][0]["reason"]) == (None, "ScaledOut")


@pytest.mark.parametrize(
    ("refusal", "remedy"),
    [
        (ApiRefused(403, "Forbidden", "no"), "create rolebinding pool-readers --role=penstock-signals-reader"),
        (ApiRefused(404, "NotFound", "services not found"), "--system-namespace and --service name another"),
        (ApiRefused(503, "ServiceUnavailable", "no endpoints"), "get pods -L penstock.dev/leader"),
        (ApiRefused(503, "NotLeading", "another one does"), "answers: another one does"),
        (ApiRefused(404, "NoSuchPool", "see watchNamespaces"), "see watchNamespaces"),
    ],
)
def test_without_the_operator_it_says_what_helps_and_shows_the_rest(
    cluster: Cluster, refusal: ApiRefused, remedy: str
) -> None:
    cluster.answer = refusal
    text = explain()
    [line] = [line for line in text.splitlines() if line.startswith("Operator")]
    assert remedy in line
    assert "Why         Backlog" in text
    assert json.loads(explain("-o", "json"))["operator"] is None


def test_events_that_may_not_be_read_are_left_out(cluster: Cluster) -> None:
    cluster.refuse = lambda _method, path: ApiRefused(403, "Forbidden", "no") if "events" in path else None
    assert "Events" not in explain()


def test_a_pool_that_is_not_there_is_named(cluster: Cluster) -> None:
    error = run("explain", "slow", "-n", "shop").exception
    assert isinstance(error, ConfigurationError)
    assert "no WorkerPool 'slow' in namespace 'shop'" in str(error)


def test_a_server_that_is_away_is_an_error(cluster: Cluster) -> None:
    cluster.refuse = lambda _method, _path: NotConnected("can't reach the API server")
    assert isinstance(run("explain", "fast").exception, NotConnected)


def test_all_pools_are_lines(cluster: Cluster) -> None:
    assert run("list", "-n", "shop").output.splitlines() == [
        "fast\tExternal\t4/5 ready\t3 busy\tBacklog: 46 tasks, 10 for each replica",
        "new\tExternal\t0/? ready\t0 busy\tnot looked at yet",
    ]


def test_before_the_first_look(cluster: Cluster) -> None:
    cluster.answer = msgspec.structs.replace(TOLD, decision=None, would=None, work=None, timeline=Timeline(15))
    result = run("explain", "new", "-n", "shop")
    for said in ("nothing decided yet", "unknown: the queues can't be read", "the operator has only begun to lead"):
        assert said in result.output


def test_a_terminal_without_utf8_gets_plain_ascii(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    program(["pool", "explain", "fast", "-n", "shop"], standalone_mode=False)
    output.seek(0)
    text = output.read()
    assert "####" in text
    assert "2 ? 5 replicas" in text


def test_a_narrow_terminal_still_gets_a_chart(cluster: Cluster) -> None:
    page = Page(width=10, minutes=60, ink=BLOCKS, now=NOW)
    body = {**POOL, "metadata": {"name": "fast", "namespace": "shop"}, "status": STATUS}
    assert any("█" in line for line in explained(Found(body, [], TOLD), page))
    assert replace(page, width=1000).width == 1000
