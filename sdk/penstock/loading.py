"""Finding an application by its name, `package.module:attribute`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from penstock.app import Penstock
from penstock.errors import ConfigurationError

__all__ = ["load_app"]


def load_app(target: str) -> Penstock:
    """The app at `target`; the working directory is on the path."""
    module_name, colon, attribute = target.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"app {target!r}: write MODULE:ATTRIBUTE, such as shop.tasks:app")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(
            f"app {target!r}: can't import {module_name}: {error} (looked in {here} too)"
        ) from error
    app = getattr(module, attribute, None)
    if not isinstance(app, Penstock):
        raise ConfigurationError(f"app {target!r}: {module_name} has no Penstock object named {attribute!r}")
    return app
