"""The outbox's table."""

from __future__ import annotations

from django.db import models

__all__ = ["Waiting"]


class Waiting(models.Model):
    """A call that waits for its commit, or for somebody to send it afterwards."""

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    app: models.CharField[str, str] = models.CharField(max_length=253, db_index=True)
    envelope: models.BinaryField[bytes, bytes] = models.BinaryField()

    class Meta:
        """Where it lies."""

        app_label = "penstock"
        db_table = "penstock_outbox"
