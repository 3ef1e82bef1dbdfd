"""A server as `cosod serve` runs it, in a thread of the tests."""

import contextlib
import io
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

from cosod.apps.serve.app import create_app
from cosod.apps.serve.labeling import create_label_app
from cosod.apps.serve.limits import Limits
from cosod.apps.serve.running import listen
from cosod.inference.functions import load
from tests.browser import chromium

PHOTOS = Path(__file__).parents[3] / "examples" / "photos"


@dataclass
class Running:
    """One server and a client of it."""

    client: httpx.Client
    port: int
    store: object
    worker: object

    def wait(self, group, states=("done",), seconds=60.0):
        """The group's job, once it is in one of these states."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            job = self.client.get(f"/api/groups/{group}/job").json()
            if job["state"] in states:
                return job
            time.sleep(0.02)
        raise AssertionError(f"the job stayed {job}")


def photo(seed=0, size=(60, 80), kind="PNG"):
    """A red ball on gray noise, encoded."""
    y, x = np.mgrid[: size[0], : size[1]]
    image = np.random.default_rng(seed).integers(90, 120, (*size, 3), dtype=np.uint8)
    image[(y - size[0] // 2) ** 2 + (x - size[1] // 2 - 5 * (seed % 3)) ** 2 < 200] = (220, 40, 30)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def form(*names, data=None):
    """Files for a multipart upload."""
    return [("photos", (name, photo(i) if data is None else data)) for i, name in enumerate(names)]


def hold(monkeypatch, detector):
    """Let the detector wait after its first map; the result is the event that lets it go on."""
    let_go, results = threading.Event(), detector.results

    def slow(*arguments):
        for number, found in enumerate(results(*arguments)):
            if number:
                assert let_go.wait(30)
            yield found

    monkeypatch.setattr(detector, "results", slow)
    return let_go


@pytest.fixture(scope="session")
def detector():
    return load(device="cpu", size=64)


@contextlib.contextmanager
def serving(app):
    """An application at a free port of this machine, which is given."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextlib.contextmanager
def running(detector, limits=None):
    app = create_app(detector, limits or Limits())
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield Running(client, port, app.state.store, app.state.worker)


@dataclass
class Labeling:
    """One label page; ``session`` may be put in place of the former one while it runs."""

    app: object
    port: int

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    @property
    def session(self):
        return self.app.state.session

    @session.setter
    def session(self, session):
        self.app.state.session = session


@contextlib.contextmanager
def labeling(session):
    app = create_label_app(session, "cosod active query RUN", "cosod active query RUN --give-up")
    with serving(app) as port:
        yield Labeling(app, port)


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def server(detector):
    with running(detector) as started:
        yield started
