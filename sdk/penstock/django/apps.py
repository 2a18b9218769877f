"""The Django app that the outbox's table belongs to."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["PenstockConfig"]


class PenstockConfig(AppConfig):
    """Its tables are named `penstock_…`."""

    name = "penstock.django"
    label = "penstock"
    default_auto_field = "django.db.models.BigAutoField"
