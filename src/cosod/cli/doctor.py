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
    from cosod.models import registry
    from cosod.models.checkpoints import loading, safetensors_file

    path = registry.weights_file(loading.DEFAULT)
    facts = {"versions": doctor.versions(), "devices": doctor.devices(), "model": loading.DEFAULT, "weights": str(path)}
    network = loading.load()
    expected = safetensors_file.describe(path).extra["check"]
    facts["deviation"] = {name: round(doctor.deviation(network, expected, name), 5) for name in facts["devices"]}
    facts["precision"] = {name: _precision(network, name) for name in facts["devices"]}
    facts["int8"] = doctor.integer_deviation(network, expected)
    facts["healthy"] = all(value <= doctor.TOLERANCE for value in facts["deviation"].values())
    if isinstance(facts["int8"], float):
        facts["healthy"] = facts["healthy"] and facts["int8"] <= doctor.INTEGER_TOLERANCE
    if as_json:
        click.echo(json.dumps(facts))
    else:
        for part in ("versions", "devices"):
            for name, value in facts[part].items():
                click.echo(f"{name:<24} {value}")
        click.echo(f"{'default model':<24} {facts['model']}, {path}")
        for name, value in facts["deviation"].items():
            verdict = "as expected" if value <= doctor.TOLERANCE else "NOT as expected"
            click.echo(f"{'check on ' + name:<24} {verdict} (largest deviation {value}, allowed {doctor.TOLERANCE})")
        click.echo(f"{'check of int8':<24} {_integers(facts['int8'])}")
        for name, precision in facts["precision"].items():
            click.echo(f"{'precision on ' + name:<24} {precision}")
    if not facts["healthy"]:
        raise click.exceptions.Exit(1)


def _integers(found: float | str) -> str:
    """Formats the result of the check of the integer graph.

    Args:
        found: largest deviation of the graph, or the reason why the graph is not available.
    """
    from cosod import doctor

    if isinstance(found, str):
        return f"not available: {found}"
    verdict = "as expected" if found <= doctor.INTEGER_TOLERANCE else "NOT as expected"
    return f"{verdict} (largest deviation {found}, allowed {doctor.INTEGER_TOLERANCE})"


def _precision(network, device: str) -> str:
    """Returns the precision that ``--precision auto`` selects on a device."""
    from cosod.inference.detector import Detector

    return Detector(network, device, precision="auto").precision
