from __future__ import annotations

from pathlib import Path

import pytest

from penstock.broker import REDIS
from penstock.broker.streams.address import SCHEMES, Address, Place, parsed
from penstock.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://r", Address("single", (Place("r", 6379),))),
        ("redis://r:7000/3", Address("single", (Place("r", 7000),), db=3)),
        ("redis://r/?db=3", Address("single", (Place("r", 6379),), db=3)),
        ("redis://[::1]:7000", Address("single", (Place("::1", 7000),))),
        ("redis://[::1]", Address("single", (Place("::1", 6379),))),
        ("redis://:p%40ss@r", Address("single", (Place("r", 6379),), password="p@ss")),
        ("redis://u:p:w@r/0", Address("single", (Place("r", 6379),), "u", "p:w")),
        ("rediss://r", Address("single", (Place("r", 6379),), tls=True)),
        ("unix:///run/my%20redis.sock?db=2", Address("single", (Place("/run/my redis.sock", 0),), db=2)),
        ("unix://u:p@/run/redis", Address("single", (Place("/run/redis", 0),), "u", "p")),
        ("redis+cluster://a,b:7000", Address("cluster", (Place("a", 6379), Place("b", 7000)))),
        ("redis+cluster://a/0", Address("cluster", (Place("a", 6379),))),
        ("rediss+cluster://u:p@a", Address("cluster", (Place("a", 6379),), "u", "p", tls=True)),
        (
            "redis+sentinel://u:p@a,b:7000/main/2",
            Address("sentinel", (Place("a", 26379), Place("b", 7000)), "u", "p", 2, "main"),
        ),
        ("rediss+sentinel://a/main", Address("sentinel", (Place("a", 26379),), master="main", tls=True)),
        (
            "redis+sentinel://a/main?sentinel_username=s&sentinel_password=%26",
            Address(
                "sentinel",
                (Place("a", 26379),),
                master="main",
                options={"sentinel_username": "s", "sentinel_password": "&"},
            ),
        ),
        (
            "rediss://r?ssl_cert_reqs=none&ssl_check_hostname=false",
            Address(
                "single",
                (Place("r", 6379),),
                tls=True,
                options={"ssl_cert_reqs": "none", "ssl_check_hostname": "false"},
            ),
        ),
    ],
)
def test_what_a_url_means(url: str, address: Address) -> None:
    assert parsed(url) == address


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://r", "use one of redis://, rediss://"),
        ("r:6379", "use one of redis://"),
        ("redis://", "a server is HOST or HOST:PORT"),
        ("redis://:6379", "a server is HOST or HOST:PORT"),
        ("redis://u:p@/0", "a server is HOST or HOST:PORT"),
        ("redis://r:port", "a server is HOST or HOST:PORT"),
        ("redis://r:70000", "a server is HOST or HOST:PORT"),
        ("redis://::1", "a server is HOST or HOST:PORT"),
        ("redis://r/first", "the database is a number"),
        ("redis://r/-1", "the database is a number"),
        ("redis://r/?db=first", "the database is a number"),
        ("redis://a,b", r"several servers: say what they are by redis\+cluster:// or redis\+sentinel://"),
        ("redis+cluster://a,,b", "a server is HOST or HOST:PORT"),
        ("redis+cluster://a/1", "a cluster has only database 0"),
        ("redis+sentinel://a", "doesn't name the sentinels' master"),
        ("redis+sentinel://a/main/x", "the database is a number"),
        ("unix://", "it names no socket: unix:///PATH"),
        ("redis://r?socket_timeout=1", "option 'socket_timeout' isn't one of db, timeout$"),
        ("redis://r?ssl_cert_reqs=none", "option 'ssl_cert_reqs' isn't one of db, timeout$"),
        ("redis://r?sentinel_password=x", "option 'sentinel_password' isn't one of db, timeout$"),
        ("redis://r?timeout=soon", "timeout=soon: use a number of seconds greater than 0"),
        ("redis://r?timeout=0", "greater than 0"),
        ("redis://r?timeout=inf", "greater than 0"),
        ("redis://r?timeout=nan", "greater than 0"),
        ("rediss://r?ssl_cert_reqs=maybe", "ssl_cert_reqs is one of required, optional, none"),
        ("rediss://r?ssl_ca_certs=/nowhere/ca", "ssl_ca_certs: there is no file '/nowhere/ca'"),
        ("redis://:pa/ss@r", "write '/', .* as %2F"),
        ("redis://:p@ss@r", "write '/', .* as %2F"),
        ("redis+sentinel://a/main?sentinel_password=p@ss", "write '/', .* as %2F"),
    ],
)
def test_what_is_malformed(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        parsed(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:secret@r:port",
        "redis://:se/secret@r",
        "redis://:secret/1",
        "redis+sentinel://a?sentinel_password=secret",
        "rediss://:secret@r?ssl_ca_certs=none",
        "redis://:secret",
        "redis://secret:6379x",
        "http://:secret@r",
        ":secret@r",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parsed(url)
    assert "secret" not in str(error.value)


def test_neither_does_an_address_show_it() -> None:
    address = parsed("redis+sentinel://:secret@a,b/main?sentinel_password=secret")
    assert "secret" not in f"{address!r}"
    assert str(address) == "a:26379,b:26379"


def test_a_certificate_that_exists(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.touch()
    assert parsed(f"rediss://r?ssl_ca_certs={file}").options == {"ssl_ca_certs": str(file)}


def test_a_place_as_text() -> None:
    assert [str(place) for place in (Place("r", 1), Place("::1", 1), Place("/run/s", 0))] == [
        "r:1",
        "[::1]:1",
        "/run/s",
    ]


def test_every_scheme_chooses_this_broker() -> None:
    assert set(REDIS) == set(SCHEMES)


def test_a_submitter_has_its_patience() -> None:
    assert (parsed("redis://r?timeout=2.5").timeout, parsed("redis://r").timeout) == (2.5, None)
    assert parsed("redis://r/3?timeout=2").options == {}
