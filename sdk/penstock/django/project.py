"""`app` is the project's Penstock object with all of its tasks, for workers that aren't started by manage.py: a
WorkerPool whose `app` is `penstock.django.project:app`, with DJANGO_SETTINGS_MODULE in its environment."""

from __future__ import annotations

import django

from penstock.app import Penstock

__all__ = ["app"]


def _project_app() -> Penstock:
    django.setup()
    from penstock.django.configuration import discovered_app

    return discovered_app()


app = _project_app()
