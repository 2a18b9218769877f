"""What Penstock itself has logged."""

from __future__ import annotations

import pytest


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Its messages, without those of others: what an earlier test left behind may be collected in this one."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("penstock")]
