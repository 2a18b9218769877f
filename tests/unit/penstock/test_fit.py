"""What arrives is what was sent, or it is refused when it is sent: the table of docs/sdk.md, "What travels"."""

from __future__ import annotations

import enum
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    PrivateAttr,
    SecretBytes,
    SecretStr,
    SerializeAsAny,
    computed_field,
    field_serializer,
    field_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from penstock import BadArgument, ConfigurationError, codec
from penstock.arguments import Arguments
from penstock.culprit import MAX_DEPTH
from penstock.parameters import parameters

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")


class Bag(BaseModel):
    items: Iterable[int]


class Event(BaseModel):
    at: datetime


def moment(value: Any) -> tuple[str, timedelta | None]:
    """In an hour that the clock shows twice, or never, a time equals none of another zone (PEP 495)."""
    at: datetime = value.at if isinstance(value, Event) else value
    return f"{at:%c}", at.utcoffset()


class Animal(BaseModel):
    name: str


class Dog(Animal):
    barks: bool


class Cat(Animal):
    kind: Literal["cat"] = "cat"


class Bird(BaseModel):
    kind: Literal["bird"] = "bird"
    wings: int = 2


class Owner(BaseModel):
    pet: Animal


class KindOwner(BaseModel):
    pet: SerializeAsAny[Animal]


class Login(BaseModel):
    user: str
    password: SecretStr


class Shown(BaseModel):
    """A secret that its model writes as it is."""

    token: SecretStr

    @field_serializer("token", when_used="json")
    def written(self, token: SecretStr) -> str:
        return token.get_secret_value()


class Account(BaseModel):
    user: str
    token: str = Field("none", exclude=True)


class Aliased(BaseModel):
    number: int = Field(alias="Number")


class Crossed(BaseModel):
    number: int = Field(validation_alias="read", serialization_alias="written")


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def area(self) -> int:
        return self.width**2


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 1


class Cached(BaseModel):
    number: int
    _made: datetime = PrivateAttr(default_factory=lambda: datetime.now(UTC))


class Doubling(BaseModel):
    """Its validator isn't made to see what it has made."""

    number: int

    @field_validator("number")
    @classmethod
    def doubled(cls, number: int) -> int:
        return 2 * number


class Numbered(BaseModel):
    name: str
    id: UUID = Field(default_factory=uuid.uuid4)


class Box(BaseModel, Generic[T]):
    content: T


class Holder(BaseModel):
    anything: Any = None


class Text(BaseModel):
    data: bytes


class Bytes(Text):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Parsed(BaseModel):
    numbers: Json[list[int]]


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Size(enum.StrEnum):
    SMALL = "small"


class Point(NamedTuple):
    x: int
    y: Decimal


class Row(TypedDict):
    when: datetime
    data: bytes


@dataclass
class Item:
    sku: str
    data: bytes = b""


@dataclass
class Special(Item):
    note: str = ""


@dataclass
class Order:
    items: list[Item] = field(default_factory=list)


@pydantic_dataclass
class Priced:
    price: Decimal
    hidden: int = Field(1, exclude=True)


class Packed(msgspec.Struct):
    number: int


UNRESOLVED = "Fraction"  # an annotation


class Opaque:
    """Nothing that pydantic or JSON know."""


def task_of(annotation: Any) -> Arguments:
    def f(value): ...  # type: ignore[no-untyped-def]

    if annotation is not None:
        f.__annotations__["value"] = annotation
    return Arguments("shop.f", parameters(f))


def sent(value: object, annotation: Any = None) -> Any:
    """What arrives."""
    arguments = task_of(annotation)
    arguments.check((value,), {})
    [arrived], _ = arguments.converted(arguments.encoded((value,), {}))
    return arrived


def refused(value: object, annotation: Any = None) -> str:
    with pytest.raises(BadArgument, match=r"^shop\.f: value: ") as refusal:
        sent(value, annotation)
    return str(refusal.value)


NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (datetime, NOON),
        (date, date(2027, 1, 1)),
        (time, time(1, 2, 3)),
        (timedelta, timedelta(days=-1, microseconds=3)),
        (Decimal, Decimal("1.10")),
        (UUID, UUID(int=7)),
        (Path, Path("a/b")),
        (bytes, b"\x00\xff"),
        (Colour, Colour.RED),
        (Size, Size.SMALL),
        (complex, 1 + 2j),
        (int, 2**200),
        (float, -0.0),
        (tuple, (1, "a")),
        (tuple[int, ...], (1, 2)),
        (set, {1, 2}),
        (set[UUID], {UUID(int=1)}),
        (frozenset[str], frozenset("ab")),
        (dict[int, str], {1: "a"}),
        (dict[Colour, int], {Colour.BLUE: 1}),
        (dict[UUID, list[date]], {UUID(int=1): [date(2027, 1, 1)]}),
        (Point, Point(1, Decimal("0.5"))),
        (Row, {"when": NOON, "data": b"\xff"}),
        (Item, Item("a", b"\xff")),
        (Item | None, Item("a", b"abc")),
        (Order, Order([Item("a", b"\xff")])),
        (Priced, Priced(Decimal("0.1"), hidden=1)),
        (Priced, Priced(Decimal("0.1"), hidden=5)),
        (Animal, Animal(name="a")),
        (Dog, Dog(name="a", barks=True)),
        (Dog | Cat, Cat(name="a")),
        (Annotated[Cat | Bird, Field(discriminator="kind")], Bird(wings=4)),
        (list[Dog | Animal], [Dog(name="a", barks=True), Animal(name="b")]),
        (Owner, Owner(pet=Animal(name="a"))),
        (Aliased, Aliased(Number=3)),
        (Computed, Computed(width=3)),
        (Open, Open.model_validate({"known": 2, "more": [1]})),
        (Numbered, Numbered(name="a")),
        (Box[int], Box[int](content=1)),
        (Box[Item], Box[Item](content=Item("a", b"abc"))),
        (Holder, Holder(anything={"a": [1, None]})),
        (Text, Text(data=b"abc")),
        (Bytes, Bytes(data=b"\xff")),
        (Parsed, Parsed(numbers="[1,2]")),
        (Shown, Shown(token=SecretStr("abc"))),
        (Account, Account(user="a")),
        (Sequence[int], [1, 2]),
        (Annotated[int, BeforeValidator(lambda value: value)], 3),
        (Literal["a", 1], "a"),
        (bytes | str, b"Order123"),
        (bytes | str, "not base64"),
        (list[str] | bytes, ["Order123"]),
        *((datetime, datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin"))) for fold in (0, 1)),
        (datetime, datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))),
        (Event, Event(at=datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")))),
    ],
)
def test_with_an_annotation_it_arrives_as_it_was_sent(annotation: Any, value: object) -> None:
    arrived = sent(value, annotation)
    assert type(arrived) is type(value)
    assert arrived == value or [moment(arrived)] == [moment(value)]


@pytest.mark.parametrize(
    ("annotation", "value", "becomes"),
    [
        (Animal, {"name": "a"}, Animal(name="a")),
        (datetime, "2027-01-01T12:00:00Z", NOON),
        (Decimal, 1.5, Decimal("1.5")),
        (float, Decimal("1.5"), 1.5),
        (list[int], (1, 2), [1, 2]),
        (set[int], [1, 1], {1}),
        (str, Size.SMALL, "small"),
        (SecretStr, "abc", SecretStr("abc")),
        (Login, {"user": "a", "password": "b"}, Login(user="a", password=SecretStr("b"))),
        (Doubling, {"number": 2}, Doubling(number=2)),
        (Order, {"items": [{"sku": "a"}]}, Order([Item("a")])),
        (Annotated[int, AfterValidator(lambda number: number + 1)], 1, 2),
    ],
)
def test_what_else_the_annotation_takes_becomes_what_it_says_once(annotation: Any, value: object, becomes: Any) -> None:
    arrived = sent(value, annotation)
    assert (type(arrived), arrived) == (type(becomes), becomes)


def test_a_default_that_differs_each_time_is_made_where_it_arrives() -> None:
    assert sent({"name": "a"}, Numbered).name == "a"
    assert [one.name for one in sent([{"name": "a"}, {"name": "b"}], list[Numbered])] == ["a", "b"]


def test_private_attributes_do_not_travel() -> None:
    model = Cached(number=1)
    model._made = NOON
    arrived = sent(model, Cached)
    assert arrived.number == 1
    assert arrived._made != NOON


@pytest.mark.parametrize(
    ("annotation", "value", "complaint"),
    [
        (SecretStr, SecretStr("abc"), "a secret would arrive as asterisks"),
        (SecretBytes, SecretBytes(b"abc"), "a secret would arrive as asterisks"),
        (Login, Login(user="a", password=SecretStr("b")), "password: a secret would arrive as asterisks"),
        (list[Login], [Login(user="a", password=SecretStr("b"))], "0: password: a secret would arrive as asterisks"),
        (Account, Account(user="a", token="hidden"), r"token: it is declared with Field(exclude=True) and isn't sent"),
        (Animal, Dog(name="a", barks=True), "a Dog would arrive as a Animal, without what only a Dog has"),
        (list[Animal], [Dog(name="a", barks=True)], "0: a Dog would arrive as a Animal"),
        (Owner, Owner(pet=Dog(name="a", barks=True)), "pet: a Dog would arrive as a Animal"),
        (KindOwner, KindOwner(pet=Dog(name="a", barks=True)), "pet: a Dog would arrive as a Animal"),
        (Item, Special("a", note="b"), "a Special would arrive as a Item"),
        (Order, Order([Special("a", note="b")]), "items: 0: a Special would arrive as a Item"),
        (str | datetime, NOON, "a datetime would arrive as a str"),
        (list[int] | tuple[int, ...], (1, 2), "a tuple would arrive as a list"),
        (list[int], iter([1]), "an iterator can be read only once"),
        (Iterable[int], iter([1]), "an iterator can be read only once"),
        (Bag, Bag(items=iter([1])), "an iterator can be read only once"),
        (list[list[int]], [iter([1])], "an iterator can be read only once"),
        (Literal[Colour.RED], Colour.RED, "couldn't be read back from its JSON"),
        (Literal[b"a"], b"a", "couldn't be read back from its JSON"),
        (bytes | str, "Order123", "a text in it would be read as the base64 of bytes"),
        (list[bytes | str | None], ["Order123"], "a text in it would be read as the base64 of bytes"),
        (
            datetime,
            datetime(1890, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
            "a datetime would arrive with other contents",
        ),
        (Crossed, Crossed(read=3), "couldn't be read back from its JSON"),
        (Doubling, Doubling(number=2), "number: a int would arrive with other contents"),
        (Text, Text(data=b"\xff"), 'bytes that are no UTF-8; give the model ConfigDict(ser_json_bytes="base64"'),
        (Packed, Packed(1), "only plain JSON can: pydantic can't use the annotation"),
        (Opaque, Opaque(), "a value of type Opaque can't travel as JSON"),
        (float, float("nan"), "NaN or an infinity, which JSON can't say"),
        (Holder, Holder(anything=Login(user="a", password=SecretStr("b"))), "asterisks"),
        (dict[str, Any], {"login": [Login(user="a", password=SecretStr("b"))]}, "asterisks"),
        (dict[str, Any], {"a": {"b": SecretStr("b")}}, "a: b: a secret would arrive as asterisks"),
    ],
)
def test_what_would_arrive_otherwise_is_refused_by_name(annotation: Any, value: object, complaint: str) -> None:
    message = refused(value, annotation)
    assert complaint in message
    assert "hidden" not in message


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ((1, (2,)), [1, [2]]),
        ({1}, [1]),
        (NOON, "2027-01-01T12:00:00Z"),
        (timedelta(seconds=90), "PT90S"),
        (UUID(int=1), str(UUID(int=1))),
        (Decimal("1.10"), "1.10"),
        (Colour.BLUE, "blue"),
        (Path("a"), "a"),
        (b"abc", "YWJj"),
        ({1: "a"}, {"1": "a"}),
        (Item("a"), {"sku": "a", "data": ""}),
        (Dog(name="a", barks=True), {"name": "a", "barks": True}),
        (Packed(1), {"number": 1}),
        (Computed(width=2), {"width": 2}),
    ],
)
@pytest.mark.parametrize("annotation", [None, Any, object])
def test_without_an_annotation_it_arrives_as_its_json(value: object, arrives: object, annotation: Any) -> None:
    arrived = sent(value, annotation)
    assert (type(arrived), arrived) == (type(arrives), arrives)
    assert sent({"a": [value]}, dict[str, Any]) == {"a": [arrives]}


def contains_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append({"again": value})
    return value


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (SecretStr("a"), "a secret would arrive as asterisks; send the name"),
        (Login(user="a", password=SecretStr("b")), "password: a secret would arrive as asterisks"),
        (Account(user="a", token="b"), "token: it is declared with Field(exclude=True)"),
        (Owner(pet=Dog(name="a", barks=True)), "pet: a Dog would arrive as a Animal"),
        ({"a": [float("inf")]}, "a: 0: it holds NaN or an infinity, which JSON can't say; send None"),
        (object(), "Unable to serialize unknown type"),
        ({"deep": [object()]}, "deep: 0: Unable to serialize unknown type"),
        ("\udcff", "surrogates"),
        ({(1, 2): 1}, "the key (1, 2) of a dict: JSON's keys are text; use str or int, or a list of pairs"),
        ({"a": {None: 1}}, "a: the key None of a dict"),
        ({True: 1}, "the key True of a dict"),
        (map(str, [1]), "an iterator can be read only once"),
        ({"a": [iter([1])]}, "an iterator can be read only once"),
        ({1: "a", "1": "b"}, "the keys 1 and '1' of a dict are one in JSON"),
        ([{"a": ({date(2027, 1, 1): 1, "2027-01-01": 2},)}], "'2027-01-01' of a dict are one in JSON"),
        (contains_itself(), "1: again: it contains itself"),
        (nested(MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
        (nested(1100), f"nested deeper than {MAX_DEPTH} levels"),
        pytest.param(10**5000, "4300", id="huge"),
    ],
)
@pytest.mark.parametrize("annotation", [None, Any, list[Any] | Any])
def test_what_has_no_json_is_refused_by_name(value: object, complaint: str, annotation: Any) -> None:
    assert complaint in refused(value, annotation)


@pytest.mark.parametrize("around", ["[", '"[', "]\\"])
def test_as_deep_as_may_be_arrives_and_brackets_in_text_do_not_count(around: str) -> None:
    deep = nested(MAX_DEPTH)
    assert sent(deep) == deep
    assert sent(deep, list[Any]) == deep
    many = [[around * 200]] * 200
    assert sent(many) == many


class Incomplete(BaseModel):
    share: Fraction


def half_known(a: Fraction, b: int = 1) -> None: ...


def test_an_annotation_that_cannot_be_resolved_takes_plain_json_only(caplog: pytest.LogCaptureFixture) -> None:
    arguments = Arguments("shop.f", parameters(half_known))
    for plain in (1, "a", [1, None], {"a": 0.5}):
        arguments.check((plain,), {})
    for odd in (Animal(name="a"), (1, 2), NOON):
        with pytest.raises(
            BadArgument, match=r"shop\.f: a: a \w+ can't be sent here.*'Fraction' can't be resolved.*TYPE_"
        ):
            arguments.check((odd,), {})
    [told] = [record.getMessage() for record in caplog.records]
    assert "shop.f: a: its annotation 'Fraction' can't be resolved; import or define that" in told


def test_a_model_that_is_not_complete_is_refused_by_name() -> None:
    assert "is not fully defined" in refused({"share": 1}, Incomplete)


def test_classes_of_the_function_around_are_found() -> None:
    class Local(BaseModel):
        number: int

    def f(value: Local) -> Local:
        return Local(number=value.number)

    arguments = Arguments("shop.f", parameters(f))
    arguments.check((Local(number=1),), {})
    assert arguments.converted(b'[[{"number":2}],{}]')[0] == [Local(number=2)]


def test_each_kind_of_parameter_is_named() -> None:
    def f(first: Any, *rest: Any, **named: Any) -> None: ...

    arguments = Arguments("shop.f", parameters(f))
    with pytest.raises(BadArgument, match=r"shop\.f: rest: .*NaN"):
        arguments.encoded((1, float("nan")), {})
    with pytest.raises(BadArgument, match=r"shop\.f: named: .*x: it holds NaN"):
        arguments.encoded((1,), {"x": float("nan")})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4),
    max_leaves=20,
)
items = st.builds(Item, texts, st.binary(max_size=5))
dogs = st.builds(Dog, name=texts, barks=st.booleans())
moments = st.datetimes(timezones=st.just(UTC))
TYPED: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (list[Item], st.lists(items, max_size=3)),
    (dict[str, Dog | Cat], st.dictionaries(texts, dogs | st.builds(Cat, name=texts), max_size=3)),
    (tuple[datetime, UUID, bytes], st.tuples(moments, st.uuids(), st.binary(max_size=9))),
    (set[Decimal], st.sets(st.decimals(allow_nan=False, allow_infinity=False), max_size=3)),
    (
        Box[dict[int, frozenset[date]]],
        st.builds(Box, content=st.dictionaries(st.integers(), st.frozensets(st.dates()))),
    ),
    (timedelta | None, st.none() | st.timedeltas()),
    (Open, st.builds(lambda more: Open.model_validate({"more": more}), plain)),
    (dict[str, Any], st.dictionaries(texts, plain, max_size=3)),
]


@given(plain)
def test_any_json_arrives_as_it_was_sent(value: object) -> None:
    assert repr(sent(value)) == repr(value)


@given(st.sampled_from(TYPED).flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1])))
def test_whatever_fits_its_annotation_arrives_as_it_was_sent_or_is_refused(pair: tuple[Any, Any]) -> None:
    annotation, value = pair
    try:
        arrived = sent(value, annotation)
    except BadArgument:
        return
    if isinstance(value, BaseModel):
        value = type(arrived).model_validate(value.model_dump())
    assert (type(arrived), arrived) == (type(value), value)


def test_results_are_refused_alike() -> None:
    with pytest.raises(ConfigurationError, match="a secret would arrive as asterisks"):
        codec.encode_value({"a": [SecretStr("a")]})


def rows() -> list[tuple[str, str, str]]:
    """Those of the table in docs/sdk.md that begin with an expression."""
    page = (Path(__file__).parents[3] / "docs/sdk.md").read_text()
    table = page.split("### What travels")[1].split("\n- ")[0].replace("\\|", "¦")
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return [(sent, annotation.replace("¦", "|"), arrives) for sent, annotation, arrives in lines if "`, `" not in sent]


def expression(cell: str) -> Any:
    found = re.match(r"`(.*?)`", cell)
    assert found, cell
    return eval(found[1], globals())  # the documentation's own


@pytest.mark.parametrize(("value", "annotation", "arrives"), rows())
def test_the_table_in_the_docs_is_true(value: str, annotation: str, arrives: str) -> None:
    if "resolved" in annotation:
        kinds: list[Any] = [UNRESOLVED]
    else:
        every = [None, Any, type(expression(value))] if annotation == "any" else None
        kinds = every or ([None, Any] if annotation.startswith("none") else [expression(annotation)])
    for kind in kinds:
        if arrives.startswith("refused"):
            refused(expression(value), kind)
        else:
            wanted, arrived = expression(arrives), sent(expression(value), kind)
            assert (type(arrived), arrived) == (type(wanted), wanted)
