"""The ``cosod`` command. The file of each verb is imported when the verb is called, which keeps ``--help`` fast."""

import atexit
import contextlib
import errno
import gc
import io
import os
import sys
import warnings

import click

from cosod.cli.verbs import VerbGroup
from cosod.errors import CosodError

#: Verb -> its line in ``cosod --help``. The module of the verb in this package has the verb's name, with ``_`` in place
#: of ``-``, and defines a click command ``command``.
VERBS = {
    "segment": "Find the object that the photos of a folder share, and write a map for each photo.",
    "shards": "Show the progress of the shards of a run, and merge their manifests.",
    "learn": "Save what photos share as a consensus, for other photos.",
    "apply": "Find the object of a saved consensus in any number of other photos.",
    "watch": "Find the object of a saved consensus in each photo that arrives in a folder.",
    "cutout": "Cut out the object that photos share, on a new background or none.",
    "thumbnails": "Crop photos around the object they share, and write labels for labeling tools.",
    "group": "Sort an unsorted folder of photos into albums that share an object.",
    "evaluate": "Score maps against ground truth with the measures of the field.",
    "train": "Train a network by a recipe, or resume a run.",
    "ablate": "Train recipes over several seeds and print the table of their scores.",
    "active": "Train on ten clicks per image, at points that the network itself chooses.",
    "make-distractors": "Make the distractor test of a set: each image beside one of another group.",
    "datasets": "List the data sets of the field, or check a folder that holds one.",
    "serve": "Serve a web page and an HTTP API that find the shared object.",
    "models": "List the networks, and where their weights are.",
    "convert": "Convert a published checkpoint to a weights file of this package.",
    "export": "Write a network as ONNX, OpenVINO or TorchScript, for other programs.",
    "inspect": "Draw what a network computes for groups, and the curves of training runs.",
    "doctor": "Print versions and devices, and check that the default model works here.",
}


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    modules="cosod.cli.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="cosod")
def root():
    """Co-salient object detection: find the object that a group of photos shares, pixel by pixel.

    Add --debug to any command to see the traceback of an error.
    """


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Prints a warning as one line; warnings of Pillow are ignored, because they do not name the file."""
    if f"{os.sep}PIL{os.sep}" not in filename:
        click.echo(f"Warning: {message}", err=True)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits the process.

    An error of this package is printed to standard error as one sentence, and the exit code is then 1. With
    ``--debug``, the error is raised instead. Ctrl-C gives the exit code 130.

    Args:
        arguments: the arguments; by default those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names that are not UTF-8 become escapes that JSON can read
            stream.reconfigure(errors="backslashreplace")
    show, warnings.showwarning = warnings.showwarning, _show_warning
    # When Python exits, the garbage collector searches all objects, which takes 0.3 s if PyTorch was imported. The
    # collector skips frozen objects.
    atexit.register(gc.freeze)
    try:
        code = root.main(arguments, prog_name="cosod", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # flushed here, where an error can still be reported
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        _explain_dash(error, arguments)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: what was finished is kept, nothing is half-written.", err=True)
        code = 130
    except BrokenPipeError:
        _close_output()
        code = 1
    except CosodError as error:
        if debug:
            raise
        _tell(f"Error: {error}")
        code = 1
    except ModuleNotFoundError as error:
        if debug or error.name != "torch":
            raise
        _tell(
            "Error: this needs PyTorch, which is not installed; install it: pip install torch (without it, `cosod "
            "segment` does groups of up to 200 photos with the networks of the package; see the quick start)"
        )
        code = 1
    except OSError as error:
        if debug or error.filename is not None or error.errno not in _FULL:
            raise
        _tell(f"Error: standard output cannot be written: {error.strerror or error}; write it to a place with space")
        _close_output()
        code = 1
    finally:
        warnings.showwarning = show
        if guard := sys.modules.get("cosod.io.write_guard"):  # importing it here would slow down --help
            guard.release()
    sys.exit(code if isinstance(code, int) else 0)


def _explain_dash(error: click.ClickException, arguments: list[str]) -> None:
    """After the error of an unknown option, explains how to give a file whose name begins with a dash."""
    if isinstance(error, click.NoSuchOption):
        names = [a for a in arguments if a.startswith("-") and os.path.lexists(a)]
        if names:
            click.echo(f"The file {names[0]} is given as ./{names[0]}", err=True)


#: Error numbers of a standard output that accepts no more data.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def _tell(line: str) -> None:
    """Prints a line to standard error; if that fails too, only the exit code reports the error."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _close_output() -> None:
    """Redirects standard output to the null device, so that Python does not fail again when it flushes it at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # standard output may be replaced or missing
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
