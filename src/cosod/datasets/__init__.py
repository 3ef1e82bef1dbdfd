"""The field's data sets: a catalogue of them, and reading of sets on disk in any of the usual layouts."""

from cosod.datasets.catalogue import Count, SetInfo, catalogue, known, lookup
from cosod.datasets.folder import Dataset, Problem, open_all
from cosod.datasets.folder import open_set as open

__all__ = ["Count", "Dataset", "Problem", "SetInfo", "catalogue", "known", "lookup", "open", "open_all"]
