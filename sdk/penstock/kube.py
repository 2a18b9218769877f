"""The Kubernetes API, as far as Penstock speaks it: JSON in and out, our errors. The package's only user of
kubernetes_asyncio, which reads kubeconfigs; bodies go past its models, which parse twice."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.clock import ServerClock
from penstock.distribution import install
from penstock.errors import ApiRefused, ConfigurationError, NotConnected
from penstock.kube_pod import PodClient
from penstock.namespace import pod_namespace
from penstock.shallow import decode_shallow
from penstock.throttle import Throttle

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["Kube", "Manifest", "Resource"]

# An object of the API as JSON. Whoever needs its fields validates it by a model of `resources`.
Manifest = dict[str, Any]

_objects = msgspec.json.Decoder(Manifest)
KUBECONFIG = "~/.kube/config"
REQUEST_SECONDS = 30.0
PAGE = 500
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
TRIES = 5  # of a request that the server was too busy for
BUSY = (429, 503)
HEAR_SECONDS = 0.1


class Resource(msgspec.Struct, frozen=True):
    """A kind's place in the API: `/api/v1` or `/apis/GROUP/VERSION`, then its plural."""

    prefix: str
    plural: str

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The path of a collection, an object or its subresource."""
        scope = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(filter(None, (f"{self.prefix}{scope}/{self.plural}", name, subresource)))


class Kube:
    """A connection to one API server. Calls raise ApiRefused or NotConnected. `guard` may refuse writes; `clock` is the
    server's."""

    def __init__(self, api_client: Any) -> None:  # kubernetes_asyncio has no types
        self._client = api_client
        self._made: ClientSession | None = None
        self._throttle = Throttle()
        self._asked = float("-inf")
        self.clock = ServerClock()
        self.host: str = api_client.configuration.host
        self.guard: Callable[[], None] = lambda: None

    @classmethod
    async def connect(cls) -> Kube:
        """In a pod by its service account, else by the kubeconfig. Raises ConfigurationError."""
        for name in ("aiohttp", "kubernetes_asyncio"):
            _must_be_installed(name)
        return cls(PodClient() if pod_namespace() is not None else await _by_kubeconfig())

    async def _session(self) -> ClientSession:
        """Made for the first request, as aiohttp takes long to import: most workers' tasks aren't resources."""
        if self._made is None:
            if "aiohttp" not in sys.modules:
                await asyncio.to_thread(import_module, "aiohttp")
            from penstock.kube_session import session

            self._made = self._made or session(self._client.configuration)
        return self._made

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Manifest:
        """One call's answer as JSON."""
        answer = await self.raw(method, path, query=query, body=body, content_type=content_type)
        return decode_shallow(_objects, answer)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """One call's answer as it comes. A server that is too busy is asked again when it says so, and till then none
        of this connection's requests bothers it."""
        data = None if body is None else msgspec.json.encode(body)
        for left in reversed(range(TRIES)):
            await self._throttle.passed()
            if method != "GET":
                self.guard()  # only now: who waited may have been deposed meanwhile
            try:
                return await self._once(method, path, query, data, {"Content-Type": content_type, "Accept": accept})
            except ApiRefused as error:
                if error.status not in BUSY or error.retry_after is None or not left:
                    raise
                self._throttle.told(error.retry_after)
        raise AssertionError("the last try returns or raises")

    async def _once(
        self, method: str, path: str, query: Mapping[str, str] | None, data: bytes | None, headers: dict[str, str]
    ) -> bytes:
        await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        session = await self._session()
        from aiohttp import ClientConnectorError, ClientError, ClientTimeout

        limit, sent = ClientTimeout(total=REQUEST_SECONDS), self.clock.own()
        try:
            async with session.request(
                method, self.host + path, params=query, data=data, headers=headers, timeout=limit
            ) as response:
                self._hear(response.headers.get("Date"), sent)
                answer = await response.read()
                if response.status >= 400:
                    raise _refused(response.status, answer, response.headers.get("Retry-After"))
                return answer
        except (TimeoutError, ClientError, ssl.SSLError, OSError) as error:
            sent = not isinstance(error, ClientConnectorError)
            raise NotConnected(f"can't reach the API server at {self.host}: {error!r}", open=sent) from error

    def _hear(self, date: str | None, sent: float) -> None:
        """What time it is at the server; asked so seldom that it costs nothing."""
        if date is not None and abs(sent - self._asked) > HEAR_SECONDS:
            self._asked = sent
            self.clock.heard(parsedate_to_datetime(date).timestamp(), sent=sent, resolution=1.0)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest | None:
        """An object, or None if there is none."""
        found = await self.get_raw(resource, namespace, name)
        return None if found is None else decode_shallow(_objects, found)

    async def get_raw(self, resource: Resource, namespace: str | None, name: str) -> bytes | None:
        """The same as it comes."""
        try:
            return await self.raw("GET", resource.path(namespace, name))
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise

    async def create(self, resource: Resource, namespace: str, body: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create an object."""
        query = {"dryRun": "All"} if dry_run else None
        return await self.request("POST", resource.path(namespace), body=body, query=query)

    async def apply(
        self, resource: Resource, namespace: str, body: Manifest, *, owner: str, dry_run: bool = False
    ) -> Manifest:
        """Server-side apply: create it or bring the fields of `body` about, as the field manager `owner`."""
        query = {"fieldManager": owner, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        path = resource.path(namespace, body["metadata"]["name"])
        return await self.request("PATCH", path, query=query, body=body, content_type=APPLY_PATCH)

    async def patch(
        self, resource: Resource, namespace: str, name: str, operations: list[Manifest], *, subresource: str = ""
    ) -> Manifest:
        """JSON Patch. A `test` that fails is refused with 422."""
        path = resource.path(namespace, name, subresource)
        return await self.request("PATCH", path, body=operations, content_type=JSON_PATCH)

    async def merge(
        self, resource: Resource, namespace: str, name: str, change: Manifest, *, subresource: str = "", owner: str = ""
    ) -> Manifest:
        """Merge patch. Not for a Task's status: it ignores the uid, drops nulls and rounds big integers."""
        path = resource.path(namespace, name, subresource)
        query = {"fieldManager": owner} if owner else None
        return await self.request("PATCH", path, query=query, body=change, content_type=MERGE_PATCH)

    async def replace(self, resource: Resource, namespace: str, body: Manifest) -> Manifest:
        """The whole object, if its resourceVersion is still the stored one; refused with 409 otherwise."""
        return await self.request("PUT", resource.path(namespace, body["metadata"]["name"]), body=body)

    async def replace_status(self, resource: Resource, namespace: str, name: str, status: Manifest) -> None:
        """The whole status, for a merge would keep what isn't said any more."""
        await self.patch(
            resource, namespace, name, [{"op": "add", "path": "/status", "value": status}], subresource="status"
        )

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> bool:
        """Delete an object (this one, if `uid` is given). False if it was gone."""
        body = {"propagationPolicy": "Background"} | ({"preconditions": {"uid": uid}} if uid else {})
        try:
            await self.request("DELETE", resource.path(namespace, name), body=body)
        except ApiRefused as error:
            if error.status in (404, 409):
                return False
            raise
        return True

    async def list(
        self, resource: Resource, namespace: str | None = None, **selectors: str
    ) -> AsyncGenerator[Manifest, None]:
        """Every object, page by page. Selectors: fieldSelector, labelSelector."""
        async for item in self._items(resource.path(namespace), selectors):
            yield item

    async def uids(self, resource: Resource, namespace: str | None = None) -> AsyncGenerator[str, None]:
        """The uids of all objects there are, page by page and without their bodies."""
        async for item in self._items(resource.path(namespace), {}, accept=METADATA_ONLY):
            yield item["metadata"]["uid"]

    async def _items(
        self, path: str, selectors: Mapping[str, str], accept: str = "application/json"
    ) -> AsyncGenerator[Manifest, None]:
        query = {"limit": str(PAGE)} | dict(selectors)
        while True:
            page = decode_shallow(_objects, await self.raw("GET", path, query=query, accept=accept))
            for item in page["items"] or ():  # null is how Go spells an empty list that nobody made
                yield item
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def watch(
        self, resource: Resource, namespace: str | None = None, **selectors: str
    ) -> AsyncGenerator[tuple[str, Manifest], None]:
        """(type, object) of what is there and of all changes to it, until the server ends the watch."""
        async for chunk in self.lines(resource.path(namespace), {"watch": "true"} | selectors):
            for line in chunk:
                event = decode_shallow(_objects, line)
                yield event["type"], event["object"]

    async def lines(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Sequence[bytes], None]:
        """The lines of an answer that doesn't end, as many at a time as have come."""
        session = await self._session()
        from aiohttp import ClientError, ClientTimeout

        limit = ClientTimeout(total=None, sock_connect=REQUEST_SECONDS)
        headers, rest = {"Accept": "application/json"}, b""
        await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        try:
            async with session.get(self.host + path, params=query, headers=headers, timeout=limit) as response:
                if response.status >= 400:
                    raise _refused(response.status, await response.read(), response.headers.get("Retry-After"))
                async for chunk in response.content.iter_any():
                    *whole, rest = (rest + chunk).split(b"\n")
                    if whole:
                        yield whole
        except (ClientError, TimeoutError, OSError) as error:
            raise NotConnected(f"lost the watch of {path} at {self.host}: {error!r}") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.close()
        await self._client.close()


def _must_be_installed(name: str) -> None:
    if find_spec(name) is None:
        raise ConfigurationError(f"the Kubernetes API needs {name}: {install('kubernetes')}")


def _is_file(name: str) -> bool:
    return bool(name) and Path(name).expanduser().is_file()


async def _by_kubeconfig() -> Any:
    # The library reads the variable when it is imported, and never again.
    files = os.environ.get("KUBECONFIG") or KUBECONFIG
    if not any(map(_is_file, files.split(os.pathsep))):
        raise ConfigurationError(f"no cluster to talk to: {files} isn't there; set KUBECONFIG or run in a pod")
    from kubernetes_asyncio import client, config

    configuration = client.Configuration()
    try:
        await config.load_kube_config(config_file=files, client_configuration=configuration)
    except Exception as error:  # the library's own, or whatever a malformed file makes its parts raise
        raise ConfigurationError(f"no cluster to talk to: {error}; set KUBECONFIG or run in a pod") from error
    return client.ApiClient(configuration)


def _refused(status: int, answer: bytes, retry_after: str | None) -> ApiRefused:
    try:
        said = _objects.decode(answer)
    except (msgspec.MsgspecError, RecursionError):
        said = {}
    seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
    message = said.get("message") or answer.decode(errors="replace")[:500]
    return ApiRefused(status, str(said.get("reason", "")), str(message), retry_after=seconds)
