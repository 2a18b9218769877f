"""A task's arguments: they must fit its signature and its annotations, here when it is submitted, and become what the
annotations say on the worker."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack, get_args, get_origin

from penstock import codec
from penstock.errors import BadArgument, ConfigurationError
from penstock.fit import Fit, fit
from penstock.parameters import Parameters
from penstock.previous import previous

__all__ = ["Arguments", "Values"]

log = logging.getLogger("penstock")
Values = tuple[Sequence[Any], dict[str, Any]]
Apply = Callable[[Fit, object], object]
SHAPE_LENGTH = 8


@dataclass(frozen=True)
class Arguments:
    """Those that one task takes."""

    task: str
    parameters: Parameters

    def check(self, args: Sequence[object], kwargs: dict[str, Any]) -> None:
        """Raise the TypeError that the call itself would, or a BadArgument, before anything is sent."""
        if args or kwargs or 0 not in self._simple:
            self._fitted(args, kwargs, _checked)

    def converted(self, payload: bytes) -> Values:
        """What was submitted, as the annotations want it. Raises TypeError or BadArgument."""
        if payload == codec.NO_ARGUMENTS and 0 in self._simple:
            return (), {}
        return self._fitted(*codec.decode_call(payload), Fit.converted)

    def encoded(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
        """As they travel. Raises BadArgument for what can't be JSON."""
        try:
            return codec.encode_call(args, kwargs)
        except ConfigurationError as error:
            raise self._unsendable(args, kwargs) or BadArgument(f"{self.task}: {error}") from error

    def _unsendable(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> BadArgument | None:
        for name, value in self._bound(args, dict(kwargs)).arguments.items():
            try:
                codec.encode_value(value)
            except ConfigurationError as error:
                return BadArgument(f"{self.task}: {name}: {error}")
        return None

    def with_injected(self, values: Values, injected: dict[str, Any]) -> Values:
        """What to call the function with: submitted values, and those of the parameters that nobody submits."""
        given = self._bound(*values).arguments | injected
        ordered = OrderedDict((name, given[name]) for name in self.parameters.whole.parameters if name in given)
        whole = inspect.BoundArguments(self.parameters.whole, ordered)
        return whole.args, whole.kwargs

    @cached_property
    def shape(self) -> str:
        """A mark of the signature that submitters see: tells arguments that are for another version of it."""
        return hashlib.sha256(str(self.parameters.submitted).encode()).hexdigest()[:SHAPE_LENGTH]

    @cached_property
    def _places(self) -> list[tuple[str, Fit]]:
        """Each parameter and how its values are checked."""
        return [(name, self._fit(name)) for name in self.parameters.submitted.parameters]

    @cached_property
    def _rules(self) -> Mapping[str, Fit]:
        return dict(self._places)

    def _fit(self, name: str) -> Fit:
        if (unknown := self.parameters.unknown.get(name)) is None:
            return fit(self._unpacked.get(name) or self.parameters.types.get(name))
        remedy = (
            f"its annotation {unknown!r} can't be resolved; import or define that at the top level of the module, and "
            "not under TYPE_CHECKING"
        )
        log.warning("%s: %s: %s. Its values are taken as they come, as plain JSON", self.task, name, remedy)
        return Fit(unusable=remedy)

    @cached_property
    def _unpacked(self) -> Mapping[str, Any]:
        """By the name of a `**options: Unpack[Fields]`, if there is one: the TypedDict that all of them make."""
        types = self.parameters.types.items()
        return {name: get_args(kind)[0] for name, kind in types if get_origin(kind) is Unpack}

    @cached_property
    def _simple(self) -> range:
        """How many values may be given by position alone; none where the signature has other kinds of parameters."""
        declared = self.parameters.submitted.parameters.values()
        if any(parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in declared):
            return range(0)
        return range(sum(parameter.default is parameter.empty for parameter in declared), len(declared) + 1)

    @cached_property
    def _named(self) -> Sequence[tuple[frozenset[str], frozenset[str]]]:
        """By how many values are given by position: the names that must be given besides, and those that may. Nothing
        where the signature has other kinds of parameters."""
        names = [name for name, _ in self._places]
        needed = names[: self._simple.start]
        return [(frozenset(needed[count:]), frozenset(names[count:])) for count in range(self._simple.stop)]

    def _is_usual(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
        """Whether it certainly fits the signature. Others are bound to it, which costs more than all the rest."""
        if not kwargs:
            return len(args) in self._simple
        if len(args) >= len(self._named):
            return False
        needed, known = self._named[len(args)]
        return needed <= kwargs.keys() <= known

    def _fitted(self, args: Sequence[Any], kwargs: dict[str, Any], apply: Apply) -> Values:
        if self._is_usual(args, kwargs):
            pairs, rules = zip(self._places, args, strict=False), self._rules
            given = [self._one(name, rule, value, apply) for (name, rule), value in pairs]
            return given, {name: self._one(name, rules[name], value, apply) for name, value in kwargs.items()}
        bound = self._bound(args, kwargs)
        for name, fields in self._unpacked.items():
            given = bound.arguments.setdefault(name, {})
            if unknown := given.keys() - fields.__required_keys__ - fields.__optional_keys__:
                raise BadArgument(f"{self.task}: {name}: {fields.__name__} has no field {min(unknown)!r}")
        for name, value in bound.arguments.items():
            bound.arguments[name] = self._all(name, self._rules[name], value, apply)
        return bound.args, bound.kwargs

    def _bound(self, args: Sequence[Any], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        try:
            return self.parameters.submitted.bind(*args, **kwargs)
        except TypeError as error:
            raise BadArgument(f"{self.task}{self.parameters.submitted}: {error}") from None

    def _all(self, name: str, rule: Fit, value: Any, apply: Apply) -> object:
        """One value, or those of a parameter that takes many."""
        match self.parameters.submitted.parameters[name].kind:
            case inspect.Parameter.VAR_POSITIONAL:
                return tuple(self._one(name, rule, one, apply) for one in value)
            case inspect.Parameter.VAR_KEYWORD if name not in self._unpacked:
                return {key: self._one(key, rule, one, apply) for key, one in value.items()}
        return self._one(name, rule, value, apply)

    def _one(self, name: str, rule: Fit, value: object, apply: Apply) -> object:
        if value is previous:
            return value
        try:
            return apply(rule, value)
        except Exception as error:  # pydantic's own, or whatever a validator of the annotation's raises
            raise BadArgument(f"{self.task}: {name}: {codec.complaint(error)}") from error


def _checked(rule: Fit, value: object) -> object:
    """The value itself, which is sent as it is."""
    rule.check(value)
    return value
