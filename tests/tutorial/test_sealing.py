"""A codec of one's own between the app and the broker."""

from __future__ import annotations

import pytest

from penstock import ConfigurationError, Penstock, Phase, TaskContext, TaskFailed, each, group, previous
from penstock.testing import Sandbox, sandbox


class Turned:
    """No cipher: it turns the bytes round, which is enough to see that they were."""

    name = "turned"

    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes) -> bytes:
        return data[::-1]


class Notes:
    """An app whose tasks are given what nobody else may read."""

    def __init__(self) -> None:
        self.app = Penstock("notes", url="memory://", codec=Turned())

        @self.app.task(max_attempts=2)
        async def keep(text: str, context: TaskContext = TaskContext()) -> str:
            if context.saved is None:
                await context.checkpoint("half")
                raise ValueError("once more")
            return f"{text} {context.saved}"

        @self.app.task
        async def words(text: str) -> list[str]:
            return text.split()

        @self.app.task(max_attempts=1)
        async def length(word: str) -> int:
            if word == "half":
                raise ValueError("no half measures")
            return len(word)

        self.keep, self.words, self.length = keep, words, length


@pytest.fixture
def notes() -> Notes:
    return Notes()


async def stored(box: Sandbox, id: str) -> str:
    """All that the broker knows of a task."""
    broker = box.app.broker()
    return repr(vars(broker)["_memory"].tasks.get(id)) + repr(vars(broker)["_memory"].outcome(id))


async def test_the_broker_sees_neither_arguments_nor_results(notes: Notes) -> None:
    with sandbox(notes.app) as box:
        handle = await notes.keep.enqueue("secret")
        assert "secret" not in await stored(box, handle.id)
        await box.drain()
        assert "secret" not in await stored(box, handle.id)
        assert await handle.result() == "secret half"


async def test_flows_are_sealed_all_the_way(notes: Notes) -> None:
    with sandbox(notes.app) as box:
        handle = await (notes.words.s("a secret half") | each(notes.length).or_none()).enqueue()
        both = await group(notes.words.s("b c"), notes.words.s("d")).enqueue()
        none = await (notes.length.map([]) | notes.keep.s("nothing") | notes.words.s(previous)).enqueue()
        await box.drain()
        assert await handle.result() == [1, 6, None]
        assert await both.result() == [["b", "c"], ["d"]]
        assert await none.result() == ["nothing", "half"]


async def test_who_has_another_codec_leaves_the_task_for_others(notes: Notes) -> None:
    with sandbox(notes.app) as box:
        handle = await notes.words.enqueue("a b")
        codec, box.app.extensions.codec = box.app.extensions.codec, None
        await box.drain()
        assert (await handle.status()).phase is Phase.QUEUED
        assert (await box.app.queue().depth()).parked == 1
        box.app.extensions.codec = codec
        await box.app.broker().unpark("notes", [handle.id])
        await box.drain()
        assert await handle.result() == ["a", "b"]


async def test_what_cannot_be_opened_is_a_dead_letter(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Turned, data: bytes) -> bytes:
        raise ValueError("another key")

    with sandbox(notes.app) as box:
        handle = await notes.words.enqueue("a b")
        monkeypatch.setattr(Turned, "decode", refuse)
        await box.drain()
        with pytest.raises(TaskFailed, match="can't be opened by the codec 'turned': another key"):
            await handle.result()


async def test_steps_of_a_flow_have_one_codec(notes: Notes) -> None:
    plain = Penstock("plain", url="memory://")

    @plain.task
    async def shout(words: list[str]) -> str:
        return "!".join(words)

    with pytest.raises(ConfigurationError, match=r"plain\.shout: its app has another codec"):
        await (notes.words.s("a b") | shout).enqueue()
