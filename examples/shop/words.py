"""What can be counted in a text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

__all__ = ["WordCount", "WordStatistics"]

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")  # don't and lower-case are one word each
READING_SPEED = 230  # words a minute, for English prose


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """The outcome for one topic. Words are counted without regard to case."""

    topic: str
    words: int
    distinct_words: int
    top_words: list[tuple[str, int]]
    longest_word: str
    reading_seconds: int


class WordCount:
    """Counts a text piece by piece, so that whoever feeds it can pause and report in between."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Count the words of one more piece."""
        self._counts.update(word.lower() for word in _WORD.findall(text))

    def statistics(self, topic: str, top: int = 10) -> WordStatistics:
        """What was found so far, with the `top` most frequent words; equals in alphabetical order."""
        words = self._counts.total()
        ranking = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        longest = min(self._counts, key=lambda word: (-len(word), word), default="")
        return WordStatistics(
            topic, words, len(self._counts), ranking[:top], longest, round(60 * words / READING_SPEED)
        )
