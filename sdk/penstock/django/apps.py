"""The Django app: the outbox's table, the system checks, and the settings' effect on the project's Penstock object."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.apps import AppConfig
from django.core.checks import register
from django.core.signals import setting_changed

from penstock.errors import ConfigurationError

__all__ = ["PenstockConfig"]


class PenstockConfig(AppConfig):
    """Its tables are named `penstock_…`."""

    name = "penstock.django"
    label = "penstock"
    default_auto_field = "django.db.models.BigAutoField"
    _inline = ExitStack()  # of what the setting INLINE has begun

    def ready(self) -> None:
        """See AppConfig."""
        from penstock.django.checks import check_settings

        register(check_settings)
        setting_changed.connect(self._changed)
        self._apply()

    def _changed(self, *, setting: str, **changed: Any) -> None:
        """A test has overridden it, or that is over."""
        if setting == "PENSTOCK":
            self._apply()

    def _apply(self) -> None:
        from penstock.django.configuration import configuration, project_app

        self._inline.close()
        try:
            found = configuration()
            app = project_app() if found is not None and found.app else None
        except ConfigurationError:  # the system checks say so, and whoever needs the app
            return
        if app is not None and found is not None and found.inline:
            from penstock.testing import inline

            self._inline.enter_context(inline(app, raise_errors=found.raise_errors))
