"""`manage.py check` says what is missing or wrong in settings.PENSTOCK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning

from penstock.broker import connect
from penstock.django.configuration import EXAMPLE, configuration, project_app
from penstock.errors import ConfigurationError

__all__ = ["check_settings"]


def check_settings(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """See django.core.checks."""
    try:
        found = configuration()
    except ConfigurationError as error:
        return [Error(str(error), id="penstock.E001")]
    if found is None:
        return [Warning("settings.PENSTOCK is missing", hint=f"set {EXAMPLE}", id="penstock.W001")]
    if not found.app:
        return [Error("settings.PENSTOCK has no APP", hint=f"set {EXAMPLE}", id="penstock.E002")]
    try:
        app = project_app()
    except ConfigurationError as error:
        return [Error(f"settings.PENSTOCK['APP']: {error}", id="penstock.E003")]
    try:
        _ = app.url
    except ConfigurationError:
        hint = "set settings.PENSTOCK['URL'], PENSTOCK_URL in the environment or Penstock(url=…)"
        return [Warning("Penstock has no broker's URL", hint=hint, id="penstock.W002")]
    try:
        connect(app.url, app.namespace)  # opens no connection yet
    except ConfigurationError as error:
        return [Error(str(error), id="penstock.E004")]
    return []
