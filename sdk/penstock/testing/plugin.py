"""pytest's plugin: fixtures that every test has where Penstock is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from penstock.app import Penstock
from penstock.testing.inline import inline
from penstock.testing.sandbox import Sandbox, sandbox

__all__ = ["penstock_inline", "penstock_sandbox"]


@pytest.fixture
def penstock_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """`penstock_sandbox(app)` or `penstock_sandbox(app, eager=True)`: the app in a sandbox until the test has ended."""
    with ExitStack() as stack:

        def entered(app: Penstock, *, eager: bool = False) -> Sandbox:
            return stack.enter_context(sandbox(app, eager=eager))

        yield entered


@pytest.fixture
def penstock_inline() -> Iterator[Callable[..., None]]:
    """`penstock_inline(app)` or `penstock_inline(app, raise_errors=True)`: tasks run where they are enqueued until the
    test has ended."""
    with ExitStack() as stack:

        def entered(app: Penstock, *, raise_errors: bool = False) -> None:
            stack.enter_context(inline(app, raise_errors=raise_errors))

        yield entered
