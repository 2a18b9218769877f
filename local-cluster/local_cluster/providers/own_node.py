"""A cluster of one node that we start ourselves, for machines without Docker."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_cluster import addons, certificates, network, packages, process, progress, teardown
from local_cluster.base_images import BaseImage, BaseImages
from local_cluster.binaries import NODE_PROGRAMS, Binaries
from local_cluster.build import Build
from local_cluster.buildah import Buildah
from local_cluster.control_plane import ControlPlane
from local_cluster.errors import ClusterError
from local_cluster.exclusive import alone_with
from local_cluster.images import NodeImages
from local_cluster.kubectl import Kubectl
from local_cluster.node import Node
from local_cluster.providers.contract import Images
from local_cluster.state import Cache, ClusterState

_READY_WITHIN = 90.0
_BUSY_WITHIN = 30.0


@dataclass(frozen=True)
class OwnNode:
    """The node, the programs and images it's made of, and what is known of it."""

    state: ClusterState
    cache: Cache
    binaries: Binaries
    base_images: BaseImages
    install: bool

    @staticmethod
    def of(name: str, install: bool) -> "OwnNode":
        """The cluster of that name, whether it's there or not."""
        cache = Cache.of_this_user()
        binaries = Binaries(cache)
        images = BaseImages(cache, binaries)
        return OwnNode(ClusterState.of(name), cache, binaries, images, install)

    def is_there(self) -> bool:
        """Whether anything of the cluster exists."""
        return bool(teardown.traces(self.state))

    def up(self, kubeconfig: Path) -> None:
        """Keep a healthy cluster; tear down what is half there, and start from nothing."""
        packages.require(self.install)
        self.binaries.need(NODE_PROGRAMS)
        with alone_with(self.state):
            self._keep_or_start()
        kubeconfig.touch(mode=0o600)
        shutil.copyfile(self.state.kubeconfig, kubeconfig)

    def down(self) -> None:
        """Remove every trace of it."""
        with alone_with(self.state):
            teardown.remove(self.state)
        progress.say(f"cluster {self.state.name} is gone")

    def trouble(self) -> str:
        """What is wrong with it."""
        if not process.is_running(self.state):
            return f"cluster {self.state.name} isn't running"
        if not self.state.kubeconfig.is_file() or not self._kubectl().is_ready():
            return f"the API server of cluster {self.state.name} doesn't answer"
        if not self._is_node_ready():
            return f"the node of cluster {self.state.name} isn't ready"
        return "" if self._has_dns() else f"cluster {self.state.name} has no DNS"

    def build(self, build: Build) -> str:
        """Build without a daemon, and import into the node."""
        packages.require(self.install)
        built = Buildah(self.cache, self.base_images).build(build)
        self._bring(build.tag, built.archive, built.identity)
        return build.tag

    def images(self) -> Images:
        """Make what can't be pulled here, and import it."""
        packages.require(self.install)
        made = {
            "python": self.base_images.python(),
            "redis": self.base_images.redis(),
            "collector": self.base_images.collector(),
        }
        for image in made.values():
            self._bring_base(image)
        references = {name: image.reference for name, image in made.items()}
        return Images(references, pull=False)

    def _keep_or_start(self) -> None:
        if self.is_there() and not self._is_worth_keeping():
            progress.say(f"starting anew: {self.trouble()}")
            teardown.remove(self.state)
        if not self.is_there():
            self._start()

    def _is_worth_keeping(self) -> bool:
        """A cluster that was whole once gets time to answer: it may only be busy."""
        patience = _BUSY_WITHIN if self.state.whole.exists() and process.is_running(self.state) else 0.0
        try:
            process.wait_for("a healthy cluster", lambda: not self.trouble(), patience)
        except ClusterError:
            return False
        return True

    def _start(self) -> None:
        progress.say(f"starting cluster {self.state.name}")
        pause, dns = self.base_images.pause(), self.base_images.coredns()
        self.state.make_folders()
        link = network.connect(self.state, process.start_supervisor(self.state))
        authority = certificates.issue_all(self.state, link.node)
        control_plane = ControlPlane(self.state, self.binaries, authority, link)
        control_plane.start_api()
        node = Node(self.state, control_plane)
        node.start_containerd(pause.reference)
        self._bring_base(pause)
        self._bring_base(dns)
        self._await("the API server", self._kubectl().is_ready)
        control_plane.start_controllers()
        node.start_kubelet()
        node.start_proxy()
        self._kubectl().run("apply", "--filename=-", standard_input=addons.dns(dns.reference))
        self._await("the node to be ready", self._is_node_ready)
        self._await("the cluster's DNS", self._has_dns)
        self.state.whole.touch()

    def _await(self, what: str, is_so: Callable[[], bool]) -> None:
        """A start that fails tells where to look."""
        try:
            process.wait_for(what, is_so, _READY_WITHIN)
        except ClusterError as late:
            raise ClusterError(f"{late}: see the logs in {self.state.logs}") from late
        progress.say(f"{what}: done")

    def _bring_base(self, image: BaseImage) -> None:
        self._bring(image.reference, image.archive, image.reference)

    def _bring(self, reference: str, archive: Path, identity: str) -> None:
        if NodeImages(self.state).bring(reference, archive, identity):
            progress.say(f"imported {reference}")

    def _is_node_ready(self) -> bool:
        asked = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        return self._kubectl().answers("True", "get", "node", self.state.node_name, asked)

    def _has_dns(self) -> bool:
        asked = "--output=jsonpath={.status.readyReplicas}"
        where = "--namespace=kube-system"
        return self._kubectl().answers("1", "get", "deployment", "coredns", where, asked)

    def _kubectl(self) -> Kubectl:
        program = self.binaries.path("kubectl")
        return Kubectl(program, self.state.kubeconfig, self.state.kubectl_cache)
