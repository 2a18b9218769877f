"""What the way through resources can do, on the cluster of KUBECONFIG: `python -m benchmarks.capacity --help`.

One stage a module: `raw`, `sustained`, `jobs`, `latency`, `live`, `batch`. Each gives named figures; `bars` judges
them, `table`, `plot` and `record` show them. Everything that a stage makes bears LABEL, and is removed after it.
"""
