"""``cosod convert``: converts published checkpoints to weights files of this package, and back."""

from pathlib import Path

import click

from cosod.cli.parameters import LocalPath
from cosod.errors import InputError, OutputError


@click.command()
@click.argument("source", type=LocalPath())
@click.argument("output", type=LocalPath())
@click.option(
    "--to-published", "reverse", is_flag=True, help="Convert a weights file of this package to the published layout."
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT if it exists.")
def command(source: Path, output: Path, reverse: bool, overwrite: bool):
    """Convert the published checkpoint SOURCE to the weights file OUTPUT of this package.

    Checkpoints of GCoNet, GCoNet+, SSNM and F3Net are recognized by their contents, not by their names:

    \b
        cosod convert final_gconet.pth gconet.safetensors

    The state dict may be part of what a training script saves, have prefixed names, or be a whole module; numbers and
    settings beside it are ignored. No code from the file is run. Weights that are not finite are refused.

    With --to-published, SOURCE is a weights file of this package, and OUTPUT is written in PyTorch's format, or as
    safetensors if it has that suffix.
    """
    from cosod.io.write_guard import guard

    if not reverse and output.suffix != ".safetensors":
        raise InputError(f"{output}: files of this package are safetensors; give a name that ends in .safetensors")
    guard([output], [source])
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; give another name, or --overwrite to replace it")
    import torch

    from cosod.io.atomic_write import whole
    from cosod.models.checkpoints.published import from_published, to_published
    from cosod.models.checkpoints.safetensors_file import load, save
    from cosod.models.registry import name_of

    if reverse:
        network = load(source)
        state = to_published(network)
        with whole(output) as temporary:
            if output.suffix == ".safetensors":
                from safetensors.torch import save_file

                # The tensors are copied because safetensors refuses tensors that share memory. Those of SSNM's decoder
                # blocks do.
                whole_state = {n: t.clone(memory_format=torch.contiguous_format) for n, t in state.items()}
                save_file(whole_state, temporary)
            else:
                torch.save(state, temporary)
    else:
        network = from_published(source)
        save(network, output, extra={"converted_from": source.name})
    count = sum(parameter.numel() for parameter in network.parameters())
    click.echo(f"{source} is {name_of(network)} with {count / 1e6:.1f} million parameters")
    click.echo(f"written to {output}" + (" in the published layout" if reverse else ""))
