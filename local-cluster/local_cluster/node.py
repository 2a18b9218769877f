"""What runs pods: containerd, the kubelet and kube-proxy."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from local_cluster import command
from local_cluster.cgroups import make as make_cgroups
from local_cluster.control_plane import ControlPlane
from local_cluster.network import DNS_SERVICE, PODS
from local_cluster.process import inside, run_in_background, wait_for
from local_cluster.state import ClusterState

SOCKET = "/run/containerd/containerd.sock"
_CONTAINERD_WITHIN = 20.0

_CONTAINERD = """\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{pause}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
"""


@dataclass(frozen=True)
class Node:
    """The one node of a cluster."""

    state: ClusterState
    control_plane: ControlPlane

    def start_containerd(self, pause: str) -> None:
        """Start it, and wait until images can be brought into it."""
        cni = self._write_cni()
        file = self.state.configuration / "containerd.toml"
        snapshotter = _snapshotter(self.state.root)
        text = _CONTAINERD.format(socket=SOCKET, pause=pause, cni=cni, snapshotter=snapshotter)
        file.write_text(text)
        run_in_background(self.state, "containerd", [_found("containerd"), "--config", file])
        answers = inside(self.state, ["ctr", "--address", SOCKET, "version"])
        wait_for("containerd", lambda: command.succeeds(answers), _CONTAINERD_WITHIN)

    def start_kubelet(self) -> None:
        """Start what runs the pods that the API server gives this node."""
        make_cgroups(self.state.node_name)
        (self.state.configuration / "resolv.conf").write_text("# no names but the cluster's\n")
        flags = [
            f"--config={self._write('kubelet', self._kubelet())}",
            f"--kubeconfig={self.control_plane.kubeconfig('kubelet')}",
            f"--hostname-override={self.state.node_name}",
            f"--node-ip={self.control_plane.link.node}",
        ]
        self._start("kubelet", flags)

    def start_proxy(self) -> None:
        """Start what makes the services' addresses work."""
        configuration = self._write("kube-proxy", self._proxy())
        self._start("kube-proxy", [f"--config={configuration}"])

    def _start(self, program: str, flags: list[str]) -> None:
        path = self.control_plane.binaries.path(program)
        run_in_background(self.state, program, [path, *flags])

    def _kubelet(self) -> dict[str, object]:
        authority = self.control_plane.authority
        pair = authority.pair("kubelet-server")
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority.own.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pair.certificate),
            "tlsPrivateKeyFile": str(pair.key),
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.state.node_name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "localStorageCapacityIsolation": False,
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,  # there's no registry to get them back from
            "clusterDNS": [DNS_SERVICE],
            "clusterDomain": "cluster.local",
            "resolvConf": str(self.state.configuration / "resolv.conf"),
            "volumePluginDir": "/var/lib/kubelet/volume-plugins",
            "maxPods": 110,
            "containerLogMaxSize": "100Mi",
            # Tests kill containers again and again: they measure us, and not how patient the kubelet is.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
        }

    def _proxy(self) -> dict[str, object]:
        never = "0s"
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": PODS,
            "hostnameOverride": self.state.node_name,
            "clientConnection": {"kubeconfig": str(self.control_plane.kubeconfig("kube-proxy"))},
            "conntrack": {  # these settings are the machine's and not the node's
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": never,
                "tcpCloseWaitTimeout": never,
                "udpTimeout": never,
                "udpStreamTimeout": never,
            },
        }

    def _write_cni(self) -> Path:
        """Pods hang on a bridge; addresses are kept in the node's own /var."""
        folder = self.state.configuration / "cni"
        folder.mkdir()
        addresses = {
            "type": "host-local",
            "ranges": [[{"subnet": PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/var/lib/cni/networks",
        }
        bridge = {
            "type": "bridge",
            "bridge": "pods",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": addresses,
        }
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        chain = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}
        (folder / "10-pods.conflist").write_text(json.dumps(chain, indent=2))
        return folder

    def _write(self, name: str, content: dict[str, object]) -> Path:
        file = self.state.configuration / f"{name}.json"
        file.write_text(json.dumps(content, indent=2))
        return file


def _found(program: str) -> str:
    """The whole path: the node's programs get no PATH of a user's."""
    return shutil.which(program) or program


def _snapshotter(folder: Path) -> str:
    """An overlay can't lie on an overlay, which is what a container's own disk is."""
    kind = command.run(["stat", "--file-system", "--format=%T", folder]).strip()
    return "native" if kind == "overlayfs" else "overlayfs"
