"""Options that take words of a closed set, and the help of all options."""

import importlib

import click
import pytest

from cosod.active_learning import queries
from cosod.analysis import run
from cosod.apps import absence
from cosod.apps.cutout import cutout, job
from cosod.apps.segment import job as segment_job
from cosod.apps.thumbnails import annotations, thumbnails
from cosod.apps.thumbnails import job as thumbnail_job
from cosod.cli import VERBS, active, choices
from cosod.cli.parameters import ListOf, OneOf
from cosod.errors import InputError
from cosod.evaluation.protocols import PROTOCOLS
from cosod.inference.backends import exporting
from tests.cli.command_line import cosod


def commands():
    """All commands by name."""
    found = {}
    for verb in VERBS:
        found[verb] = importlib.import_module(f"cosod.cli.{verb.replace('-', '_')}").command
    for name in active.COMMANDS:
        found[f"active {name}"] = importlib.import_module(f"cosod.cli.active_{name}").command
    return found


def test_the_sets_are_those_of_the_modules_that_they_belong_to():
    assert choices.RESULTS == segment_job.KINDS
    assert choices.OUTLINES == segment_job.OUTLINES
    assert choices.ABSENT == absence.ABSENT_KINDS
    assert choices.CUTOUT_METHODS == cutout.METHODS
    assert choices.CUTOUT_FORMATS == job.FORMATS
    assert choices.ALIGNMENTS == cutout.ALIGNMENTS
    assert choices.EDGES == thumbnails.EDGES
    assert choices.LABELS == thumbnail_job.LABELS
    assert choices.LABEL_MASKS == annotations.MASKS
    assert choices.EXPORT_FORMATS == exporting.FORMATS
    assert choices.INSPECTIONS == run.KINDS
    assert tuple(PROTOCOLS) == choices.PROTOCOLS
    assert list(choices.QUERY_FORMATS) == queries.check_formats(choices.QUERY_FORMATS)


@pytest.mark.parametrize(("verb", "command"), commands().items(), ids=commands())
def test_every_option_says_what_it_does(verb, command):
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help and option.help[0].isupper(), f"{verb} {option.opts[0]}: {option.help}"
            assert option.help.rstrip().endswith((".", "]", "...")), f"{verb} {option.opts[0]}: {option.help}"
            assert "by commas" not in option.help and not option.help.startswith(("Of ", "By "))
    if not isinstance(command, click.Group):
        assert command.help and command.help.strip().split("\n")[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("segment p -o out --outline pen", "--outline pen: give one of map, grabcut"),
        ("segment p -o out --absent hide", "--absent hide: give one of keep, blank, report"),
        ("segment p -o out --save maps,mask", "--save maps,mask: give any of maps, masks, overlays"),
        ("segment p -o out --precision half", "--precision half: give one of auto"),
        ("segment p -o out --backend tensorrt", "--backend tensorrt: give one of torch"),
        ("segment p -o out --runner spark", "--runner spark: give one of local, ray"),
        ("cutout p -o out --method pen", "--method pen: give one of grabcut, threshold, alpha"),
        ("cutout p -o out --align top", "--align top: give one of center, bottom"),
        ("cutout p -o out --format gif", "--format gif: give one of png, webp, jpg"),
        ("thumbnails p -o out --edges mirror", "--edges mirror: give one of extend, inside"),
        ("thumbnails p -o out --labels voc", "--labels voc: give any of coco, yolo"),
        ("thumbnails p -o out --labels coco --masks png", "--masks png: give one of none, rle, polygons"),
        ("export --format caffe -o m.onnx", "--format caffe: give one of onnx, openvino, torchscript"),
        ("inspect p -o out --show everything", "--show everything: give any of consensus"),
        ("ablate r --data p --test p -o out --protocol mine", "--protocol mine: give one of papers"),
        ("active query r --data p -o out --format voc", "--format voc: give any of json, labelstudio, cvat"),
    ],
)
def test_another_word_is_refused_in_one_sentence(tmp_path, monkeypatch, capsys, arguments, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    assert cosod(*arguments.split()) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"Error: {name}")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_lists_and_words():
    assert ListOf(("a", "b")).convert(" b,a ", None, None) == ("b", "a")
    assert ListOf(("a", "b")).convert(("a",), None, None) == ("a",)
    assert OneOf(("a", "b")).convert("a", None, None) == "a"
    for wrong in ("", ",", "c", "a,c"):
        with pytest.raises(InputError):
            ListOf(("a", "b")).convert(wrong, None, None)
