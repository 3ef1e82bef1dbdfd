"""The file formats of images: the package's only list of suffixes, and advice about files that are not read."""

import importlib.util
import threading
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from cosod.errors import ImageError
from cosod.io.other_kinds import TEXT, UNPACK, begins_as_text, other_kind

#: Pillow's formats for pictures, with the suffixes of their files; the most frequent formats come first. The list
#: leaves out formats that Pillow reads by starting another program (EPS, PS), that it renders on Windows only (WMF,
#: EMF), and that it recognizes but does not decode (BUFR, GRIB, HDF5, IPTC, MPEG).
FORMATS: dict[str, str] = {
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "PPM": ".ppm .pgm .pbm .pnm .pfm",
    "AVIF": ".avif .avifs",
    "JPEG2000": ".jp2 .j2k .jpc .jpf .jpx .j2c",
    "DIB": ".dib",
    "ICO": ".ico",
    "CUR": ".cur",
    "ICNS": ".icns",
    "PSD": ".psd",
    "QOI": ".qoi",
    "DDS": ".dds",
    "PCX": ".pcx",
    "DCX": ".dcx",
    "SGI": ".sgi .rgb .rgba .bw",
    "SUN": ".ras",
    "BLP": ".blp",
    "FITS": ".fits .fit",
    "FLI": ".fli .flc",
    "FTEX": ".ftc .ftu",
    "GBR": ".gbr",
    "IM": ".im",
    "MSP": ".msp",
    "PCD": ".pcd",
    "PIXAR": ".pxr",
    "XBM": ".xbm",
    "XPM": ".xpm",
    "TGA": ".tga .icb .vda .vst",  # the last one, because its files have no signature at their start
}
#: Suffixes of HEIF files, the format of many phones, for which Pillow needs the package of the extra ``heic``.
HEIF_SUFFIXES = frozenset(".heic .heif .hif .heics .heifs".split())  # noqa: SIM905
_HEIF_PACKAGE = "pillow_heif"

#: Suffixes of the files that are taken for images when a folder is searched.
SUFFIXES = frozenset(" ".join(FORMATS.values()).split()) | (
    HEIF_SUFFIXES if importlib.util.find_spec(_HEIF_PACKAGE) else frozenset()
)
#: Suffixes of the files that are taken for videos.
VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .mts .m2ts .3gp .wmv .flv .ogv".split()  # noqa: SIM905
)
_RAW_SUFFIXES = frozenset(
    (  # noqa: SIM905
        ".cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .orf .rw2 .raf .pef .srw .raw .rwl .3fr .fff .iiq .erf .mrw .x3f "
        ".kdc .dcr .mos .mef"
    ).split()
)
_DRAWING_SUFFIXES = frozenset(
    ".svg .svgz .pdf .eps .ps .ai .wmf .emf .cdr .djvu .doc .docx .odt .ppt .pptx".split()  # noqa: SIM905
)
_OTHER_PICTURES = frozenset(".jxl .jxr .wdp .hdp .exr .hdr .xcf .kra .psb .bpg .flif .heix .pic".split())  # noqa: SIM905

#: Kind of a file that is not read -> advice to the user.
KINDS: dict[str, str] = {
    "HEIC photo": "install the reader of this format with: pip install 'cosod[heic]'",
    "camera raw file": "export as JPEG or TIFF",
    "video": "give a video by itself, as: cosod segment clip.mp4 -o OUTPUT",
    "drawing": "export as PNG",
    "other picture": "convert to JPEG or PNG",
    "dead link": "mend the link, or remove it",
    "other file": "rename with the ending of an image where it is one",
}
#: Files that operating systems put into folders by themselves; no message mentions them.
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r"})

_lock = threading.Lock()
_COMMON = ("JPEG", "PNG", "BMP", "GIF", "PPM")


@dataclass(frozen=True)
class LeftOut:
    """A file in a searched folder that is not read.

    Attributes:
        path: the file.
        kind: one of :data:`KINDS`.

    Example:
        >>> LeftOut("photos/drawing.svg", "drawing").way_out
        'export as PNG'
    """

    path: str
    kind: str

    @property
    def way_out(self) -> str:
        """Advice to the user on how to make the file readable."""
        return KINDS[self.kind]

    def as_dict(self) -> dict[str, str]:
        """Returns the file as plain values, for JSON."""
        return {"file": self.path, "reason": self.kind, "way_out": self.way_out}


def is_image_name(name: str) -> bool:
    """Returns whether a file with this name is taken for an image when a folder is searched.

    Example:
        >>> is_image_name("IMG_0001.JPG"), is_image_name("notes.txt")
        (True, False)
    """
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def kind_of(name: str) -> str | None:
    """Returns the kind of a file that is not read, judged by its name.

    Returns:
        One of the keys of :data:`KINDS`; None for images and for files of the operating system.

    Example:
        >>> kind_of("IMG_0001.CR2")
        'camera raw file'
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in SUFFIXES or name.lower() in _SYSTEM_FILES:
        return None
    if suffix in HEIF_SUFFIXES:
        return "HEIC photo"
    if suffix in _RAW_SUFFIXES:
        return "camera raw file"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in _DRAWING_SUFFIXES:
        return "drawing"
    return "other picture" if suffix in _OTHER_PICTURES else "other file"


def open_pillow(file: BinaryIO) -> Image.Image:
    """Opens an image with Pillow in the formats of this package, without Pillow's global limit on the size.

    Args:
        file: a seekable file object, open for reading in binary mode.

    Returns:
        The image, whose header has been read and whose pixels have not been decoded yet.

    Raises:
        UnidentifiedImageError: the file is in none of the formats.

    Example:
        >>> with open("photo.jpg", "rb") as file, open_pillow(file) as image:  # doctest: +SKIP
        ...     width, height = image.size
    """
    with _lock:  # Pillow has one limit for the whole process
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            try:
                return Image.open(file, formats=_COMMON)
            except UnidentifiedImageError:
                Image.init()
                _register_heif()
                formats = [name for name in (*FORMATS, "HEIF") if name in Image.OPEN]
                return Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _register_heif() -> None:
    if "HEIF" not in Image.OPEN and importlib.util.find_spec(_HEIF_PACKAGE):
        import pillow_heif

        pillow_heif.register_heif_opener()


def unreadable(name: str, head: bytes) -> ImageError:
    """Returns the error for a file that is in none of the formats; its advice depends on the first bytes and the name.

    Args:
        name: name of the file, or what the image is called in messages.
        head: the first bytes of the file, as many as :data:`cosod.io.other_kinds.HEAD` says unless it is shorter.

    Example:
        >>> print(unreadable("a.jpg", b""))
        a.jpg: is empty; replace the file
    """
    if not head:
        return ImageError(f"{name}: is empty; replace the file")
    kind, other = kind_of(name) or "other file", other_kind(head)
    brand = head[4:12]
    if brand[:4] == b"ftyp":
        heif = brand[4:] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
        if heif and "HEIF" not in Image.OPEN:
            kind = "HEIC photo"
        elif brand[4:7] == b"avi" and "AVIF" not in Image.OPEN:
            return ImageError(f"{name}: this version of Pillow does not read AVIF; install pillow 11.3 or newer")
        elif kind != "camera raw file" and not heif:
            kind = "video"
    elif head.startswith(b"%PDF") or b"<svg" in head[:256].lower():
        kind, other = "drawing", None
    unnamed = kind in ("other file", "dead link")
    # Many kinds of documents are archives, so that their names say more.
    if other is not None and (unnamed or other.way_out != UNPACK):
        return ImageError(f"{name}: is {other.what}; {other.way_out or 'give the image itself'}")
    if unnamed and begins_as_text(head):
        return ImageError(f"{name}: is {TEXT.what}; give the image itself")
    if unnamed:
        return ImageError(f"{name}: not an image, or of a kind that cannot be read; convert it to JPEG or PNG")
    return ImageError(f"{name}: is {'an' if kind[0] == 'o' else 'a'} {kind}, which is not read; {KINDS[kind]}")
