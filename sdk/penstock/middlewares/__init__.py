"""Middlewares for what most apps want: `app.add_middleware(Logging())`."""

from penstock.middlewares.logs import Logging
from penstock.middlewares.sentry import Sentry
from penstock.middlewares.timing import Timing

__all__ = ["Logging", "Sentry", "Timing"]
