"""What a Django project says of Penstock in its settings: `PENSTOCK = {"APP": "proj.penstock:app", "URL": …}`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from penstock.app import Penstock
from penstock.errors import ConfigurationError
from penstock.loading import load_app

__all__ = ["Configuration", "configuration", "discovered_app", "project_app"]

KEYS = {"APP": str, "URL": str, "NAMESPACE": str, "INLINE": bool, "RAISE_ERRORS": bool}
EXAMPLE = 'PENSTOCK = {"APP": "proj.penstock:app", "URL": "redis://localhost:6379/0"}'


@dataclass(frozen=True, slots=True)
class Configuration:
    """`app`: MODULE:ATTRIBUTE of the project's Penstock object. `url` and `namespace` hold where that object names
    none; where they don't say either, PENSTOCK_URL and PENSTOCK_NAMESPACE do. `inline`: tasks run where they are
    enqueued, for tests; `raise_errors`: what makes them fail is raised there."""

    app: str = ""
    url: str | None = None
    namespace: str | None = None
    inline: bool = False
    raise_errors: bool = False


def configuration() -> Configuration | None:
    """The project's; None if its settings have no PENSTOCK. Raises ConfigurationError for one that can't work."""
    given: Any = getattr(settings, "PENSTOCK", None)
    if given is None:
        return None
    if not isinstance(given, dict):
        raise ConfigurationError(f"settings.PENSTOCK is {given!r}: make it a dict, such as {EXAMPLE}")
    for key, value in given.items():
        if key not in KEYS:
            raise ConfigurationError(f"settings.PENSTOCK has no key {key!r}: use {', '.join(KEYS)}")
        if value is not None and not isinstance(value, KEYS[key]):
            raise ConfigurationError(f"settings.PENSTOCK[{key!r}] is {value!r}: make it a {KEYS[key].__name__}")
    return Configuration(
        app=given.get("APP") or "",
        url=given.get("URL") or None,
        namespace=given.get("NAMESPACE") or None,
        inline=bool(given.get("INLINE")),
        raise_errors=bool(given.get("RAISE_ERRORS")),
    )


def project_app(target: str = "") -> Penstock:
    """The project's Penstock object, by default the one that the settings name. Raises ConfigurationError."""
    found = configuration() or Configuration()
    if not (target or found.app):
        raise ConfigurationError(f"settings.PENSTOCK doesn't name the Penstock object: {EXAMPLE}")
    app = load_app(target or found.app)
    app.connections.default_to(found.url, found.namespace)
    return app


def discovered_app(target: str = "") -> Penstock:
    """The same with all of its tasks: the module `tasks` of every installed Django app is imported."""
    app = project_app(target)
    autodiscover_modules("tasks")
    return app
