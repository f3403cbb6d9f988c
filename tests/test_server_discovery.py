"""The OpenAPI description against the application: what one has, the other has."""

import json
import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from cosponsor import iris
from cosponsor.server.negotiation import DOCUMENTS, GRAPHS, HTML, ROWS

from .conftest import BASE

# Nobody calls these by program: what a page is made of, and explanations for people.
PAGES = {"/static/{filename}", "/errors"}
# What no route can know: HEAD and OPTIONS go without saying, and OpenAPI 3.1 has no word for QUERY.
UNSAID = {"HEAD", "OPTIONS", "QUERY"}


def description(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get("/openapi.json").data)
    return found


def routes(app: Flask) -> dict[str, set[str]]:
    """Return the methods of each route, written as OpenAPI writes paths."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        found.setdefault(path, set()).update(rule.methods or set())
    return found


def resolved(described: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    found: Any = described
    for step in node.get("$ref", "#").split("/")[1:]:
        found = found[step]
    return found if "$ref" in node else node


def test_every_route_is_described_and_every_description_is_a_route(app: Flask, client: FlaskClient) -> None:
    described = description(client)["paths"]
    assert routes(app).keys() - described.keys() == PAGES
    assert described.keys() - routes(app).keys() == set()


def test_the_methods_described_are_those_of_the_routes(app: Flask, client: FlaskClient) -> None:
    known = routes(app)
    for path, item in description(client)["paths"].items():
        assert {method.upper() for method in item if method != "parameters"} == known[path] - UNSAID, path


def test_every_parameter_is_described_and_read(client: FlaskClient) -> None:
    described = description(client)
    parameters = [
        resolved(described, parameter)
        for path in described["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for parameter in operation.get("parameters", [])
    ]
    names = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    code = "".join(file.read_text("utf-8") for file in iris.room("server").iterdir() if file.name.endswith(".py"))
    assert {name for name in names if f'"{name}"' not in code} == set()
    read = set(re.findall(r'(?:args\.get|args\.getlist|parameters\.getlist|_single)\("([\w-]+)"', code))
    assert read - names == set()


def test_the_form_has_the_parameters_of_the_address(client: FlaskClient) -> None:
    described = description(client)
    address = {resolved(described, each)["name"] for each in described["paths"]["/sparql"]["get"]["parameters"]}
    form = described["paths"]["/sparql"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert form["schema"]["properties"].keys() == address - {"question"}


def test_the_formats_described_are_those_that_are_offered(client: FlaskClient) -> None:
    described = description(client)["paths"]
    offered = {
        "/sparql": (*ROWS, *GRAPHS, HTML),
        "/graph-store": GRAPHS,
        "/{path}": DOCUMENTS,
        "/questions": (*GRAPHS, HTML),
        "/.well-known/sparql-examples": [offer for offer in DOCUMENTS if offer is not HTML],
    }
    for path, formats in offered.items():
        media = {offer.media_type for offer in formats}
        assert media <= described[path]["get"]["responses"]["200"]["content"].keys(), path


def test_every_error_has_problem_details_and_shedding_says_when_to_come_back(client: FlaskClient) -> None:
    described = description(client)
    for path in described["paths"].values():
        for operation in (each for each in path.values() if isinstance(each, dict)):
            for status, named in operation["responses"].items():
                response = resolved(described, named)
                assert ("application/problem+json" in response.get("content", {})) is (status >= "400")
                assert ("Retry-After" in response.get("headers", {})) is (status in {"429", "503"})


def test_the_description_is_at_the_base_and_can_be_asked_for_again(client: FlaskClient) -> None:
    response = client.get("/openapi.json")
    assert response.content_type == "application/vnd.oai.openapi+json;version=3.1"
    assert description(client)["servers"] == [{"url": BASE}]
    assert client.get("/openapi.json", headers={"If-None-Match": response.headers["ETag"]}).status_code == 304
