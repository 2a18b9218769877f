"""Finding an application by its name, `package.module:attribute`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType

from penstock.app import Penstock
from penstock.errors import ConfigurationError

__all__ = ["load_app"]

NEAR = 3  # names that are shown


def load_app(target: str) -> Penstock:
    """The app at `target`; the working directory is on the path. Raises ConfigurationError where it isn't there; what
    its module raises while it is imported goes through."""
    module_name, _, attribute = target.partition(":")
    if not (attribute.isidentifier() and all(part.isidentifier() for part in module_name.split("."))):
        raise ConfigurationError(f"app {target!r}: write MODULE:ATTRIBUTE, such as shop.tasks:app")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = _imported(target, module_name, here)
    app = getattr(module, attribute, None)
    if not isinstance(app, Penstock):
        raise ConfigurationError(
            f"app {target!r}: {module_name} has no Penstock object named {attribute!r}{_instead(module, attribute)}"
        )
    return app


def _imported(target: str, name: str, here: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        inside = _place(error)
        where = f", imported by {inside}" if inside else f" (looked in {here} too){_near_module(name)}"
        raise ConfigurationError(f"app {target!r}: can't import {name}: {error}{where}") from error
    except SystemExit as exit:
        raise ConfigurationError(
            f"app {target!r}: {name} ended the program when it was imported ({exit!r}): put what should only run as a "
            'script under `if __name__ == "__main__":`'
        ) from exit


def _place(error: BaseException) -> str:
    """File and line of the user's code where an import failed; empty where it never came to that code."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [
        one for one in frames if one.filename not in (__file__, importlib.__file__) and "<frozen" not in one.filename
    ]
    return f"{theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""


def _near_module(name: str) -> str:
    """Modules of nearly that name beside the first part that isn't there."""
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    if parent and package is None:
        return _near_module(parent)
    places = getattr(package, "__path__", None) if parent else [str(Path.cwd())]
    names = [found.name for found in pkgutil.iter_modules(places)] if places else []
    return _hint(last, names, f"{parent}." if parent else "")


def _instead(module: ModuleType, attribute: str) -> str:
    """What is there: of that name, of nearly that name, or of the right kind."""
    found = vars(module)
    what = f": it is {_kind(found[attribute])}" if attribute in found else ""
    apps = [name for name, value in found.items() if isinstance(value, Penstock)]
    if apps:
        return f"{what}; there is {', '.join(repr(name) for name in apps[:NEAR])}"
    return what or _hint(attribute, [name for name in found if not name.startswith("__")])


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"


def _hint(name: str, names: list[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, names, NEAR)
    return f"; did you mean {' or '.join(repr(prefix + one) for one in near)}?" if near else ""
