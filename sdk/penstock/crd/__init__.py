"""What is generated from the resource models: CRDs, their copies in the chart, the reference page."""
