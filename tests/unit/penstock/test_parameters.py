from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends as FastAPIDepends
from fastapi import Header, Request

from penstock import ConfigurationError, Depends, TaskContext
from penstock.parameters import Need, parameters, provider


def settings() -> dict[str, str]:
    return {}


async def connection(config: dict[str, str] = Depends(settings)) -> AsyncIterator[str]:
    yield "connected"


def cursor(line: Annotated[str, Depends(connection)], context: TaskContext) -> Iterator[str]:
    yield line


class Mailer:
    def __init__(self, line: str = Depends(connection)) -> None: ...


class Callback:
    async def __call__(self) -> int:
        return 1


def test_only_what_is_submitted_shows_to_submitters() -> None:
    async def send(
        user: int, mailer: Mailer = Depends(Mailer), *, copy: bool = False, context: TaskContext = TaskContext()
    ) -> None: ...

    found = parameters(send)
    assert list(found.submitted.parameters) == ["user", "copy"]
    assert [need.name for need in found.needs] == ["mailer", "context"]
    assert found.needs[1] == Need("context")


def test_dependencies_have_dependencies() -> None:
    found = provider(cursor)
    [line, context] = found.needs
    assert (line.name, context) == ("line", Need("context"))
    assert line.provider is not None
    assert line.provider.function is connection
    assert [need.name for need in line.provider.needs] == ["config"]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (settings, "value"),
        (Mailer, "value"),
        (lambda: 1, "value"),
        (Callback(), "coroutine"),
        (cursor, "generator"),
        (connection, "async generator"),
    ],
)
def test_a_provider_is_called_by_its_kind(function: Callable[..., Any], kind: str) -> None:
    assert provider(function).kind == kind


def one(other: int = Depends(lambda: 1)) -> int:
    return other


def test_what_nobody_fills_is_named_with_the_way_to_it() -> None:
    def sends(address: str) -> str:
        return address

    def task(sent: str = Depends(sends)) -> None: ...

    with pytest.raises(ConfigurationError, match=r"task → .*sends: its parameter 'address' is filled by nobody; give"):
        parameters(task)


def test_a_circle_is_told() -> None:
    def egg(hen: Any = None) -> Any: ...

    def hen(egg: Any = Depends(egg)) -> Any: ...

    egg.__defaults__ = (Depends(hen),)
    with pytest.raises(ConfigurationError, match=r"egg → .*hen → .*egg: a dependency needs itself; break the circle"):
        provider(egg)


def test_fastapis_own_depends_is_understood() -> None:
    def endpoints(line: Annotated[str, FastAPIDepends(connection, use_cache=False)], mailer: Mailer = FastAPIDepends()):  # type: ignore[no-untyped-def]  # noqa: B008
        ...

    line, mailer = parameters(endpoints).needs
    assert line.provider is not None
    assert mailer.provider is not None
    assert (line.provider.function, line.provider.cached) == (connection, False)
    assert mailer.provider.function is Mailer


def user_of(request: Request) -> str:
    return str(request.url)


def token_of(token: str = Header()) -> str:
    return token


@pytest.mark.parametrize(("function", "name"), [(user_of, "request"), (token_of, "token")])
def test_what_needs_a_web_request_says_so(function: Callable[..., str], name: str) -> None:
    def task(user: str = FastAPIDepends(function)) -> None: ...

    with pytest.raises(
        ConfigurationError, match=rf"its parameter '{name}' comes from a web request, which a task hasn't; hand"
    ):
        parameters(task)
