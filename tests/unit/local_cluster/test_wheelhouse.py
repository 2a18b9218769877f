"""A lock becomes a flat list for one Python."""

import pytest

from local_cluster.errors import ClusterError
from local_cluster.wheelhouse import flatten

LOCK = """\
# made by a tool
async-timeout==5.0.1 ; python_full_version < '3.11.3' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via redis
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
redis[hiredis]==7.0.0  # the broker
"""


def test_markers_are_resolved_and_hashes_kept() -> None:
    assert flatten(LOCK, "3.11.2") == [
        "async-timeout==5.0.1 --hash=sha256:aa --hash=sha256:bb",
        "redis[hiredis]==7.0.0",
    ]


def test_another_python_needs_other_wheels() -> None:
    assert flatten(LOCK, "3.11.3") == ["redis[hiredis]==7.0.0"]


def test_options_of_pip_are_refused() -> None:
    with pytest.raises(ClusterError, match="--index-url"):
        flatten("--index-url somewhere\n", "3.11.2")
