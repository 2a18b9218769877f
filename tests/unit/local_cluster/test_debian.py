"""The mirror is the machine's own."""

from local_cluster.debian import find_mirror

OLD = """\
# deb http://commented.invalid bookworm main
deb http://other.invalid/tool stable main
deb [arch=amd64 signed-by=/key.gpg] http://mirror.invalid/debian bookworm main
"""
NEW = """\
Types: deb deb-src
# from a snapshot
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.invalid/debian
Suites: bookworm-security
"""


def test_both_ways_to_write_sources() -> None:
    assert find_mirror([OLD]) == ["http://mirror.invalid/debian"]
    assert find_mirror(["", NEW]) == ["http://mirror.invalid/debian"]


def test_a_machine_of_another_kind_leaves_the_default() -> None:
    assert find_mirror(["deb http://mirror.invalid/ubuntu noble main\n"]) == []
