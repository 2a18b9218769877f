"""`python -m penstock_operator`: run until SIGTERM."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Any, cast

import kopf

from penstock import tracing
from penstock.errors import ConfigurationError
from penstock.process import collect_seldom, run
from penstock_operator.handlers import registry
from penstock_operator.settings import Settings

log = logging.getLogger("penstock.operator")


def main() -> int:
    """Exit code 0 after SIGTERM, 2 where the settings can't work."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = Settings.from_environment()
    except ConfigurationError as error:
        log.critical("%s", error)
        return 2
    logging.getLogger().setLevel(settings.log_level)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    flush = tracing.configure("penstock-operator")
    _run(settings)
    flush()
    return 0


def _run(settings: Settings) -> None:
    # kopf would ask for the user's name, and a container's uid needn't have one.
    identity = cast("Any", socket.gethostname())
    where: dict[str, Any] = (
        {"namespaces": settings.watch_namespaces} if settings.watch_namespaces else {"clusterwide": True}
    )
    collect_seldom()
    run(kopf.operator(registry=registry(settings), standalone=True, identity=identity, **where))


if __name__ == "__main__":
    sys.exit(main())
