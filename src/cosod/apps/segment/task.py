"""What is done with a group, and the fingerprints that tell whether its results are still of the same photos."""

from dataclasses import dataclass

from cosod.apps.group_job import unit_record
from cosod.apps.resumable import UnitRecord
from cosod.apps.segment.job import SegmentJob
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.io.photo_groups import Group
from cosod.io.run_records import file_states, fingerprint


@dataclass(frozen=True)
class GroupTask:
    """What is to be done with a group: a job, and the consensus to apply, or None for the group's own."""

    job: SegmentJob
    name: str | None = None
    consensus: GroupConsensus | None = None

    def record(self, detector: Detector, model: str, group: Group) -> UnitRecord:
        """Returns the record of a group, or of a part of one."""
        return unit_record(self.job, group, self.fingerprint(detector, model, group))

    def fingerprint(self, detector: Detector, model: str, group: Group) -> str:
        """Returns a fingerprint that changes whenever the group's results might."""
        facts = _options(detector, model, self.job, self.consensus)
        sampling = detector.options.sampling
        if self.consensus is None and sampling.applies_to(len(group.images)):
            facts += (sampling.references, sampling.by, sampling.seed)
        return fingerprint(*facts, file_states(group.images), group.stems)


def options_of(detector: Detector, model: str, job: SegmentJob, consensus: GroupConsensus | None) -> str:
    """Returns a fingerprint that changes whenever the results of the same photos might."""
    return fingerprint(*_options(detector, model, job, consensus))


def _options(detector: Detector, model: str, job: SegmentJob, consensus: GroupConsensus | None) -> tuple:
    network = (model, detector.precision, *detector.options.views.values())
    return (*network, *job.facts.values(), consensus and consensus.fingerprint)
