"""``cosod doctor``: checks this installation."""

import json

import click


@click.command(short_help="Print versions and devices, and check that the default model works here.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(as_json):
    """Print versions and devices, and check that the default model gives the expected output on each device.

    The exit code is 1 if it does not.
    """
    from cosod import doctor
    from cosod.models.checkpoints.packaged import DEFAULT, packaged_file

    path = packaged_file(f"{DEFAULT}.safetensors")
    facts = {"versions": doctor.versions(), "devices": doctor.devices(), "model": DEFAULT, "weights": str(path)}
    facts |= _checks_with_torch(path, facts["devices"]) if doctor.has_torch() else _NONE
    facts["onnx"] = doctor.onnx_deviation()
    tolerances = [(value, doctor.TOLERANCE) for value in (*facts["deviation"].values(), facts["onnx"])]
    checks = [*tolerances, (facts["int8"], doctor.INTEGER_TOLERANCE)]
    done = [value <= allowed for value, allowed in checks if not isinstance(value, str)]
    facts["healthy"] = bool(done) and all(done)
    if as_json:
        click.echo(json.dumps(facts))
    else:
        for part in ("versions", "devices"):
            for name, value in facts[part].items():
                click.echo(f"{name:<24} {value}")
        click.echo(f"{'default model':<24} {facts['model']}, {path}")
        for name, value in facts["deviation"].items():
            click.echo(f"{'check on ' + name:<24} {_verdict(value, doctor.TOLERANCE)}")
        click.echo(f"{'check of int8':<24} {_verdict(facts['int8'], doctor.INTEGER_TOLERANCE)}")
        click.echo(f"{'check without torch':<24} {_verdict(facts['onnx'], doctor.TOLERANCE)}")
        for name, precision in facts["precision"].items():
            click.echo(f"{'precision on ' + name:<24} {precision}")
    if not facts["healthy"]:
        raise click.exceptions.Exit(1)


#: What cannot be checked without PyTorch.
_NONE = {"deviation": {}, "precision": {}, "int8": "PyTorch is not installed"}


def _checks_with_torch(path, devices) -> dict:
    """Returns the deviations of the default network, and the precision that is selected, on each device."""
    from cosod import doctor
    from cosod.models.checkpoints import loading, safetensors_file

    network = loading.load()
    expected = safetensors_file.describe(path).extra["check"]
    return {
        "deviation": {name: round(doctor.deviation(network, expected, name), 5) for name in devices},
        "precision": {name: _precision(network, name) for name in devices},
        "int8": doctor.integer_deviation(network, expected),
    }


def _verdict(found: float | str, allowed: float) -> str:
    """Formats the result of a check.

    Args:
        found: largest deviation, or the reason why the check is not available.
        allowed: largest deviation that passes.
    """
    if isinstance(found, str):
        return f"not available: {found}"
    return f"{'as expected' if found <= allowed else 'NOT as expected'} (largest deviation {found}, allowed {allowed})"


def _precision(network, device: str) -> str:
    """Returns the precision that ``--precision auto`` selects on a device."""
    from cosod.inference.detector import Detector

    return Detector(network, device, precision="auto").precision
