"""Other people's Lambda code, unmodified, behind routes with `payload_format: "aws-2.0"`."""

import base64
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import ECHO, Workshop, number

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionIn, FunctionOut, RoutePatch
from clowdy_tui.gateway.app import Gateway
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform

# Prints the files of what was imported from the folder that it is given.
IMPORTED = """
import sys
folder, entry = sys.argv[1:]
sys.path.insert(0, folder)
exec(compile(open(entry).read(), entry, "exec"), {"__name__": "function"})
found = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
print(*sorted({file for file in found if file and file.startswith(folder)}), sep="\\n")
"""


def vendor(code: str, packages: Iterable[str], folder: Path) -> dict[str, str]:
    """Those files of these packages that the code imports: a bundle holds no more than 1 MiB of text."""
    entry, site = folder / "entry.py", folder / "site"
    entry.write_text(code)
    site.mkdir()
    for name in packages:
        spec = importlib.util.find_spec(name)
        assert spec is not None, f"{name} is one of the dev packages"
        assert spec.origin is not None
        origin = Path(spec.origin)
        installed = origin.parent if origin.name == "__init__.py" else origin
        (site / installed.name).symlink_to(installed)
    command = [sys.executable, "-I", "-S", "-c", IMPORTED, str(site), str(entry)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return {str(Path(file).relative_to(site)): Path(file).read_text() for file in done.stdout.split()}


async def deploy(platform: Platform, shop: Workshop, code: str, files: dict[str, str]) -> FunctionOut:
    # Not over HTTP: as JSON a megabyte of code is more than the megabyte that this gateway takes as a body.
    wanted = FunctionIn(name=f"f{number()}", code=code, files=files, project_id=shop.project.id, timeout_s=30)
    return await platform.functions.create(LOCAL, wanted)


STARLETTE = """
from mangum import Mangum
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route


async def show(request):
    return JSONResponse({
        "path": request.path_params["name"],
        "query": request.query_params.multi_items(),
        "cookies": request.cookies,
        "tags": request.headers.getlist("x-tag"),
        "url": str(request.url),
        "client": request.client.host,
        "function": request.scope["aws.context"].function_name,
    })


async def upload(request):
    body = await request.body()
    return Response(body[::-1], 201, media_type="application/octet-stream", headers={"x-length": str(len(body))})


async def form(request):
    return PlainTextResponse((await request.body()).decode())


async def login(request):
    answer = RedirectResponse("/", 303)
    answer.set_cookie("session", "1", httponly=True)
    answer.set_cookie("theme", "dark")
    return answer


async def fail(request):
    raise ValueError("oops")


handler = Mangum(Starlette(routes=[
    Route("/items/{name}", show),
    Route("/upload", upload, methods=["PUT"]),
    Route("/form", form, methods=["POST"]),
    Route("/login", login, methods=["POST"]),
    Route("/fail", fail),
]), lifespan="auto")
"""


async def test_a_starlette_app_runs_as_one_function(
    platform: Platform, shop: Workshop, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    files = vendor(STARLETTE, ["starlette", "mangum", "anyio", "idna", "typing_extensions"], tmp_path)
    await shop.route(await deploy(platform, shop, STARLETTE, files), "/*path", payload_format="aws-2.0")

    headers = [("X-Tag", "a"), ("X-Tag", "b"), ("Cookie", "s=1; t=2"), ("X-Forwarded-Proto", "https")]
    answer = await http.get(f"{shop.path('/items/caf%C3%A9%20noir')}?q=1&q=2&e=", headers=headers)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert told.pop("url").startswith("https://127.0.0.1")
    assert told == {
        "path": "café noir",
        "query": [["q", "1"], ["q", "2"], ["e", ""]],
        "cookies": {"s": "1", "t": "2"},
        "tags": ["a,b"],
        "client": "127.0.0.1",
        "function": told["function"],
    }

    binary = bytes(range(256)) * 40
    answer = await http.put(shop.path("/upload"), content=binary)
    assert (answer.status_code, answer.content, answer.headers["x-length"]) == (201, binary[::-1], "10240")
    assert (await http.post(shop.path("/form"), data={"a": "b c"})).text == "a=b+c"

    answer = await http.post(shop.path("/login"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["session=1", "theme=dark"]

    assert (await http.get(shop.path("/nothing"))).status_code == 404
    assert (await http.delete(shop.path("/upload"))).status_code == 405
    answer = await http.get(shop.path("/fail"))
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    head = await http.head(shop.path("/items/x"))
    assert (head.status_code, head.content) == (200, b"")


POWERTOOLS = """
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths

logger = Logger(service="shop")
app = APIGatewayHttpResolver()


@app.get("/users/<name>")
def user(name):
    if name == "nobody":
        raise NotFoundError("There is no such user")
    event = app.current_event
    logger.info("looked up", extra={"user": name})
    return {
        "name": name,
        "role": event.get_query_string_value("role", "none"),
        "agent": event.request_context.http.user_agent,
        "stage": event.request_context.stage,
        "table": event.stage_variables["table"],
        "subject": event.request_context.authorizer.jwt_claim["sub"],
    }


@app.post("/users")
def create():
    return Response(201, content_types.TEXT_HTML, f"<b>{app.current_event.json_body['name']}</b>",
                    headers={"X-Made": "yes"})


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event, context):
    return app.resolve(event, context)
"""


async def test_powertools_resolves_logs_and_injects(
    platform: Platform,
    shop: Workshop,
    http: httpx.AsyncClient,
    owner: Clowdy,
    tmp_path: Path,
) -> None:
    await owner.variables.set(shop.project.id, "table", "users", is_secret=False)
    await owner.variables.set(shop.project.id, "password", "hidden", is_secret=True)
    files = vendor(POWERTOOLS, ["aws_lambda_powertools", "jmespath", "typing_extensions"], tmp_path)
    function = await deploy(platform, shop, POWERTOOLS, files)
    await shop.route(function, "/*proxy", payload_format="aws-2.0", auth="token")
    token = (await owner.tokens.create("t", scopes=["invoke"])).token
    http_headers = {"Authorization": f"Bearer {token}", "User-Agent": "tester", "X-Request-Id": "abc-1"}

    answer = await http.get(f"{shop.path('/users/anna')}?role=admin", headers=http_headers)
    assert answer.json() == {
        "name": "anna",
        "role": "admin",
        "agent": "tester",
        "stage": "$default",
        "table": "users",
        "subject": "local",
    }
    call = (await owner.functions.invocations(function.id))[0]
    detail = await owner.invocations.get(call.id)
    assert "hidden" not in (detail.input or "")
    line: dict[str, Any] = json.loads(detail.logs[0].text)
    assert (line["message"], line["service"], line["user"]) == ("looked up", "shop", "anna")
    assert (line["correlation_id"], line["function_request_id"]) == ("abc-1", call.id)
    assert (line["function_name"], line["function_memory_size"], line["cold_start"]) == (function.name, 128, True)

    answer = await http.post(shop.path("/users"), json={"name": "Bob"}, headers=http_headers)
    assert (answer.status_code, answer.text, answer.headers["x-made"]) == (201, "<b>Bob</b>", "yes")
    assert answer.headers["content-type"] == "text/html"
    answer = await http.get(shop.path("/users/nobody"), headers=http_headers)
    assert (answer.status_code, answer.json()) == (404, {"statusCode": 404, "message": "There is no such user"})
    assert (await http.get(shop.path("/nowhere"), headers=http_headers)).status_code == 404


@pytest.mark.parametrize(
    ("value", "status", "content_type", "body"),
    [
        ({"message": "Hello"}, 200, "application/json", b'{"message":"Hello"}'),
        ("Hello", 200, "application/json", b'"Hello"'),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 201, "body": "Hello"}, 201, "text/plain; charset=utf-8", b"Hello"),
        (
            {"statusCode": 200, "body": "/wA=", "isBase64Encoded": True, "headers": {"content-type": "image/png"}},
            200,
            "image/png",
            b"\xff\x00",
        ),
    ],
)
async def test_what_a_function_returns_is_read_as_format_two(
    shop: Workshop, http: httpx.AsyncClient, value: object, status: int, content_type: str, body: bytes
) -> None:
    function = await shop.function(f"def handler(event, context):\n    return {value!r}\n")
    await shop.route(function, "/", payload_format="aws-2.0")
    answer = await http.get(shop.path())
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (status, content_type, body)


async def test_a_route_changes_its_format(shop: Workshop, http: httpx.AsyncClient, gateway: Gateway) -> None:
    function = await shop.function(ECHO)
    made = await shop.route(function, "/a/:id", "POST", payload_format="aws-2.0")
    assert made.payload_format == "aws-2.0"
    event = (await http.post(f"{shop.path('/a/1%2F2')}?x=1", content=b"\xff")).json()
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /a/{id}")
    assert (event["pathParameters"], event["rawPath"]) == ({"id": "1/2"}, "/a/1/2")
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"\xff").decode(), True)
    assert event["headers"]["host"] == f"127.0.0.1:{gateway.port}"
    assert event["headers"]["x-forwarded-port"] == str(gateway.port)
    assert event["requestContext"]["apiId"] == shop.project.id
    changed = await shop.client.routes.update(shop.project.id, made.id, RoutePatch(payload_format="clowdy"))
    assert changed.payload_format == "clowdy"
    assert (await http.post(shop.path("/a/1"))).json()["params"] == {"id": "1"}
