"""One planted secret, and everything that leaves: it is found nowhere but where somebody may ask for it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from api_support import Workshop, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.services.platform import Platform

SECRET = 'zq7-planted-"secret"-ü-42'
FORMS = (SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1])

LEAKS = """
import os, sys
S = os.environ["PLANTED"]
print("out", S)
print("err", S, file=sys.stderr)
os.write(2, f"raw {S}\\n".encode())
def handler(event):
    print("called with", S)
    if event == "raise":
        raise ValueError(f"wrong key {S}")
    if event == "type":
        raise type(f"Bad{S}", (Exception,), {})(S)
    if isinstance(event, dict) and event.get("path") == "/header":
        return {"statusCode": 200, "headers": {"x-key": [S, {}]}}
    return {"key": S, "event": event}
"""


def leaks(text: str) -> bool:
    return any(form in text for form in FORMS)


@pytest_asyncio.fixture(loop_scope="session")
async def planted(shop: Workshop) -> Workshop:
    await shop.client.variables.set(shop.project.id, "PLANTED", SECRET)
    return shop


@asynccontextmanager
async def listening(client: Clowdy, after: str) -> AsyncIterator[list[str]]:
    """All events while this lasts, as text."""
    heard: list[str] = []

    async def listen() -> None:
        async with aclosing(client.events(after)) as stream:
            async for event in stream:
                heard.append(event.model_dump_json())  # noqa: PERF401  # as they come, not at the end

    task = asyncio.create_task(listen())
    yield heard
    task.cancel()
    await asyncio.wait([task])


async def test_what_leaves_holds_no_secret(
    planted: Workshop,
    local: httpx.AsyncClient,
    http: httpx.AsyncClient,
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client, project = planted.client, planted.project
    async with listening(client, platform.bus.last_id) as heard:
        function = await planted.function(LEAKS)
        await planted.route(function, "/{rest}")
        answers: list[str] = []
        # The function's answer is the caller's, and is left alone: that is what shows that the function had it.
        plain = await local.post(f"/api/invoke/{function.id}?logs=1", json={"input": {"sent": SECRET}})
        assert leaks(json.dumps(plain.json()["output"]))
        answers.append(json.dumps({**plain.json(), "output": None}))
        for event in ("raise", "type"):
            answers.append((await local.post(f"/api/invoke/{function.id}?logs=1", json={"input": event})).text)
            answers.append((await http.post(f"/api/invoke/{function.id}", json={"input": event})).text)
        answers.append((await http.get(f"/api/gateway/{project.slug}/header")).text)
        assert "x-key" in answers[-1]
        await http.get(f"/api/gateway/{project.slug}/x", headers={"x-sent": "sk-x"})
        # Every refusal that could quote what was sent.
        path = f"/api/projects/{project.id}/env"
        for body in ({"key": "1", "value": SECRET}, {"key": "A", "value": SECRET, "more": SECRET}, {"value": SECRET}):
            answer = await local.post(path, json=body)
            assert answer.status_code == 422
            answers.append(answer.text)
        answers.append((await local.post(f"{path}/import", json={"text": f"A={SECRET}\n={SECRET}\n"})).text)
        answers.append((await local.post(path, content=f'{{"key": "A", "value": "{SECRET}')).text)
        # Every list and page there is of it.
        await until(lambda: _finished(heard, 6))
        calls = await client.invocations.list(limit=50)
        pages = [
            "/api/projects",
            f"/api/projects/{project.id}",
            path,
            f"{path}/export",
            "/api/invocations",
            "/api/stats",
        ]
        pages += [f"/api/functions/{function.id}", f"/api/functions/{function.id}/versions", "/api/pool", "/metrics"]
        pages += [f"/api/projects/{project.id}/routes", "/api/invocations?q=planted", "/api/stats", "/openapi.json"]
        pages += [f"/api/invocations/{call.id}" for call in calls if call.function_id == function.id]
        for page in pages:
            answer = await local.get(page)
            assert answer.status_code == 200, page
            answers.append(answer.text)
        assert sum("called with ****" in answer for answer in answers) >= 6
    assert len(heard) > 10
    assert any("out ****" in event for event in heard)
    for text in (*answers, *heard, caplog.text):
        assert not leaks(text), text
    for file in Path(platform.config.data_dir).glob("clowdy.db*"):
        content = file.read_bytes()
        assert not any(form.encode() in content for form in FORMS), file


async def _finished(heard: list[str], count: int) -> bool:
    return sum("invocation.finished" in event for event in heard) >= count


async def test_only_the_scope_reveal_reveals(
    planted: Workshop, with_scopes: Callable[..., Awaitable[Clowdy]], stranger: Clowdy
) -> None:
    project = planted.project.id
    assert SECRET in (await planted.client.variables.export_dotenv(project, reveal=True)).replace("\\", "")
    reader = await with_scopes("read", "write")
    await refused(reader.variables.list(project, reveal=True), 403)
    await refused(reader.variables.export_dotenv(project, reveal=True), 403)
    assert not leaks(await reader.variables.export_dotenv(project))
    await refused(stranger.variables.list(project), 401)
    await refused(stranger.rotate_key(), 401)


async def test_a_call_in_flight_keeps_the_old_value_and_the_next_has_the_new(shop: Workshop) -> None:
    client, project = shop.client, shop.project.id
    await client.variables.set(project, "MODE", "old", is_secret=False)
    function = await shop.function(
        "import os, time\ndef handler(event):\n    time.sleep(event)\n    return os.environ['MODE']\n"
    )
    flying = asyncio.create_task(client.invoke(function.id, 1.5))

    async def is_busy() -> bool:
        return any(one.function_id == function.id and one.state == "busy" for one in await client.pool())

    await until(is_busy)
    await client.variables.set(project, "MODE", "new", is_secret=False)
    assert (await client.invoke(function.id, 0)).output == "new"
    assert (await flying).output == "old"


async def test_import_over_the_api(shop: Workshop) -> None:
    done = await shop.client.variables.import_dotenv(shop.project.id, "A=1\nB='x y'\n", is_secret=False)
    assert done.set == ["A", "B"]
    assert await shop.client.variables.export_dotenv(shop.project.id) == "A=1\nB='x y'\n"
    error = await refused(shop.client.variables.import_dotenv(shop.project.id, "A=2\nnonsense line\n"), 422)
    assert error.problem.errors
    assert error.problem.errors[0]["loc"] == ["text", 2]
    assert (await shop.client.variables.list(shop.project.id))[0].value == "1"
