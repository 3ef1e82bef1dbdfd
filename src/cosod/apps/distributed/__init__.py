"""Past one machine: fixed parts of a run (:mod:`~cosod.apps.distributed.shards`), their manifests, and runs on Ray."""
