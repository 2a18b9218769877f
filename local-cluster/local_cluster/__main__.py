"""The command line: `python3 -m local_cluster COMMAND`."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import Signals

from local_cluster import packages, process, programs, progress, providers, wheelhouse
from local_cluster.base_images import BaseImages
from local_cluster.binaries import PROGRAMS, Binaries
from local_cluster.build import Build
from local_cluster.errors import ClusterError
from local_cluster.state import Cache, ClusterState

_SYSTEM_PROGRAMS = ":/usr/local/sbin:/usr/sbin:/sbin"  # which a user's PATH often lacks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a failure is one message and exit code 1."""
    options = _parser().parse_args(arguments)
    os.environ["PATH"] += _SYSTEM_PROGRAMS
    try:
        run: Callable[[argparse.Namespace], int | None] = options.run
        return run(options) or 0
    except (ClusterError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(options: argparse.Namespace) -> None:
    kubeconfig: Path = options.kubeconfig.absolute()
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    install = options.install or os.environ.get("CI") == "true"
    providers.choose(options.name, install).up(kubeconfig)
    progress.say(f"cluster {options.name} is up")
    print(f"export KUBECONFIG={kubeconfig}")


def _down(options: argparse.Namespace) -> None:
    providers.choose(options.name).down()


def _status(options: argparse.Namespace) -> int:
    trouble = providers.choose(options.name).trouble()
    print(trouble or f"cluster {options.name} is healthy")
    return 1 if trouble else 0


def _build(options: argparse.Namespace) -> None:
    build = Build.asked(options.tag, options.file, options.context, options.build_arg)
    print(providers.choose(options.name).build(build))


def _images(options: argparse.Namespace) -> None:
    images = providers.choose(options.name).images()
    told = {**images.references, "pull": images.pull}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(told, indent=2) + "\n")


def _wheels(options: argparse.Namespace) -> None:
    packages.require(install=False)
    cache = Cache.of_this_user()
    python = BaseImages(cache, Binaries(cache)).python().facts["python"]
    filled = wheelhouse.fill(options.out.absolute(), options.requirements, python)
    progress.say(f"wheels for Python {python}: {'downloaded' if filled else 'unchanged'}")


def _tools(options: argparse.Namespace) -> None:
    programs = options.only.split(",") if options.only else PROGRAMS
    print(Binaries(Cache.of_this_user()).shelf(programs))


def _signal(options: argparse.Namespace) -> None:
    programs.send(_own_node(options.name), options.target, Signals[options.signal])


def _stop(options: argparse.Namespace) -> None:
    programs.stop(_own_node(options.name), options.program)


def _start(options: argparse.Namespace) -> None:
    programs.start(_own_node(options.name), options.program)


def _inside(options: argparse.Namespace) -> int:
    line = process.inside(_own_node(options.name), options.line)
    return subprocess.run(line, check=False).returncode


def _own_node(name: str) -> ClusterState:
    """What is known of a cluster that we run ourselves."""
    provider = providers.choose(name)
    if not isinstance(provider, providers.OwnNode):
        raise ClusterError(f"cluster {name} is {provider}: only a node of our own can be tampered with")
    return provider.state


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_cluster_commands(commands)
    _add_fault_commands(commands)
    _add_image_commands(commands)
    tools = commands.add_parser("tools", help="build programs and print the folder they are in")
    tools.add_argument("--only", help="only these, with commas between them")
    tools.set_defaults(run=_tools)
    return parser


def _add_cluster_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = commands.add_parser("up", help="have a cluster running")
    up.add_argument("--name", required=True)
    up.add_argument("--kubeconfig", type=Path, required=True, help="where to write it")
    up.add_argument("--install", action="store_true", help="install missing Debian packages")
    up.set_defaults(run=_up)
    for name, run, told in (
        ("down", _down, "remove a cluster and all its traces"),
        ("status", _status, "tell whether a cluster is healthy"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("--name", required=True)
        command.set_defaults(run=run)


def _add_fault_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """On a node of our own: what fails, and how."""
    signal = commands.add_parser("signal", help="signal a program of the node, or a pod's processes")
    signal.add_argument("--name", required=True)
    signal.add_argument("target", metavar="PROGRAM | pod/UID")
    signal.add_argument("signal", choices=[number.name for number in Signals], metavar="SIGNAL", help="SIGKILL, say")
    signal.set_defaults(run=_signal)
    for name, run, told in (
        ("stop", _stop, "kill a program of the node; it stays down"),
        ("start", _start, "start a program that was stopped"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("--name", required=True)
        command.add_argument("program", help="kube-apiserver, say")
        command.set_defaults(run=run)
    inside = commands.add_parser("inside", help="run a command in the node's network and among its processes")
    inside.add_argument("--name", required=True)
    inside.add_argument("line", nargs="+", metavar="-- COMMAND")
    inside.set_defaults(run=_inside)


def _add_image_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    build = commands.add_parser("build", help="build an image into a cluster")
    build.add_argument("--name", required=True)
    build.add_argument("--tag", required=True)
    build.add_argument("--file", type=Path, required=True, help="the Dockerfile")
    build.add_argument("--context", type=Path, required=True)
    build.add_argument("--build-arg", action="append", default=[], metavar="KEY=VALUE")
    build.set_defaults(run=_build)
    images = commands.add_parser("images", help="have base and third-party images in a cluster")
    images.add_argument("--name", required=True)
    images.add_argument("--out", type=Path, required=True, help="JSON file of their references")
    images.set_defaults(run=_images)
    wheels = commands.add_parser("wheels", help="download wheels for the local base image")
    wheels.add_argument("--out", type=Path, required=True)
    wheels.add_argument("--requirements", type=Path, required=True, help="a lock with hashes")
    wheels.set_defaults(run=_wheels)


if __name__ == "__main__":
    sys.exit(main())
