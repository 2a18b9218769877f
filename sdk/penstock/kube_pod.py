"""How a pod reaches its API server: by its service account. kubernetes_asyncio would do that, too, but importing it
takes longer than all the rest of a worker's start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import ConfigurationError

__all__ = ["ACCOUNT", "PodClient"]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REFRESH_SECONDS = 60.0  # the kubelet puts a new token in place long before the old one ends


@dataclass(slots=True)
class PodConfiguration:
    """See kube_session.Configuration."""

    host: str
    ssl_ca_cert: str | None
    proxy: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify_ssl: bool = True
    disable_strict_ssl_verification: bool = False


class PodClient:
    """Where the server is, and what to say to it: as much of kubernetes_asyncio's ApiClient as Kube uses."""

    def __init__(
        self,
        account: Path = ACCOUNT,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigurationError where something of it isn't there."""
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
        if not (host and port):
            raise ConfigurationError("KUBERNETES_SERVICE_HOST and _PORT aren't set: this isn't a pod's environment")
        authority = account / "ca.crt"
        if not authority.is_file():
            raise ConfigurationError(
                f"{authority} isn't there: mount the service account (automountServiceAccountToken)"
            )
        self.configuration = PodConfiguration(f"https://{f'[{host}]' if ':' in host else host}:{port}", str(authority))
        self._account = account
        self._clock = clock
        self._token = ""
        self._read_at = float("-inf")
        self._read()

    async def update_params_for_auth(self, headers: dict[str, str], *_: object) -> None:
        """Add the token to a request's headers."""
        if self._clock() - self._read_at >= REFRESH_SECONDS:
            self._read()
        headers["Authorization"] = f"Bearer {self._token}"

    def _read(self) -> None:
        """Read the token. One that can't be read just now may still do: the server has the last word."""
        try:
            self._token = (self._account / "token").read_text().strip() or self._token
        except OSError as error:
            if not self._token:
                raise ConfigurationError(f"the service account's token can't be read: {error}") from error
        if not self._token:
            raise ConfigurationError(f"{self._account / 'token'} is empty")
        self._read_at = self._clock()

    async def close(self) -> None:
        """Nothing is open."""
