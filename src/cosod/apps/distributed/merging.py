"""Merging the manifests of the shards into one manifest of the whole run."""

import json
from collections.abc import Sequence
from pathlib import Path

from cosod.apps.distributed.manifest import check_alike, folder_of, read_manifests
from cosod.errors import InputError
from cosod.io.atomic_write import write_text

#: Name of the file in the output folder that lists what the whole run has done.
MANIFEST = "manifest.json"


def merge(output: Path) -> dict:
    """Merges the manifests of the shards in an output folder.

    If all shards are finished, the result is also written to the file :data:`MANIFEST` in the folder.

    Args:
        output: folder of the results.

    Returns:
        A dictionary with

        - ``shards``: number of shards of the run;
        - ``facts``: model and options;
        - ``missing``: numbers of the shards that have not begun;
        - ``unfinished``: numbers of the shards that are running or were stopped;
        - ``rows``: for each shard a dictionary with its number, its state, the time of its last update, its numbers of
          groups and images, how many of them are done, and the number of failed images;
        - ``groups``: for each group a dictionary with ``name``, ``images``, ``shard``, ``state`` and ``failed``, and
          ``part`` if it is a part of a group;
        - ``failed``: for each failed image a dictionary with ``group``, ``image`` and ``error``.

    Raises:
        InputError: there are no manifests, a manifest is damaged, or the shards do not belong to the same run.
        OutputError: the merged manifest cannot be written.

    Example:
        >>> merge(Path("out"))["missing"]  # doctest: +SKIP
        []
    """
    manifests = read_manifests(output)
    if not manifests:
        raise InputError(f"no shards in {output} ({folder_of(output)}); give the folder of cosod segment --shard 1/8")
    check_alike(output, manifests)
    _check_plans(output, manifests)
    count = manifests[0]["shards"]
    there = {manifest["shard"] for manifest in manifests}
    merged = {
        "shards": count,
        "facts": manifests[0]["facts"],
        "missing": [number for number in range(1, count + 1) if number not in there],
        "unfinished": [m["shard"] for m in manifests if m["state"] != "finished"],
        "rows": [_row(manifest) for manifest in manifests],
        "groups": _groups(manifests),
    }
    merged["failed"] = [{"group": g["name"], **failed} for g in merged["groups"] for failed in g["failed"]]
    if not merged["missing"] and not merged["unfinished"]:
        write_text(output / MANIFEST, json.dumps(merged, ensure_ascii=False))
    return merged


def _check_plans(output: Path, manifests: Sequence[dict]) -> None:
    """Raises InputError if the shards found different groups, since some may then be processed twice or not at all."""
    newest = max(manifests, key=lambda manifest: manifest["updated"])
    old = [f"{m['shard']}/{m['shards']}" for m in manifests if m["plan"] != newest["plan"]]
    if old:
        raise InputError(
            f"the photos were others when shard{'s' if len(old) > 1 else ''} {', '.join(old)} of {output} began than "
            f"for shard {newest['shard']}/{newest['shards']}; run {'these' if len(old) > 1 else 'it'} again"
        )


def _row(manifest: dict) -> dict:
    groups = manifest["groups"]
    done = [group for group in groups if group["state"] != "planned"]
    return {
        "shard": manifest["shard"],
        "state": manifest["state"],
        "updated": manifest["updated"],
        "groups": len(groups),
        "groups_done": len(done),
        "images": sum(group["images"] for group in groups),
        "images_done": sum(group["images"] - len(group["failed"]) for group in done),
        "failed": sum(len(group["failed"]) for group in groups),
    }


def _groups(manifests: Sequence[dict]) -> list[dict]:
    rows = [{**group, "shard": manifest["shard"]} for manifest in manifests for group in manifest["groups"]]
    return sorted(rows, key=lambda group: (group["name"], group.get("part", 0)))
