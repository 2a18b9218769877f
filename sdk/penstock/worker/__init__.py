"""Claim → execute → settle → report. Knows the broker; knows neither Kubernetes nor how it was started."""

from penstock.worker.worker import Settings, Worker

__all__ = ["Settings", "Worker"]
