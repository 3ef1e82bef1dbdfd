"""ICC profiles made for the tests, as bytes."""

import struct

import numpy as np

#: Primaries of Display P3, adapted to D50, as XYZ.
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_WHITE = (0.9642, 1.0, 0.8249)


def _fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(text):
    data = text.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(data)) + data + bytes(78)


def _curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _profile(kind, space, connection, tags):
    tags = {
        "desc": _text("made"),
        "cprt": b"text" + bytes(4) + b"none\0",
        "wtpt": b"XYZ " + bytes(4) + _fixed(*_WHITE),
    } | tags
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name.encode() + struct.pack(">II", start + len(data), len(content))
        data += content
    header = bytearray(128)
    header[8:12] = bytes((2, 0x40, 0, 0))
    header[12:24] = (kind + space + connection).encode()
    header[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header[36:40] = b"acsp"
    header[68:80] = _fixed(*_WHITE)
    header[0:4] = struct.pack(">I", 128 + len(table) + len(data))
    return bytes(header) + table + data


def rgb(primaries=DISPLAY_P3, gamma=2.2):
    """Of a screen with three primaries and one gamma."""
    tags = {f"{c}XYZ": b"XYZ " + bytes(4) + _fixed(*xyz) for c, xyz in zip("rgb", primaries, strict=True)}
    return _profile("mntr", "RGB ", "XYZ ", tags | {f"{c}TRC": _curve(gamma) for c in "rgb"})


def gray(gamma):
    """Of gray levels with a gamma."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _curve(gamma)})


def cmyk():
    """Of a press whose inks are weak: full cyan, magenta and yellow with no black make a light gray-brown."""
    identity = np.arange(256, dtype=np.uint8).tobytes()
    nodes = []
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        lightness = 255 - 40 * (c + m + y) - 130 * k
        nodes += [max(lightness, 0), 128 - 30 * c + 40 * m, 128 - 30 * c - 10 * m + 50 * y]
    head = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = head + 4 * identity + bytes(nodes) + 3 * identity
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": table})
