"""``cosod export``: writes a network as a model for other programs."""

from pathlib import Path

import click

from cosod.cli import choices
from cosod.cli.detector_options import model_option, weights_files, weights_option
from cosod.cli.parameters import POSITIVE, LocalPath, OneOf


@click.command(short_help="Write a network as ONNX, OpenVINO or TorchScript, for other programs.")
@click.option("--format", "form", required=True, type=OneOf(choices.EXPORT_FORMATS), help="Format of the file.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=LocalPath(),
    help="File to write, ending in .onnx, .xml or .pt.",
)
@model_option
@weights_option
@click.option(
    "--size", type=POSITIVE, help="Side in pixels of the images that the model takes.  [default: the network's]"
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def command(form: str, output: Path, model: str, weights: Path | None, size: int | None, overwrite: bool):
    """Write a network with its weights as a model that other programs run without this package.

    The model takes the images of a group, of any number, and returns their maps, with all regions (see `cosod segment
    --keep-regions`). How the images have to be prepared is printed and stored in the file. Before the file is kept, its
    maps are compared with those of the network for groups of one, three and five images.
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
    if "stride" in facts:
        click.echo(
            f"        or (N, 3, H, W) with sides that are multiples of {facts['stride']}, in the photos' proportions"
        )
        click.echo("        and with about as many pixels, as `cosod segment` takes them")
        click.echo("output  maps, float32 (N, 1, H, W) in [0, 1]: resize each to its photo")
    else:
        click.echo(f"output  maps, float32 (N, 1, {side}, {side}) in [0, 1]: resize each to its photo")
    click.echo(f"use     {_USE[form].format(path=output)}")


_USE = {
    "onnx": 'onnxruntime.InferenceSession("{path}").run(["maps"], {{"images": images}})[0]',
    # By default, OpenVINO computes in bfloat16 on processors that support it, which changes the maps.
    "openvino": 'openvino.compile_model("{path}", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})(images)["maps"]',
    "torchscript": 'torch.jit.load("{path}")(images)',
}
