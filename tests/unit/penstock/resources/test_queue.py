from penstock.resources.queue import DEFAULT_MAX_CRASHES, TaskQueue

MANIFEST = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "TaskQueue",
    "metadata": {"name": "emails"},
    "spec": {
        "paused": True,
        "rateLimit": {"tasks": 100, "periodSeconds": 60.0, "burst": 10, "perKey": True},
        "concurrency": {"max": 50, "perKey": 2},
        "retry": {"maxAttempts": 4},
        "timeoutSeconds": 2.5,
        "maxDepth": 1000,
        "overflow": "Wait",
        "deadLetter": {"retentionSeconds": 60, "maxLength": 5},
        "resultTTLSeconds": 60,
        "ttlSecondsAfterFinished": 0,
        "allowedTasks": ["shop.*", "billing.[ab]?"],
        "maxCrashes": 2,
    },
    "status": {
        "observedGeneration": 2,
        "depth": 1,
        "delayed": 2,
        "parked": 3,
        "inFlight": 4,
        "deadLettered": 5,
        "oldestSeconds": 1.5,
        "conditions": [],
    },
}


def test_every_field_survives_the_round_trip() -> None:
    assert TaskQueue.stored(MANIFEST).manifest() == MANIFEST


def test_defaults() -> None:
    spec = TaskQueue.stored({"metadata": {"name": "emails"}}).spec
    assert (spec.max_crashes, spec.result_ttl_seconds, spec.paused) == (DEFAULT_MAX_CRASHES, 3600, False)
    assert spec.dead_letter.max_length == 10_000
    assert spec.retry is None
