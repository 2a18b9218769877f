"""The container around `penstock.worker`: settings from the environment, probes, reports to the API server."""
