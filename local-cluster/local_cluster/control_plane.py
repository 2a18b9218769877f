"""The control plane's programs and their flags."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_cluster.binaries import Binaries
from local_cluster.certificates import Authority, write_kubeconfig
from local_cluster.network import SERVICES, Link
from local_cluster.process import run_in_background
from local_cluster.state import ClusterState

API_PORT = 6443
_ETCD = "http://127.0.0.1:2379"
_ETCD_PEERS = "http://127.0.0.1:2380"
_ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class ControlPlane:
    """etcd, the API server, the controllers and the scheduler of one cluster."""

    state: ClusterState
    binaries: Binaries
    authority: Authority
    link: Link

    @property
    def server(self) -> str:
        """Where the API server answers, for the machine and the node alike."""
        return f"https://{self.link.node}:{API_PORT}"

    def start_api(self) -> None:
        """Start the API server, and the store that it waits for by itself."""
        self._start("etcd", self._etcd())
        self._start("kube-apiserver", self._api_server())
        self.write_kubeconfig("administrator", self.state.kubeconfig)

    def start_controllers(self) -> None:
        """Start what needs an API server that's ready, and ends without one."""
        self._start("kube-controller-manager", self._controllers())
        self._start("kube-scheduler", self._client("kube-scheduler"))

    def write_kubeconfig(self, user: str, file: Path) -> None:
        """What one of the clients finds the API server with."""
        write_kubeconfig(self.authority, user, self.server, self.state.node_name, file)

    def kubeconfig(self, user: str) -> Path:
        """The same, among the node's own configuration."""
        file = self.state.configuration / f"{user}.kubeconfig"
        self.write_kubeconfig(user, file)
        return file

    def _start(self, program: str, flags: Sequence[str]) -> None:
        run_in_background(self.state, program, [self.binaries.path(program), *flags])

    def _etcd(self) -> list[str]:
        """Without waiting for the disk: no such cluster outlives its machine."""
        return [
            f"--data-dir={self.state.root / 'etcd'}",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            f"--listen-peer-urls={_ETCD_PEERS}",
            f"--initial-advertise-peer-urls={_ETCD_PEERS}",
            f"--initial-cluster=default={_ETCD_PEERS}",
            "--unsafe-no-fsync",
        ]

    def _api_server(self) -> list[str]:
        own, accounts = self.authority.pair("api-server"), self.authority.accounts
        to_kubelet = self.authority.pair("api-server-to-kubelet")
        trusted = self.authority.own.certificate
        return [
            f"--etcd-servers={_ETCD}",
            f"--advertise-address={self.link.node}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICES}",
            "--allow-privileged=true",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--client-ca-file={trusted}",
            f"--tls-cert-file={own.certificate}",
            f"--tls-private-key-file={own.key}",
            f"--kubelet-certificate-authority={trusted}",
            f"--kubelet-client-certificate={to_kubelet.certificate}",
            f"--kubelet-client-key={to_kubelet.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-issuer={_ISSUER}",
            f"--service-account-key-file={accounts.certificate}",
            f"--service-account-signing-key-file={accounts.key}",
            *self._aggregation(),
        ]

    def _aggregation(self) -> list[str]:
        """How the API server shows itself to servers behind it, and who else may be one."""
        front = self.authority.pair("front-proxy")
        return [
            f"--proxy-client-cert-file={front.certificate}",
            f"--proxy-client-key-file={front.key}",
            f"--requestheader-client-ca-file={self.authority.own.certificate}",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        ]

    def _controllers(self) -> list[str]:
        own = self.authority.own
        return [
            *self._client("kube-controller-manager"),
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self.authority.accounts.key}",
            f"--root-ca-file={own.certificate}",
            f"--cluster-signing-cert-file={own.certificate}",
            f"--cluster-signing-key-file={own.key}",
            f"--service-cluster-ip-range={SERVICES}",
            "--kube-api-qps=100",  # the default of 20 alone takes 5 s of every start
            "--kube-api-burst=200",
            "--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins",
        ]

    def _client(self, program: str) -> list[str]:
        """There is one of each, so none needs to be elected."""
        file = self.kubeconfig(program)
        return [
            f"--kubeconfig={file}",
            f"--authentication-kubeconfig={file}",
            f"--authorization-kubeconfig={file}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
        ]
