"""The tasks of a group, and the fingerprints that tell whether its results are still up to date."""

from dataclasses import dataclass

from cosod.apps.group_job import unit_record
from cosod.apps.resumable import UnitRecord
from cosod.apps.segment.job import SegmentJob
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.results import GroupDetector
from cosod.io.photo_groups import Group
from cosod.io.run_records import file_states, fingerprint


@dataclass(frozen=True)
class GroupTask:
    """A task for a group of photos.

    Attributes:
        job: what to write.
        name: name of the consensus that is applied; None for the consensus of the group itself.
        consensus: the consensus that is applied; None for the consensus of the group itself.
    """

    job: SegmentJob
    name: str | None = None
    consensus: GroupConsensus | None = None

    def record(self, detector: GroupDetector, model: str, group: Group) -> UnitRecord:
        """Returns the record of a group, or of a part of one.

        Args:
            detector: the detector.
            model: identity of its network and weights.
            group: the photos.
        """
        return unit_record(self.job, group, self.fingerprint(detector, model, group))

    def fingerprint(self, detector: GroupDetector, model: str, group: Group) -> str:
        """Returns a fingerprint that changes whenever the results of the group might change; arguments as above."""
        facts = _options(detector, model, self.job, self.consensus)
        sampling = detector.options.sampling
        if self.consensus is None and sampling.applies_to(len(group.images)):
            facts += (sampling.references, sampling.by, sampling.seed)
        return fingerprint(*facts, file_states(group.images), group.stems)


def options_of(detector: GroupDetector, model: str, job: SegmentJob, consensus: GroupConsensus | None) -> str:
    """Returns a fingerprint of the options; it changes whenever the results of the same photos might change.

    Args:
        detector: the detector.
        model: identity of its network and weights.
        job: what to write.
        consensus: the consensus that is applied; None for the consensus of each group itself.

    Example:
        >>> options = options_of(detector, model, SegmentJob(Path("out")), None)  # doctest: +SKIP
    """
    return fingerprint(*_options(detector, model, job, consensus))


def _options(detector: GroupDetector, model: str, job: SegmentJob, consensus: GroupConsensus | None) -> tuple:
    network = (model, detector.options.precision, *detector.options.views.values())
    return (*network, *job.facts.values(), consensus and consensus.fingerprint)
