"""``cosod serve``: serves the web page and the HTTP API."""

import click

from cosod.cli.detector_options import network_options


@click.command(short_help="Serve a web page and an HTTP API that find the shared object.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the server listens on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port that the server listens on; 0 chooses a free one.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Further host name that the server answers to, for instance that of a proxy; may be given several times.",
)
@network_options(without=("flip", "closer", "keep_regions", "max_pixels"))
@click.option("--max-photos", type=int, default=200, show_default=True, help="Maximum number of photos in a group.")
@click.option(
    "--max-megabytes",
    type=int,
    default=50,
    show_default=True,
    help="Maximum size of the file of a photo, in megabytes.",
)
@click.option(
    "--max-pixels", type=int, default=50_000_000, show_default=True, help="Maximum number of pixels of a photo."
)
@click.option(
    "--keep", type=float, default=60, show_default=True, help="Number of minutes after which unused photos are deleted."
)
def command(host, port, allow_host, network, max_photos, max_megabytes, max_pixels, keep):
    """Serve a web page that finds the object that photos share, and an HTTP API for the same.

    The API is described at /api.html. Photos stay on this machine, in a temporary folder, until the page is closed,
    they are not used for a while, or the server is stopped by Ctrl-C.
    """
    from cosod.errors import ExtraError

    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ExtraError("cosod serve", "serve") from error

    from cosod.apps.serve.app import create_app
    from cosod.apps.serve.guard import is_loopback
    from cosod.apps.serve.limits import Limits
    from cosod.apps.serve.running import address_of, listen, run

    limits = Limits(photos=max_photos, file_bytes=max_megabytes << 20, pixels=max_pixels, keep_seconds=keep * 60)
    listening = listen(host, port)
    detector, _ = network.using(max_pixels=limits.pixels).open()
    app = create_app(detector, limits, host, allow_host)
    if not is_loopback(host):
        click.echo("Warning: anybody who reaches this address can use the page; it has no passwords.", err=True)
    click.echo(f"Open {address_of(listening, host)} in a browser; Ctrl-C ends it.", err=True)
    run(app, listening)
