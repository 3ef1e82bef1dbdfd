"""The manifest of a shard: a file beside the records of groups that lists what the shard has to do and has done."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cosod.apps.distributed.shards import Shard
from cosod.apps.summary import Summary
from cosod.errors import CosodError, InputError
from cosod.io.atomic_write import write_text
from cosod.io.photo_groups import Group
from cosod.io.run_records import RECORDS, fingerprint
from cosod.io.storage import entries, is_remote, open_binary

#: Name of the folder of manifests in the folder of records.
SHARDS = "shards"
#: Minimum number of seconds between two updates of a manifest while its shard runs.
SECONDS = 5.0

Finished = Callable[[Group, Summary], None]


def folder_of(output: Path) -> Path:
    """Returns the folder of the manifests in an output folder.

    Example:
        >>> folder_of(Path("out")).as_posix()
        'out/.cosod/shards'
    """
    return output / RECORDS / SHARDS


@contextlib.contextmanager
def sharded(
    shard: Shard | None, output: Path, groups: Sequence[Group], facts: Mapping[str, object]
) -> Iterator[tuple[list[Group], Finished]]:
    """Yields the groups of a shard, and a function to call with each group and its summary when it is finished.

    The manifest of the shard is written at the beginning, at most every :data:`SECONDS` seconds while groups are
    finished, and at the end, also after an error.

    Args:
        shard: the shard; None yields all groups and writes no manifest.
        output: folder of the results.
        groups: groups of the whole run.
        facts: model and options as values that JSON can hold, which must be the same for all shards.

    Raises:
        InputError: the folder holds manifests of a run with another number of shards, another model or other options; a
            manifest in it is damaged; or a group has a name that collides with a manifest.
        OutputError: the manifest cannot be written.

    Example:
        >>> with sharded(Shard(1, 8), output, groups, {"model": model}) as (part, finished):  # doctest: +SKIP
        ...     run(detector, model, part, job, finished=finished)
    """
    if shard is None:
        yield list(groups), lambda group, summary: None
        return
    _check_names(groups)
    _check_others(output, shard, facts)
    manifest = _Manifest(output, shard, groups, facts)
    manifest.write()
    try:
        yield manifest.groups, manifest.finished
    except BaseException:
        with contextlib.suppress(CosodError):  # the error that ended the run is the one that is reported
            manifest.write("stopped")
        raise
    manifest.write("finished")


class _Manifest:
    """The manifest of a shard while it runs; arguments as for :func:`sharded`."""

    def __init__(self, output: Path, shard: Shard, groups: Sequence[Group], facts: Mapping[str, object]):
        self.groups = shard.of(groups)
        self._path = folder_of(output) / f"{shard.number}-of-{shard.count}.json"
        self._written = 0.0
        self._facts = {
            "shard": shard.number,
            "shards": shard.count,
            "facts": dict(facts),
            "plan": fingerprint([(group.name, group.part, len(group.images)) for group in groups]),
        }
        self._rows = {(group.name, group.part): _planned(group) for group in self.groups}

    def finished(self, group: Group, summary: Summary) -> None:
        """Notes the result of a group, and writes the manifest if the last time was long enough ago."""
        row = self._rows[group.name, group.part]
        row["failed"] = [{"image": f["image"], "error": f["error"]} for f in summary.failed]
        row["state"] = "done" if summary.groups or summary.skipped_groups else "failed"
        if time.monotonic() - self._written > SECONDS:
            self.write()

    def write(self, state: str = "running") -> None:
        """Writes the manifest with a state of the shard: ``running``, ``stopped`` or ``finished``."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        content = {**self._facts, "state": state, "updated": now, "groups": list(self._rows.values())}
        write_text(self._path, json.dumps(content, ensure_ascii=False))
        self._written = time.monotonic()


def _planned(group: Group) -> dict:
    part = {} if group.part is None else {"part": group.part}
    return {"name": group.name, **part, "images": len(group.images), "state": "planned", "failed": []}


def read_manifests(output: Path) -> list[dict]:
    """Reads the manifests in an output folder, sorted by the number of shards and the number of the shard.

    Raises:
        InputError: a manifest is damaged.

    Example:
        >>> read_manifests(Path("none"))
        []
    """
    folder = folder_of(output)
    names = [e.name for e in entries(folder)] if is_remote(folder) else [p.name for p in folder.glob("*.json")]
    found = []
    for name in names:
        if not re.fullmatch(r"[0-9]+-of-[0-9]+\.json", name):
            continue
        try:
            with open_binary(folder / name) as file:
                content = json.loads(file.read())
            key = content["shards"], content["shard"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder / name}: damaged ({error}); delete it and run that shard again") from error
        found.append((key, content))
    return [content for _, content in sorted(found, key=lambda pair: pair[0])]


def check_alike(output: Path, manifests: Sequence[dict]) -> None:
    """Checks that all shards belong to runs with the same number of shards, the same model and the same options.

    Args:
        output: folder of the results, for the message.
        manifests: manifests of the shards, at least one.

    Raises:
        InputError: two shards differ; the message names them.

    Example:
        >>> check_alike(Path("out"), read_manifests(Path("out")))  # doctest: +SKIP
    """
    for other in manifests[1:]:
        first, name = _name(manifests[0]), _name(other)
        if other["shards"] != manifests[0]["shards"]:
            raise InputError(
                f"{output} holds shards of runs in {manifests[0]['shards']} and in {other['shards']} parts ({first}, "
                f"{name}); give another folder, or delete {folder_of(output)} to begin anew"
            )
        mine, yours = manifests[0]["facts"], other["facts"]
        different = sorted(key for key in {*mine, *yours} if mine.get(key) != yours.get(key))
        if different:
            one, two = (", ".join(f"{key} {facts.get(key)}" for key in different) for facts in (mine, yours))
            raise InputError(
                f"shards {first} and {name} in {output} differ: {one}; {two}. Run all with one model and the same "
                f"options, or delete {folder_of(output)} to begin anew"
            )


def _name(manifest: dict) -> str:
    return f"{manifest['shard']}/{manifest['shards']}"


def _check_others(output: Path, shard: Shard, facts: Mapping[str, object]) -> None:
    mine = {"shard": shard.number, "shards": shard.count, "facts": dict(facts)}
    others = [m for m in read_manifests(output) if (m["shard"], m["shards"]) != shard]
    check_alike(output, [mine, *others])


def _check_names(groups: Sequence[Group]) -> None:
    """Raises InputError if the record of a group would have the path of a manifest."""
    for group in groups:
        if re.fullmatch(rf"{SHARDS}/[0-9]+-of-[0-9]+", group.name):
            raise InputError(f"{group.name}: shards keep a file of this name; rename the folder")
