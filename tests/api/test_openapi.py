"""The API's description: valid, whole, and shown by a page that needs nothing from elsewhere."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from openapi_spec_validator import validate

from clowdy_tui.gateway import about
from clowdy_tui.gateway.api import ENDPOINTS
from clowdy_tui.gateway.app import Gateway


@pytest_asyncio.fixture(loop_scope="session")
async def document(http: httpx.AsyncClient) -> dict[str, Any]:
    answer = await http.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    content: dict[str, Any] = answer.json()
    return content


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method.upper(), path, it) for path, item in document["paths"].items() for method, it in item.items()]


async def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", "1.2.3")
    names = [it["operationId"] for _, _, it in operations(document)]
    assert len(names) == len(set(names))


async def test_it_tells_what_is_served_and_nothing_else(document: dict[str, Any], gateway: Gateway) -> None:
    served: set[tuple[str, str]] = set()
    app = gateway._runners[0].app
    for resource in app.router.resources():
        path = resource.canonical
        for route in resource:
            served |= {(route.method, path)}
    told = {(method, path) for method, path, _ in operations(document)}
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    for method, path in served:
        for each in methods if method == "*" else (method,):
            is_told = (each, path) in told
            assert is_told or (each == "HEAD" and ("GET", path) in told), (each, path)
    for method, path in told:
        assert served & {(method, path), ("*", path)}, (method, path)


async def test_it_tells_every_parameter_scope_and_refusal(document: dict[str, Any]) -> None:
    for method, path, it in operations(document):
        told = {item["name"] for item in it.get("parameters", []) if item["in"] == "path"}
        assert told == set(re.findall(r"\{(\w+)\}", path))
        assert it["summary"].endswith(".")
        assert {"417", "431", "500", "505"} <= it["responses"].keys(), (method, path)
        for status, answer in it["responses"].items():
            shared = document["components"]["responses"].get(answer.get("$ref", "").rpartition("/")[2], answer)
            assert "X-Request-Id" in shared["headers"], (method, path, status)
    by_name = {(method, path): it for method, path, it in operations(document)}
    for endpoint in ENDPOINTS:
        it = by_name[endpoint.method, endpoint.path]
        if endpoint.scope is not None:
            assert it["security"] == [{"token": [endpoint.scope]}]
            assert {"401", "403"} <= it["responses"].keys()
        assert {str(status) for status in endpoint.statuses} <= it["responses"].keys()
        assert ("requestBody" in it) == (endpoint.body is not None)
        if endpoint.body is not None:
            assert {"408", "413", "415", "422"} <= it["responses"].keys()
    page = {item["name"]: item for item in by_name["GET", "/api/invocations"]["parameters"]}
    assert page["limit"]["schema"] == {"default": 50, "maximum": 500, "minimum": 1, "type": "integer"}
    assert page["since"]["schema"]["format"] == "date-time"
    for path in ("/api/invoke/{id}", "/api/gateway/{slug}", "/api/gateway/{slug}/{path}"):
        answers = by_name["POST", path]["responses"]
        assert "Server-Timing" in answers.get("200", answers.get("default"))["headers"]
    diff = {item["name"]: item for item in by_name["GET", "/api/functions/{id}/diff"]["parameters"]}
    assert diff["from"]["required"] is True
    assert document["components"]["schemas"]["TokenCreated"]["required"][-1] == "token"


class Links(HTMLParser):
    """Whatever a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in {"src", "href", "srcset", "style"}]


async def test_the_page_needs_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    links = Links()
    links.feed(answer.text)
    assert links.found == []
    assert "://" not in answer.text.replace("`.${path}", "")
    assert "@import" not in answer.text
    assert "url(" not in answer.text
    assert "innerHTML" not in answer.text
    assert "prefers-color-scheme: dark" in answer.text


async def test_the_browser_runs_what_is_written_in_the_page_alone(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        text = answer.text.partition(f"<{kind}>")[2].partition(f"</{kind}>")[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


async def test_both_are_public_and_answer_to_head(http: httpx.AsyncClient) -> None:
    for path in ("/openapi.json", "/docs"):
        answer = await http.head(path, headers={"Authorization": "Bearer nonsense"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert (await http.post(path)).status_code == 405


def test_the_page_lies_in_the_package() -> None:
    assert Path(about.__file__).with_name("docs.html").is_file()
