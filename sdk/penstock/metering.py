"""The OpenTelemetry SDK's part of metrics: what reads and exports them. Imported only where metrics are on."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

__all__ = ["meter_provider"]


def meter_provider(service: str) -> MeterProvider:
    """What exports this process's metrics, every OTEL_METRIC_EXPORT_INTERVAL (a minute)."""
    resource = Resource.create({"service.name": service})
    return MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
