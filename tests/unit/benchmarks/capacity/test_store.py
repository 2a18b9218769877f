from __future__ import annotations

from benchmarks.capacity.store import parse

METRICS = """\
# TYPE apiserver_storage_size_bytes gauge
apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 2.04201984e+08
apiserver_storage_size_bytes{storage_cluster_id="etcd-1"} 1024
apiserver_storage_size_bytes_other 9e+20
"""


def test_the_largest_file_counts() -> None:
    assert parse(METRICS) == 204_201_984


def test_a_server_that_does_not_tell() -> None:
    assert parse("# nothing") is None
