"""Every invalid manifest is refused by the API server, with a message that names the field and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.kubectl import Kubectl, Refused

MANIFESTS = sorted((Path(__file__).parent / "invalid").glob("*.yaml"))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_is_refused(namespace: Kubectl, manifest: Path) -> None:
    text = manifest.read_text()
    expected = (
        next(line for line in text.splitlines() if line.startswith("# expect:")).removeprefix("# expect:").strip()
    )
    *valid, refused = [part for part in text.split("\n---\n") if part.strip()]
    for document in valid:
        namespace("apply", "-f", "-", stdin=document)
    with pytest.raises(Refused) as refusal:
        namespace("apply", "-f", "-", stdin=refused)
    assert expected in str(refusal.value)


def test_there_are_enough() -> None:
    assert len(MANIFESTS) >= 30
