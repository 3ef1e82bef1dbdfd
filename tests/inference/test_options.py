"""All options of detection: validated in one place, the same from the command line as from Python."""

import json
import re
import subprocess
import sys
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

import cosod
from cosod.cli.detector_options import Network, group_options, network_options
from cosod.errors import InputError
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.inference.options import DetectorOptions, ReferenceSampling
from cosod.models import create


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 0},
        {"batch": 2.5},
        {"batch": "8"},
        {"size": 0},
        {"size": 256.0},
        {"max_pixels": 0},
        {"feature_bytes": -1},
        {"precision": "float16"},
        {"backend": "tensorrt"},
        {"backend": "openvino", "device": "cuda"},
        {"backend": "onnxruntime", "precision": "bfloat16"},
    ],
)
def test_values_out_of_range_are_refused_at_once(wrong):
    with pytest.raises(InputError, match=re.escape(str(next(iter(wrong.values()))))):
        DetectorOptions(**wrong)
    with pytest.raises(InputError):
        load(**wrong)


def test_plain_values_go_through_json():
    options = DetectorOptions(size=384, flip=True, sampling=ReferenceSampling(64, "random"))
    assert DetectorOptions.from_plain(json.loads(json.dumps(options.plain()))) == options


def test_changes_that_are_none_change_nothing():
    options = DetectorOptions(size=384, batch=2)
    assert DetectorOptions.of(options, size=None, batch=3) == DetectorOptions(size=384, batch=3)
    with pytest.raises(TypeError, match="bach"):
        DetectorOptions.of(bach=3)


def test_every_option_is_documented():
    described = re.findall(r"^        (\w+): ", DetectorOptions.__doc__.split("Raises:")[0], re.MULTILINE)
    assert described == [option.name for option in fields(DetectorOptions)]


def test_a_detector_says_what_it_uses():
    network = create("gconet_plus_mobile")
    options = DetectorOptions(device="cpu", batch=3, precision="float32")
    detector = Detector(network, size=64, options=options, keep_regions=True)
    assert detector.options == DetectorOptions(device="cpu", size=64, batch=3, keep_regions=True)
    assert (detector.size, detector.batch, str(detector.device)) == (64, 3, "cpu")
    assert Detector(network, "cpu").options.size == network.size


def given(*arguments: str, **settings) -> Network:
    """What a command gets of these arguments."""
    found = []

    @click.command()
    @network_options(**settings)
    @group_options
    def command(network):
        found.append(network)

    result = CliRunner().invoke(command, arguments)
    if result.exception and not found:
        raise result.exception
    return found[0]


def test_the_command_line_gives_the_same_options():
    assert given() == Network(options=DetectorOptions(precision="auto", free_threads=True))
    assert given(without=("precision",)) == Network(options=DetectorOptions(free_threads=True))
    network = given("--model", "gconet", "--size", "96", "--flip", "--batch", "2", "--references", "0", "--closer")
    wanted = DetectorOptions(
        size=96,
        batch=2,
        flip=True,
        closer=True,
        precision="auto",
        sampling=ReferenceSampling(0),
        free_threads=True,
    )
    assert network == Network("gconet", options=wanted)
    assert given("--working-size", "96", size="--working-size").options.size == 96
    assert network.using(size=None, device="cpu").options == DetectorOptions.of(wanted, device="cpu")


@pytest.mark.parametrize("arguments", [("--batch", "0"), ("--references", "1"), ("--precision", "half")])
def test_the_command_line_refuses_the_same_values(arguments):
    with pytest.raises(InputError):
        given(*arguments)


def test_options_are_known_without_torch():
    code = "import sys, cosod.cli.detector_options; print(sorted({'torch', 'numpy', 'cv2', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_was_chosen_is_in_the_record_of_a_run(tmp_path):
    from cosod.apps.segment import SegmentJob, run
    from cosod.inference.probe_images import drawn_group
    from cosod.io import find_groups
    from cosod.postprocess.render import save_image

    for number, image in enumerate(drawn_group()):
        save_image(image, tmp_path / "discs" / f"{number}.png")
    detector = cosod.Detector(create("gconet_plus_mobile"), "cpu", 64, batch=2)
    run(detector, "toy", find_groups([tmp_path / "discs"]), SegmentJob(tmp_path / "out"))
    record = json.loads((tmp_path / "out" / ".cosod" / "discs.json").read_text())
    assert DetectorOptions.from_plain(record["detector"]) == detector.options
