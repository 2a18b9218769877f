"""Who is who: uids and names of watched objects."""

from __future__ import annotations

from collections.abc import Collection

from penstock_operator.api import Key

__all__ = ["Names"]


class Names:
    """Of one kind. An object may be deleted and made again unseen: then its namesake comes first, and its end later."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._latest: dict[Key, str] = {}

    def put(self, uid: str, key: Key) -> None:
        """An object was seen."""
        self._keys[uid] = key
        self._latest[key] = uid

    def pop(self, uid: str) -> Key | None:
        """An object is gone: what it was called, or None where it was unknown or a namesake has taken its place."""
        key = self._keys.pop(uid, None)
        if key is None or self._latest[key] != uid:
            return None
        del self._latest[key]
        return key

    def has(self, uid: str) -> bool:
        """Whether it was seen and isn't gone."""
        return uid in self._keys

    def uids(self, namespace: str | None) -> Collection[str]:
        """Of all that aren't gone, in a namespace or (None) everywhere."""
        if namespace is None:
            return self._keys.keys()
        return [uid for uid, key in self._keys.items() if key[0] == namespace]
