from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import ConfigurationError
from penstock.kube_pod import REFRESH_SECONDS, PodClient

ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "ca.crt").write_text("certificate")
    (tmp_path / "token").write_text("one\n")
    return tmp_path


async def token(client: PodClient) -> str:
    headers: dict[str, str] = {}
    await client.update_params_for_auth(headers, [], ["BearerToken"])
    return headers["Authorization"]


@pytest.mark.parametrize(("host", "url"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")])
def test_the_server_is_the_pod_s_own(account: Path, host: str, url: str) -> None:
    found = PodClient(account, ENVIRONMENT | {"KUBERNETES_SERVICE_HOST": host}).configuration
    assert (found.host, found.ssl_ca_cert, found.verify_ssl) == (url, str(account / "ca.crt"), True)


async def test_a_new_token_is_read_after_a_while(account: Path) -> None:
    now = [0.0]
    client = PodClient(account, ENVIRONMENT, lambda: now[0])
    (account / "token").write_text("two")
    assert await token(client) == "Bearer one"
    now[0] += REFRESH_SECONDS
    assert await token(client) == "Bearer two"


@pytest.mark.parametrize("content", [None, ""])
async def test_a_token_that_is_gone_for_a_moment_is_kept(account: Path, content: str | None) -> None:
    now = [0.0]
    client = PodClient(account, ENVIRONMENT, lambda: now[0])
    (account / "token").unlink() if content is None else (account / "token").write_text(content)
    now[0] += REFRESH_SECONDS
    assert await token(client) == "Bearer one"


@pytest.mark.parametrize("file", ["ca.crt", "token"])
def test_what_is_missing_is_named(account: Path, file: str) -> None:
    (account / file).unlink()
    with pytest.raises(ConfigurationError, match=file):
        PodClient(account, ENVIRONMENT)


def test_an_empty_token_is_none(account: Path) -> None:
    (account / "token").write_text(" ")
    with pytest.raises(ConfigurationError, match="token is empty"):
        PodClient(account, ENVIRONMENT)


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_outside_a_pod_it_says_so(account: Path, missing: str) -> None:
    with pytest.raises(ConfigurationError, match="KUBERNETES_SERVICE_HOST and _PORT aren't set"):
        PodClient(account, {name: value for name, value in ENVIRONMENT.items() if name != missing})
