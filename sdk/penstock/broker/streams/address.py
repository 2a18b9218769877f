"""Where Redis is and how to log in: what a broker's URL says.

    redis://[USER:PASSWORD@]HOST[:6379][/DB]                          one server
    redis+sentinel://…@HOST[:26379],HOST…/MASTER[/DB]                 the master that the sentinels name
    redis+cluster://…@HOST[:6379],HOST…                               a cluster, found by any of its servers
    unix://[USER:PASSWORD@]/PATH[?db=DB]                              one server on this machine

`rediss` in place of `redis` means TLS, with the options `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (paths),
`ssl_cert_reqs` (required, optional or none) and `ssl_check_hostname` (true or false). Sentinels that want a login of
their own get it from `sentinel_username` and `sentinel_password`.

`timeout` is an option of each: after so many seconds without a reply a submitter gets NotConnected, after 5 where it
isn't given. A worker waits out an outage and doesn't go by it.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from penstock.errors import ConfigurationError

__all__ = ["SCHEMES", "Address", "Kind", "Place", "parsed"]

Kind = Literal["single", "sentinel", "cluster"]
SCHEMES: dict[str, Kind] = {
    "redis": "single",
    "rediss": "single",
    "unix": "single",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CHOICES = {"ssl_cert_reqs": ("required", "optional", "none"), "ssl_check_hostname": ("true", "false")}
_SENTINEL = ("sentinel_username", "sentinel_password")
_PLACE = re.compile(r"(\[(?P<v6>[^]]+)\]|(?P<host>[^][:]+))(:(?P<port>[0-9]{1,5}))?")
_UNSAFE = set("/?#@")  # in a password they would end it


class Place(NamedTuple):
    """Where a server listens. The host of a Unix socket is its path, and its port 0."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else self.host


@dataclass(frozen=True)
class Address:
    """A parsed URL. `places` are the sentinels' of a sentinel address and the first to ask of a cluster."""

    kind: Kind
    places: tuple[Place, ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    master: str = ""
    tls: bool = False
    timeout: float | None = None
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return ",".join(map(str, self.places))


def parsed(url: str) -> Address:
    """The address that a URL means. Raises ConfigurationError, which shows nothing that might be a password."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ConfigurationError(f"broker URL: use one of {', '.join(f'{known}://' for known in SCHEMES)}")
    try:
        return _address(scheme, rest)
    except ValueError as error:
        raise ConfigurationError(f"broker URL {scheme}://…: {error}") from None


def _address(scheme: str, rest: str) -> Address:
    login, _, rest = rest.rpartition("@")
    if _UNSAFE & set(login):
        raise ValueError("write '/', '?', '#' and '@' in user, password and options as %2F, %3F, %23 and %40")
    rest, _, query = rest.partition("?")
    user, _, password = login.partition(":")
    where, _, path = rest.partition("/")
    kind, tls = SCHEMES[scheme], scheme.startswith("rediss")
    options = _options(query, tls=tls, kind=kind)
    master, db = _path(scheme, path, options.pop("db", ""))
    timeout = _timeout(options.pop("timeout", None))
    places = (Place(unquote(rest), 0),) if scheme == "unix" else _places(where, kind)
    if scheme == "unix" and not path:
        raise ValueError("it names no socket: unix:///PATH")
    return Address(kind, places, unquote(user) or None, unquote(password) or None, db, master, tls, timeout, options)


def _places(text: str, kind: Kind) -> tuple[Place, ...]:
    places = tuple(_place(one, 26379 if kind == "sentinel" else 6379) for one in text.split(","))
    if kind == "single" and len(places) > 1:
        raise ValueError("several servers: say what they are by redis+cluster:// or redis+sentinel://")
    return places


def _place(text: str, port: int) -> Place:
    found = _PLACE.fullmatch(text)
    if found is None or not 0 < int(found["port"] or port) < 65536:
        raise ValueError("a server is HOST or HOST:PORT, an IPv6 address in brackets as in [::1]:6379")
    return Place(unquote(found["host"] or found["v6"]), int(found["port"] or port))


def _path(scheme: str, path: str, option: str) -> tuple[str, int]:
    """The name of the sentinels' master, if it has one, and the number of the database."""
    master = ""
    if SCHEMES[scheme] == "sentinel":
        master, _, path = path.partition("/")
        if not master:
            raise ValueError("it doesn't name the sentinels' master: …HOST:26379/MASTER or …/MASTER/DB")
    db = option or ("" if scheme == "unix" else path) or "0"
    if not (db.isascii() and db.isdigit()):
        raise ValueError("the database is a number: …/0")
    if SCHEMES[scheme] == "cluster" and int(db):
        raise ValueError("a cluster has only database 0: leave it out")
    return unquote(master), int(db)


def _timeout(text: str | None) -> float | None:
    if text is None:
        return None
    with suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise ValueError(f"timeout={text}: use a number of seconds greater than 0, such as timeout=5")


def _options(query: str, *, tls: bool, kind: Kind) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    known = (
        "db",
        "timeout",
        *(_FILES if tls else ()),
        *(_CHOICES if tls else ()),
        *(_SENTINEL if kind == "sentinel" else ()),
    )
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"option {name!r} isn't one of {', '.join(known)}")
        if name in _FILES and not Path(value).is_file():
            raise ValueError(f"{name}: there is no file {value!r}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"{name} is one of {', '.join(_CHOICES[name])}")
    return options
