"""Environment markers of Python requirements, for another Python than the one that runs."""

import operator
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local_cluster.errors import ClusterError

_TOKEN = re.compile(r"""\s*(?:(\(|\))|(===|==|!=|<=|>=|~=|<|>)|'([^']*)'|"([^"]*)"|([\w.]+))""")
_VERSION = re.compile(r"\d+(\.\d+)*(\.\*)?")
_Numbers = tuple[int, ...]
_ORDERS: Mapping[str, Callable[[_Numbers, _Numbers], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def environment_of(python: str) -> dict[str, str]:
    """The values of the markers for CPython of that version on Linux, on this processor."""
    return {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": platform.machine(),
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
        "extra": "",
    }


def holds(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether a marker such as `python_version < "3.12"` is true there."""
    reader = _Reader(_tokens(marker), environment)
    result = reader.either()
    if reader.tokens:
        raise ClusterError(f"can't read the marker {marker!r}: correct the requirements file")
    return result


@dataclass
class _Reader:
    """Reads a marker from left to right."""

    tokens: list[tuple[str, str]] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)

    def either(self) -> bool:
        result = self._both()
        while self._takes("or"):
            result = self._both() or result
        return result

    def _both(self) -> bool:
        result = self._one()
        while self._takes("and"):
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if not self._takes("("):
            return self._comparison()
        result = self.either()
        self._takes(")")
        return result

    def _comparison(self) -> bool:
        left = self._value()
        negated = self._takes("not")
        _, how = self._next()
        right = self._value()
        return _compare(left, how, right) is not negated

    def _value(self) -> str:
        kind, text = self._next()
        if kind == "text":
            return text
        if text not in self.environment:
            raise ClusterError(f"unknown marker {text!r}: correct the requirements file")
        return self.environment[text]

    def _takes(self, text: str) -> bool:
        taken = bool(self.tokens) and self.tokens[0] == ("word", text)
        if taken:
            self.tokens.pop(0)
        return taken

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise ClusterError("a marker ends too early: correct the requirements file")
        return self.tokens.pop(0)


def _tokens(marker: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(marker.rstrip()):
        match = _TOKEN.match(marker, position)
        if match is None:
            raise ClusterError(f"can't read the marker {marker!r}: correct the requirements file")
        bracket, sign, single, double, word = match.groups()
        quoted = single if single is not None else double
        found.append(("text", quoted) if quoted is not None else ("word", bracket or sign or word))
        position = match.end()
    return found


def _compare(left: str, how: str, right: str) -> bool:
    if how == "in":
        return left in right
    if _VERSION.fullmatch(left) and _VERSION.fullmatch(right):
        return _compare_versions(left, how, right)
    if how not in ("==", "===", "!="):
        raise ClusterError(f"can't tell whether {left!r} {how} {right!r}: correct the requirements file")
    return (left == right) is (how != "!=")


def _compare_versions(left: str, how: str, right: str) -> bool:
    if how == "===":
        return left == right
    if how == "~=":
        family = f"{right.rpartition('.')[0]}.*"
        return _release(left) >= _release(right) and _compare_versions(left, "==", family)
    if right.endswith(".*"):
        wanted = right.removesuffix(".*").split(".")
        return (left.split(".")[: len(wanted)] == wanted) is (how == "==")
    return _ORDERS[how](_release(left), _release(right))


def _release(version: str) -> tuple[int, ...]:
    """The numbers, without zeros at the end: 3.11 and 3.11.0 are one version."""
    numbers = [int(number) for number in version.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
