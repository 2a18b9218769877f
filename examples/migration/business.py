"""What the shop does. It knows no task queue, so nothing in it changes when the queue does."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Bank", "Letter", "Picture", "bank", "counted", "deliver", "recount", "sent", "shrink"]

Picture = list[list[int]]  # rows of grey values


@dataclass(frozen=True)
class Letter:
    """What a customer gets."""

    to: str
    subject: str


@dataclass
class Bank:
    """Stands for a payment provider; it is away for the next `away` charges."""

    away: int = 0
    charged: list[int] = field(default_factory=list)

    def charge(self, order: int) -> str:
        """Take the money; the receipt."""
        if self.away:
            self.away -= 1
            raise ConnectionError("the bank is away")
        self.charged.append(order)
        return f"receipt {order}"


bank = Bank()
sent: list[Letter] = []  # stands for a mail server
counted: list[str] = []  # stands for a warehouse


def deliver(letter: Letter) -> None:
    """Send it."""
    sent.append(letter)


def recount(article: str) -> None:
    """Count what is left of it."""
    counted.append(article)


def shrink(picture: Picture, factor: int) -> Picture:
    """Make one pixel of each square of `factor` by `factor`, their mean: all CPU, no waiting."""
    rows, columns = len(picture) // factor, len(picture[0]) // factor
    return [[_mean(picture, factor, row, column) for column in range(columns)] for row in range(rows)]


def _mean(picture: Picture, factor: int, row: int, column: int) -> int:
    lines = picture[row * factor : (row + 1) * factor]
    return sum(sum(line[column * factor : (column + 1) * factor]) for line in lines) // factor**2
