from __future__ import annotations

from penstock import Penstock

app = Penstock("shop")
