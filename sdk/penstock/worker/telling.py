"""What the app's hooks hear of an attempt's end."""

from __future__ import annotations

from collections.abc import Sequence

from penstock import codec
from penstock.broker.messages import Verb
from penstock.hooks import Hooks
from penstock.middleware import Middleware
from penstock.status import Phase
from penstock.worker.attempt import Attempt
from penstock.worker.verdict import Ruling

__all__ = ["tell_hooks"]


async def tell_hooks(hooks: Hooks, middlewares: Sequence[Middleware], attempt: Attempt, ruling: Ruling) -> None:
    """Tell those whom it concerns, and the middlewares of each failure."""
    if hooks.after and ruling.phase is Phase.SUCCEEDED:
        await hooks.told(hooks.after, attempt.context, codec.decode_value(ruling.result or b"null"))
    if hooks.error and ruling.failure is not None and ruling.phase is not Phase.CANCELLED:
        await hooks.told(hooks.error, attempt.context, ruling.failure)
    if hooks.retry and ruling.verb is Verb.RETRY:
        await hooks.told(hooks.retry, attempt.context, ruling.failure, ruling.delay)
    if middlewares and ruling.failure is not None and ruling.phase is not Phase.CANCELLED:
        final = ruling.verb is Verb.END
        await hooks.told([one.failed for one in middlewares], attempt.context, ruling.failure, final)
