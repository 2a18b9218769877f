"""The link between the machine and the node, which has a network of its own."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from local_cluster import command
from local_cluster.errors import ClusterError
from local_cluster.process import inside
from local_cluster.state import ClusterState

_LINKS = IPv4Network("10.254.0.0/16")
_LINK_BITS = 30
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"


@dataclass(frozen=True)
class Link:
    """Two addresses that only the machine and one node share."""

    subnet: IPv4Network

    @property
    def machine(self) -> IPv4Address:
        """The machine's end."""
        return self.subnet[1]

    @property
    def node(self) -> IPv4Address:
        """The node's end, where the API server listens."""
        return self.subnet[2]


def choose(name: str, taken: Iterable[IPv4Network]) -> Link:
    """The same subnet for the same name, unless it's taken: then the next free one."""
    used = list(taken)
    count = 1 << (_LINK_BITS - _LINKS.prefixlen)
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    for step in range(count):
        index = (first + step) % count
        address = int(_LINKS.network_address) + index * (1 << (32 - _LINK_BITS))
        subnet = IPv4Network((address, _LINK_BITS))
        if not any(subnet.overlaps(other) for other in used):
            return Link(subnet)
    raise ClusterError(f"no subnet of {_LINKS} is free on this machine: remove a route to it")


def taken_subnets() -> list[IPv4Network]:
    """What the machine has routes to, but for the default route."""
    routes: list[dict[str, object]] = json.loads(command.run(["ip", "-4", "-json", "route"]))
    destinations = [str(route["dst"]) for route in routes]
    return [IPv4Network(dst, strict=False) for dst in destinations if dst != "default"]


def connect(state: ClusterState, node: int) -> Link:
    """Lay a veth pair between the machine and the namespace of the node's first process."""
    link = choose(state.name, taken_subnets())
    machine_end = ["ip", "link", "add", state.link, "type", "veth"]
    command.run([*machine_end, "peer", "name", "eth0", "netns", str(node)])
    command.run(["ip", "address", "add", f"{link.machine}/{_LINK_BITS}", "dev", state.link])
    command.run(["ip", "link", "set", state.link, "up"])
    for arguments in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "address", "add", f"{link.node}/{_LINK_BITS}", "dev", "eth0"],
        ["ip", "link", "set", "eth0", "up"],
        ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
        ["iptables", "--policy", "FORWARD", "ACCEPT"],
    ):
        command.run(inside(state, arguments))
    return link


def disconnect(state: ClusterState) -> None:
    """Take the link away, if it's there."""
    if command.succeeds(["ip", "link", "show", "dev", state.link]):
        command.run(["ip", "link", "delete", "dev", state.link])
