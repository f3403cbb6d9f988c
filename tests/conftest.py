"""Fixtures: the application over the built dataset, and a client that opens no socket."""

import gc
import os
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.dataset import published, write
from cosponsor.server import create_app, metrics
from cosponsor.server.settings import Settings

# Looking for garbage rarely: what modules and fixtures hold is looked through in vain again and again.
gc.set_threshold(100_000, 50, 1000)

_ = metrics  # imported before any test tells it, as `cosponsor serve` does, where several processes count

# Neither the host that the client asks nor the root: what is linked must come from the base alone.
BASE = "https://data.example/un/"


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    # A copy with a receipt: whether the shapes have changed since the last build is not what these tests ask.
    attested = tmp_path_factory.mktemp("built") / "dataset.nq"
    write(published().read_text("utf-8"), attested, warnings=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSPONSOR_DATA", str(attested))
        app = create_app(Settings(BASE))
    app.testing = True
    app.extensions["cosponsor.service"].counting.wait(60)  # for the counts, which its description has then
    return app


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Put the environment back after each test: `cosponsor serve` writes into it what its workers read."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
