"""The OpenTelemetry SDK's part of metrics: what reads and exports them. Imported only where metrics are on."""

from __future__ import annotations

from collections.abc import Container

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

__all__ = ["meter_provider", "page"]


def meter_provider(service: str, exporters: Container[str]) -> MeterProvider:
    """What exports this process's metrics: "otlp" every OTEL_METRIC_EXPORT_INTERVAL (a minute), "prometheus" to whoever
    asks for the `page`."""
    readers: list[MetricReader] = []
    if "otlp" in exporters:
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    if "prometheus" in exporters:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader

        readers.append(PrometheusMetricReader())
    return MeterProvider(readers, Resource.create({"service.name": service}))


def page() -> tuple[bytes, str]:
    """All metrics as Prometheus reads them, and the content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return generate_latest(), CONTENT_TYPE_LATEST
