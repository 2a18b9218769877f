"""Markers are evaluated for the image's Python, whatever Python runs."""

import pytest

from local_cluster.errors import ClusterError
from local_cluster.markers import environment_of, holds

DEBIAN = environment_of("3.11.2")


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("python_full_version < '3.11.3'", True),
        ("python_full_version >= '3.11.3'", False),
        ('python_version == "3.11"', True),
        ('python_version < "3.9"', False),
        ("python_version ~= '3.8'", True),
        ("python_version == '3.*'", True),
        ("python_version != '3.11.*'", False),
        ("'3.10' < python_version", True),
        ("sys_platform != 'win32'", True),
        ("sys_platform == 'win32' or os_name == 'posix'", True),
        ("sys_platform == 'win32' or sys_platform == 'darwin' and os_name == 'posix'", False),
        ("(sys_platform == 'win32' or os_name == 'posix') and python_version < '3.11'", False),
        ("sys_platform in 'linux darwin'", True),
        ("sys_platform not in 'linux darwin'", False),
        ("extra == 'docs'", False),
    ],
)
def test_marker(marker: str, expected: bool) -> None:
    assert holds(marker, DEBIAN) is expected


def test_versions_are_numbers_and_not_text() -> None:
    assert holds("python_version >= '3.9'", environment_of("3.13.0"))
    assert holds("python_full_version == '3.13'", environment_of("3.13.0"))


@pytest.mark.parametrize("marker", ["moon == 'full'", "os_name ==", "os_name == 'posix' os_name", "os_name = 'x'"])
def test_nonsense_is_told(marker: str) -> None:
    with pytest.raises(ClusterError, match="requirements file"):
        holds(marker, DEBIAN)
