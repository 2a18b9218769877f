"""Penstock's scaling policy beside models of KEDA with HPA and of HPA alone, in a simulated cluster.

`world` is a queue, pods and a ReplicaSet, moved by events; `scalers` look at it once in their own periods and say how
many replicas it gets; `patterns` are what arrives. Units everywhere: seconds since the start, tasks, replicas. A run is
decided by its pattern, its scaler and its seed, and by nothing else.
"""
