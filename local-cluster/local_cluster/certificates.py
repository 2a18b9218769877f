"""The cluster's keys and certificates, made with the openssl program."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from local_cluster import command
from local_cluster.network import API_SERVICE
from local_cluster.state import ClusterState

_DAYS = "3650"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
_ADMINISTRATORS = "system:masters"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """The cluster's certificate authority and all that it signs."""

    folder: Path

    @property
    def own(self) -> Pair:
        """The authority's own certificate and key."""
        return self.pair("ca")

    @property
    def accounts(self) -> Pair:
        """What service account tokens are checked with, and what they are signed with."""
        return Pair(self.folder / "accounts.pub", self.folder / "accounts.key")

    def pair(self, name: str) -> Pair:
        """A certificate that was issued under that name."""
        return Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def found(self) -> None:
        """Make the authority and the service accounts' keys."""
        self._request(self.own, "/CN=penstock", ["keyUsage=critical,keyCertSign,digitalSignature"])
        public, key = self.accounts.certificate, self.accounts.key
        _openssl(["genrsa", "-out", key, "2048"])
        _openssl(["pkey", "-in", key, "-pubout", "-out", public])

    def issue_server(self, name: str, common: str, alternatives: Sequence[str]) -> None:
        """A certificate that a server shows for these names and addresses."""
        names = ",".join(alternatives)
        self._issue(name, f"/CN={common}", [f"subjectAltName={names}", "extendedKeyUsage=serverAuth"])

    def issue_client(self, name: str, common: str, organization: str = "") -> None:
        """A certificate that a client shows: its user name and group."""
        group = f"/O={organization}" if organization else ""
        self._issue(name, f"{group}/CN={common}", ["extendedKeyUsage=clientAuth"])

    def _issue(self, name: str, subject: str, extensions: list[str]) -> None:
        signer = ["-CA", str(self.own.certificate), "-CAkey", str(self.own.key)]
        usage = ["basicConstraints=critical,CA:false", "keyUsage=critical,digitalSignature"]
        self._request(self.pair(name), subject, usage + extensions, signer)

    def _request(self, pair: Pair, subject: str, extensions: list[str], signer: Sequence[str] = ()) -> None:
        added = [part for extension in extensions for part in ("-addext", extension)]
        target = ["-subj", subject, "-days", _DAYS, "-keyout", str(pair.key), "-out", str(pair.certificate)]
        _openssl(["req", "-x509", *_NEW_KEY, *target, *added, *signer])


def issue_all(state: ClusterState, node: IPv4Address) -> Authority:
    """Everything that a single-node cluster needs."""
    authority = Authority(state.certificates)
    authority.found()
    addresses = [f"IP:{address}" for address in (API_SERVICE, node, "127.0.0.1")]
    names = [f"DNS:{name}" for name in (*_API_NAMES, f"{_API_NAMES[2]}.cluster.local")]
    authority.issue_server("api-server", "kube-apiserver", names + addresses)
    authority.issue_server("kubelet-server", state.node_name, [f"DNS:{state.node_name}", *addresses])
    authority.issue_client("api-server-to-kubelet", "kube-apiserver", _ADMINISTRATORS)
    authority.issue_client("front-proxy", "front-proxy")
    authority.issue_client("administrator", "penstock-administrator", _ADMINISTRATORS)
    authority.issue_client("kubelet", f"system:node:{state.node_name}", "system:nodes")
    for program in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        authority.issue_client(program, f"system:{program}")
    return authority


def write_kubeconfig(authority: Authority, user: str, server: str, context: str, file: Path) -> None:
    """A kubeconfig that holds all it needs, in YAML's JSON form."""
    pair = authority.pair(user)
    trust = {"server": server, "certificate-authority-data": _encoded(authority.own.certificate)}
    proof = {
        "client-certificate-data": _encoded(pair.certificate),
        "client-key-data": _encoded(pair.key),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": trust}],
        "users": [{"name": user, "user": proof}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
        "current-context": context,
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=2) + "\n")


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _openssl(arguments: Sequence[str | Path]) -> None:
    command.run(["openssl", *arguments])
