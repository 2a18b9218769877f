from __future__ import annotations

from typing import Annotated

import pytest

from penstock.remembered import by_annotation


def test_an_annotation_is_looked_into_once_where_it_can_be_hashed() -> None:
    seen: list[object] = []

    @by_annotation
    def found(annotation: object) -> int:
        seen.append(annotation)
        return len(seen)

    unhashable = Annotated[int, []]
    assert [found(list[int]), found(list[int]), found(unhashable), found(unhashable)] == [1, 1, 2, 3]


def test_an_error_is_the_functions_own() -> None:
    @by_annotation
    def refused(annotation: object) -> None:
        raise LookupError(annotation)

    with pytest.raises(LookupError):
        refused(int)
