"""Fixtures: the application over the built dataset, and a client that opens no socket."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cosponsor.server import create_app
from cosponsor.server.settings import Settings

# Neither the host that the client asks nor the root: what is linked must come from the base alone.
BASE = "https://data.example/un/"


@pytest.fixture(scope="session")
def app() -> Flask:
    app = create_app(Settings(BASE))
    app.testing = True
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
