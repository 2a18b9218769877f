"""The API server through `kubectl proxy`, which knows every kubeconfig's credentials: for watches, and for hundreds of
requests a second, where a kubectl each would be too slow."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

Manifest = dict[str, Any]
API_VERSION = "penstock.dev/v1alpha1"
REQUEST_SECONDS = 30.0
COLLECTION_SECONDS = 180.0
SERVING = "Starting to serve on 127.0.0.1:"


class Unreachable(Exception):
    """The API server gave no answer of its own, or none that is final: trying again may help."""


class Denied(Exception):
    """The API server said no."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said[:500]}")
        self.status = status


@dataclass(frozen=True)
class Objects:
    """Those of one kind in one namespace: `prefix` is `/api/v1` or `/apis/GROUP/VERSION`."""

    port: int
    namespace: str
    prefix: str
    plural: str

    def get(self, name: str) -> Manifest:
        """One of them."""
        return self._request("GET", name)

    def patch(self, name: str, change: Manifest) -> None:
        """Merge a change into one."""
        self._request("PATCH", name, body=change)

    def delete(self, name: str) -> None:
        """Delete one."""
        self._request("DELETE", name)

    def delete_all(self) -> None:
        """Delete all, which takes a second for some hundreds of them."""
        self._request("DELETE", timeout=COLLECTION_SECONDS)

    def list(self) -> Manifest:
        """All of them, and the version of the list."""
        return self._request("GET")

    def watch(self, version: str, seconds: int) -> Iterator[tuple[str, Manifest]]:
        """What changed since that version of the list, for so many seconds at the most."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        with self._answer("GET", "", query, timeout=2 * seconds) as answer:
            while line := self._line(answer):
                event = json.loads(line)
                yield event["type"], event["object"]

    def _request(
        self, method: str, name: str = "", *, body: object = None, timeout: float = REQUEST_SECONDS
    ) -> Manifest:
        with self._answer(method, name, {}, body=body, timeout=timeout) as answer:
            return dict(json.loads(self._all(answer)))

    @contextmanager
    def _answer(
        self, method: str, name: str, query: Mapping[str, str], *, body: object = None, timeout: float = REQUEST_SECONDS
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        path = f"{self.prefix}/namespaces/{self.namespace}/{self.plural}{'/' * bool(name)}{name}"
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            sent = None if body is None else json.dumps(body)
            try:
                connection.request(method, f"{path}?{urlencode(query)}", sent, {"Content-Type": kind})
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(f"{method} {path}: {error!r}") from error
            if answer.status >= http.client.BAD_REQUEST:
                raise _refusal(answer.status, self._all(answer).decode(errors="replace"))
            yield answer
        finally:
            connection.close()

    @staticmethod
    def _all(answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the answer broke off: {error!r}") from error

    @staticmethod
    def _line(answer: http.client.HTTPResponse) -> bytes:
        """The next event; none once the watch has ended, however it did."""
        try:
            line = answer.readline()
        except (OSError, http.client.HTTPException):
            return b""
        return line if line.endswith(b"\n") else b""


class Tasks(Objects):
    """The Tasks of one namespace."""

    def __init__(self, port: int, namespace: str) -> None:
        super().__init__(port, namespace, f"/apis/{API_VERSION}", "tasks")

    def create(self, name: str, spec: Manifest) -> Manifest:
        """Create one; it may be there from an earlier try whose answer was lost."""
        try:
            kind = {"apiVersion": API_VERSION, "kind": "Task"}
            return self._request("POST", body={**kind, "metadata": {"name": name}, "spec": spec})
        except Denied as refusal:
            if refusal.status != http.client.CONFLICT:
                raise
            return self.get(name)


def _refusal(status: int, said: str) -> Exception:
    """Whether it is worth another try. 403: a restarted API server knows its users a moment before their rights."""
    later = (http.client.FORBIDDEN, http.client.TOO_MANY_REQUESTS)
    if status in later or status >= http.client.INTERNAL_SERVER_ERROR:
        return Unreachable(f"{status}: {said[:500]}")
    return Denied(status, said)


@contextmanager
def proxy(kubeconfig: str) -> Iterator[int]:
    """`kubectl proxy`; gives its port."""
    command = ["kubectl", f"--kubeconfig={kubeconfig}", "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith(SERVING), f"kubectl proxy didn't start: {said!r}"
            yield int(said.removeprefix(SERVING))
        finally:
            process.terminate()
