"""Claim → execute → settle → report. Knows the broker; knows neither Kubernetes nor how it was started."""

from penstock.worker.recycling import Limits
from penstock.worker.worker import TASK_THREADS, Settings, Worker

__all__ = ["TASK_THREADS", "Limits", "Settings", "Worker"]
