"""Queries, bodies and responses of the routes, as the OpenAPI document describes them."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from cosod.apps import absence
from cosod.apps.serve.schema import ErrorResponse
from cosod.apps.serve.views import Frame

Threshold = Annotated[float, Query(gt=0, lt=1, description="Above it, a map's value counts as object.")]
Side = Annotated[int | None, Query(ge=16, le=4096, description="Longest side in pixels; the photo's own by default.")]
Background = Annotated[
    str | None,
    Query(
        max_length=60,
        description="Behind cut-outs: a color (white, #f4f4f4), a gradient (white:#ccc), or blur: the photo itself, "
        "out of focus. Transparent by default.",
    ),
]
Size = Annotated[
    str | None,
    Query(
        pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$",
        description="WIDTHxHEIGHT of cut-outs in pixels: the object is fitted into it. As the photo by default.",
    ),
]
Padding = Annotated[
    float | None,
    Query(ge=0, lt=0.5, description="Free margin of cut-outs, a share of their size."),
]
Absent = Annotated[
    Literal["keep", "blank", "report"],
    Query(
        description="Photos that probably do not show the object: blank leaves it out of cut-outs and thumbnails, "
        "report lets only the other photos decide how thumbnails are cropped, keep treats all alike.",
    ),
]
UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"photos": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}
PAINTING = {
    "requestBody": {"required": True, "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}
#: Responses of a route by status, as FastAPI takes them.
Responses = dict[int | str, dict[str, Any]]
GONE: Responses = {404: {"model": ErrorResponse, "description": "No such group, photo or result."}}
CONFLICT: Responses = {
    409: {"model": ErrorResponse, "description": "Something else was said of the photo; take that back first."}
}
FULL: Responses = {
    503: {"model": ErrorResponse, "description": "No room at present; `Retry-After` says when to ask again."}
}
PICTURE: Responses = {200: {"content": {"image/png": {}, "image/jpeg": {}}, "description": "The picture."}}
ARCHIVE: Responses = {200: {"content": {"application/zip": {}}, "description": "The zip."}}


def _frame(
    background: Background = None, size: Size = None, padding: Padding = None, absent: Absent = absence.DEFAULT
) -> Frame:
    return Frame.of(background, size, padding, absent)


Framed = Annotated[Frame, Depends(_frame)]
