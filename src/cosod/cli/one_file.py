"""Runs with one photo and one result file: ``cosod cutout photo.jpg -o out.png``, or ``-`` for standard streams."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

#: The path that stands for standard input among the photos, and for standard output as the place of a result.
STANDARD = Path("-")
#: Name of standard input in messages, and of its file in the temporary folder.
INPUT = "standard input"
#: Suffixes by which the value of ``-o`` is taken for a file; a name of a folder is unlikely to have one of them.
FILE_ENDINGS = frozenset(
    f".{ending}"
    for endings in (
        "jpg jpeg jpe jfif png apng webp bmp dib tif tiff gif ppm pgm pbm pnm heic heif avif jp2 tga ico psd svg pdf",
        "mp4 m4v mov avi mkv webm mpg mpeg wmv flv ogv",
        "html htm csv json jsonl md tex txt zip tar gz safetensors pt pth onnx consensus",
    )
    for ending in endings.split()
)


@dataclass(frozen=True)
class OneFile:
    """The places of one photo and of its result.

    Attributes:
        paths: the photo; a temporary file if the photo comes from standard input.
        output: temporary folder for records.
        file: the result; a temporary file if the result goes to standard output.
        standard: whether the result goes to standard output.
    """

    paths: tuple[Path, ...]
    output: Path
    file: Path
    standard: bool

    @property
    def shown(self) -> str:
        """The place of the result, as shown in messages."""
        return "standard output" if self.standard else str(self.file)

    def named(self, text: str) -> str:
        """Replaces temporary names in a text by the names that the user knows."""
        for temporary, known in (
            (str(self.file), self.shown),
            (str(self.output / INPUT), INPUT),
            (self.output.name, INPUT),
        ):
            text = text.replace(temporary, known)
        return text

    def close(self, summary) -> None:
        """Writes the result to standard output if requested, and replaces temporary names in the summary."""
        for entry in (*summary.failed, *summary.absent):
            entry.update({key: self.named(value) for key, value in entry.items() if isinstance(value, str)})
        if self.standard and self.file.exists():
            stream: BinaryIO = sys.stdout.buffer
            stream.write(self.file.read_bytes())
            stream.flush()


def output_option(kind: click.ParamType) -> Callable:
    """Returns the option ``-o`` of commands that can write one file instead of a folder."""
    what = "Folder that the results are written to; for one photo also a file, or - for standard output."
    return click.option("-o", "--output", required=True, type=kind, help=what)


def names_file(path: Path) -> bool:
    """Returns whether a value of ``-o`` means a file: it is ``-``, or has the suffix of a file and is not a folder.

    Example:
        >>> names_file(Path("out.png")), names_file(Path("results"))
        (True, False)
    """
    return path == STANDARD or (path.suffix.lower() in FILE_ENDINGS and not path.is_dir())


def refuse_file_name(output: Path | None) -> None:
    """Checks that the output of a command that writes a folder is not the name of a file.

    Raises:
        InputError: ``output`` means a file.

    Example:
        >>> refuse_file_name(Path("results"))
    """
    from cosod.errors import InputError

    if output is not None and names_file(output):
        raise InputError(f"-o {output}: is the name of a file, and the results are a folder; give another name")


def one_file(
    paths: Sequence[Path], output: Path, endings: Sequence[str], as_json: bool, refused: dict[str, object]
) -> OneFile | None:
    """Returns the photo and the result file if the user wants one file; None if the results go into a folder.

    Args:
        paths: photos and folders that are read.
        output: the value of ``-o``.
        endings: suffixes that the file may have; the first one is the format of standard output.
        as_json: whether events are printed to standard output.
        refused: name -> value of the options that need a folder.

    Raises:
        InputError: the user wants one file, and it cannot be written in this format, there are several paths, an option
            needs a folder, or a standard stream cannot be used.
    """
    from cosod.errors import InputError
    from cosod.io.storage import is_remote

    from_input = STANDARD in paths
    if is_remote(output) or not (names_file(output) or from_input):
        return None
    if from_input and len(paths) > 1:
        raise InputError("- is one photo from standard input; give no other photos with it")
    if not names_file(output):
        raise InputError(f"-o {output}: is a folder, and - is one photo; give a file, or - for standard output")
    if output != STANDARD and output.suffix.lower() not in endings:
        raise InputError(f"-o {output}: give a name that ends in {', '.join(endings)}, or a folder")
    if len(paths) > 1:
        raise InputError(
            f"-o {output}: is one file, and {len(paths)} photos are given; give a folder for their results"
        )
    for option, value in refused.items():
        if value:
            raise InputError(f"{option} needs a folder for the results; -o {output} is one file")
    if from_input and sys.stdin is None:
        raise InputError("standard input is closed; give a file, or send a photo to standard input")
    if output == STANDARD:
        if sys.stdout is None:
            raise InputError("standard output is closed; give a file with -o")
        if as_json:
            raise InputError("--json and -o - both write to standard output; give a file with -o")
        if sys.stdout is not None and sys.stdout.isatty():
            raise InputError("-o - would write a picture to the terminal; send it to a file or another program")
    folder = Path(click.get_current_context().with_resource(tempfile.TemporaryDirectory(prefix="cosod-")))
    if from_input:
        stream: BinaryIO = sys.stdin.buffer
        (folder / INPUT).write_bytes(stream.read())
        paths = (folder / INPUT,)
    standard = output == STANDARD
    return OneFile(tuple(paths), folder, folder / f"result{endings[0]}" if standard else output, standard)


def check_one(groups, output: Path) -> None:
    """Raises InputError unless the groups contain exactly one photo."""
    from cosod.errors import InputError

    total = sum(len(group.images) for group in groups)
    if total != 1:
        raise InputError(_several(output, total))


def _several(output: Path, count: int) -> str:
    return f"-o {output}: is one file, and {count} photos are given; give a folder for their results"
