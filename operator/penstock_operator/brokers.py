"""One broker connection a namespace, made when it is first needed."""

from __future__ import annotations

from penstock.broker import Broker, connect

__all__ = ["Brokers"]


class Brokers:
    """The brokers of all namespaces, on one Redis."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._brokers: dict[str, Broker] = {}

    def of(self, namespace: str) -> Broker:
        """The namespace's broker."""
        if namespace not in self._brokers:
            self._brokers[namespace] = connect(self.url, namespace)
        return self._brokers[namespace]

    async def close(self) -> None:
        """Disconnect."""
        for broker in self._brokers.values():
            await broker.close()
