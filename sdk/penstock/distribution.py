"""The package as pip knows it. On PyPI, `penstock` is another project; the name to import is still `penstock`."""

from __future__ import annotations

__all__ = ["DISTRIBUTION", "install", "installed_version"]

DISTRIBUTION = "penstock-tasks"


def install(extra: str) -> str:
    """The command that installs an extra, for messages: `pip install 'penstock-tasks[cli]'`."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def installed_version() -> str:
    """The installed version, such as 0.1.0."""
    from importlib.metadata import version

    return version(DISTRIBUTION)
