"""Past one machine: fixed parts of a run (:mod:`~cosod.cluster.shards`), their manifests, and runs on Ray."""
