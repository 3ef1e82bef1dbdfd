"""``cosod export``: a network as one model for other programs."""

from pathlib import Path

import click

from cosod.cli.detector_options import weights_files
from cosod.cli.parameters import POSITIVE


@click.command(short_help="Write a network as ONNX, OpenVINO or TorchScript, for other programs.")
@click.option("--format", "form", required=True, help="onnx, openvino or torchscript.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File: .onnx, .xml or .pt.")
@click.option(
    "--model",
    default="default",
    show_default=True,
    help="Network: default, accurate, or a name that `cosod models` lists.",
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Weights file, or training run, in place of the package's own."
)
@click.option("--size", type=POSITIVE, help="Side in pixels of the images it takes.  [default: the network's]")
@click.option("--overwrite", is_flag=True, help="Replace the file where it exists.")
def command(form: str, output: Path, model: str, weights: Path | None, size: int | None, overwrite: bool):
    """Write a network with its weights as a model that other programs run without this package.

    The images of a group go in, any number of them, and their maps come out, with all regions (see `cosod segment
    --keep-regions`). How images are prepared is printed, and kept in the file. The file is compared with the network on
    groups of one, three and five images before it is kept.
    """
    from cosod.errors import OutputError
    from cosod.inference.backends import exporting
    from cosod.io.write_guard import guard
    from cosod.models.checkpoints import loading

    exporting.check(output, form)
    written = (output, output.with_suffix(".bin")) if form == "openvino" else (output,)
    guard(written, weights_files(weights))
    for path in written:
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; give another name, or --overwrite to replace it")
    named = model if model != "default" else None
    network = loading.load(weights or model, expected=named if weights else None)
    done = exporting.export(network, output, form, size)
    facts = done.metadata
    side = facts["size"]
    click.echo(f"{facts['model']} (weights {facts['identity']}) is in {' and '.join(map(str, done.files))}")
    click.echo(f"largest difference from the network on groups of 1, 3 and 5 images: {done.deviation:.1g}")
    click.echo(f"input   images, float32 (N, 3, {side}, {side}): a group of N images, RGB, resized to {side} x {side},")
    click.echo(f"        values (v / 255 - mean) / std with mean {facts['mean']} and std {facts['std']}")
    click.echo(f"output  maps, float32 (N, 1, {side}, {side}) in [0, 1]: resize each to its photo")
    click.echo(f"use     {_USE[form].format(path=output)}")


_USE = {
    "onnx": 'onnxruntime.InferenceSession("{path}").run(["maps"], {{"images": images}})[0]',
    # By default the library computes in bfloat16 where the processor has it, and the maps differ.
    "openvino": 'openvino.compile_model("{path}", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})(images)["maps"]',
    "torchscript": 'torch.jit.load("{path}")(images)',
}
