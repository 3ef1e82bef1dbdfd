"""Brings the package's docstrings into the Markdown that mkdocstrings expects."""

import re

import griffe

#: ``:func:`name``` and its kin, which are Sphinx's; ``~`` shows the last part of the name only.
_ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|obj):`(~?)([\w.]+)`")
#: The section that the package calls ``Example:``.
_EXAMPLE = re.compile(r"^(\s*)Example:\s*$", re.MULTILINE)


def markdown(text: str) -> str:
    """The docstring with code in place of roles, and with the section's name that the Google style knows."""
    text = _ROLE.sub(lambda match: f"`{match[2].rpartition('.')[2] if match[1] else match[2]}`", text)
    return _EXAMPLE.sub(r"\1Examples:", text)


class Docstrings(griffe.Extension):
    """Applies :func:`markdown` to every docstring."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
