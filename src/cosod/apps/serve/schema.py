"""The responses of the API, as its OpenAPI document describes them."""

from typing import Literal

from pydantic import BaseModel, Field

from cosod.apps.serve.jobs import Job, State, Worker
from cosod.apps.serve.limits import Limits
from cosod.apps.serve.store import Photo, UploadedGroup


class PhotoState(BaseModel):
    """One photo of a group."""

    id: str
    name: str = Field(description="Name of the upload, without folders and invisible characters.")
    width: int = Field(description="Pixels, of the upright photo.")
    height: int
    marked: bool = Field(description="Whether the object was marked in this photo.")
    corrected: bool = Field(description="Whether the result of this photo was corrected by hand.")
    negative: bool = Field(description="Whether this photo was said to show what the object is not.")
    found: bool = Field(description="Whether the map is there; that of a negative photo is empty.")
    presence: float | None = Field(description="Probability that the object is there at all, where it is known.")

    @classmethod
    def of(cls, photo: Photo) -> "PhotoState":
        named = {name: getattr(photo, name) for name in cls.model_fields}
        return cls(**named | {"found": photo.ready, "presence": photo.known_presence})


class Refusal(BaseModel):
    """A file that was refused."""

    name: str
    error: str = Field(description="One sentence: the cause, and the way out.")


class Uploaded(BaseModel):
    """Result of an upload."""

    group: str = Field(description="Id of the group; there is no other key to it.")
    photos: list[PhotoState] = Field(description="The photos taken in by this request.")
    failed: list[Refusal]


class JobState(BaseModel):
    """Progress of the job of a group."""

    run: int = Field(description="Counts the group's jobs.")
    state: State
    ahead: int = Field(description="Jobs that come before this one.")
    total: int = Field(description="Photos in the job.")
    negatives: list[str] = Field(description="Ids of the photos that were negative when the job was started.")
    read: int = Field(description="Photos read so far: first all are read, then the maps are made.")
    done: list[str] = Field(description="Ids of the photos whose map is there, those of negative photos first.")
    presence: dict[str, float] = Field(description="Probability that a photo holds the object, where it is known.")
    failed: dict[str, str] = Field(description="Id of each photo that could not be read, with the reason.")
    message: str = Field(description="Why the job failed, or what to know about its result; else empty.")

    @classmethod
    def of(cls, job: Job, worker: Worker) -> "JobState":
        presence = {photo.id: p for photo in job.photos if (p := photo.known_presence) is not None}
        return cls(
            run=job.run,
            state=job.state,
            ahead=worker.ahead_of(job),
            total=len(job.photos),
            negatives=sorted(job.negatives),
            read=job.read,
            done=list(job.done),
            presence=presence,
            failed=dict(job.failed),
            message=job.message,
        )


class GroupState(BaseModel):
    """A group of photos and its latest job."""

    group: str
    photos: list[PhotoState]
    job: JobState | None

    @classmethod
    def of(cls, group: UploadedGroup, worker: Worker) -> "GroupState":
        return cls(
            group=group.id,
            photos=[PhotoState.of(photo) for photo in group.photos.values()],
            job=JobState.of(group.job, worker) if isinstance(group.job, Job) else None,
        )


class Bounds(BaseModel):
    """Limits of the server."""

    photos: int = Field(description="Photos in a group.")
    file_bytes: int = Field(description="Bytes of one photo.")
    group_bytes: int = Field(description="Bytes of all photos of a group.")
    pixels: int = Field(description="Pixels of one photo.")
    keep_seconds: float = Field(description="A group that nobody asks about for so long is deleted.")
    negatives: bool = Field(description="Whether photos may say what the object is not: the network must be able to.")

    @classmethod
    def of(cls, limits: Limits, negatives: bool) -> "Bounds":
        named = {name: getattr(limits, name) for name in cls.model_fields if name != "negatives"}
        return cls(**named, negatives=negatives)


class ErrorResponse(BaseModel):
    """Any response that is not a success."""

    detail: str


ZipViews = Literal["map", "mask", "cutout", "thumbnail", "overlay"]
