"""Each cluster's link has a subnet that nothing else uses."""

from ipaddress import IPv4Network

import pytest

from local_cluster.errors import ClusterError
from local_cluster.network import choose


def test_the_same_name_gets_the_same_subnet() -> None:
    assert choose("demo", []) == choose("demo", [])
    assert choose("demo", []) != choose("test", [])


def test_a_taken_subnet_is_passed_over() -> None:
    first = choose("demo", [])
    second = choose("demo", [IPv4Network("192.168.0.0/16"), first.subnet])
    assert not second.subnet.overlaps(first.subnet)


def test_the_two_ends_are_the_subnets_hosts() -> None:
    link = choose("demo", [])
    assert [link.machine, link.node] == list(link.subnet.hosts())


def test_no_room_is_told() -> None:
    with pytest.raises(ClusterError, match="no subnet"):
        choose("demo", [IPv4Network("10.0.0.0/8")])
