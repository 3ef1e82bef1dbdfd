"""Runs on several machines: shards of a run (:mod:`~cosod.apps.distributed.shards`), their manifests, and Ray."""
