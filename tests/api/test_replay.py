"""A call's input, once more."""

import httpx
from api_support import Workshop, refused

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch


async def last(shop: Workshop, function_id: str) -> str:
    return (await shop.client.functions.invocations(function_id, limit=1))[0].id


async def test_the_same_input_by_the_active_version_or_another(shop: Workshop) -> None:
    function = await shop.function("def handler(event, context):\n    print('hi')\n    return ['one', event]\n")
    await shop.client.invoke(function.id, {"ö": [1, None]})
    original = await last(shop, function.id)
    await shop.client.functions.update(function.id, FunctionPatch(code=function.code.replace("one", "two")))
    again = await shop.client.invocations.replay(original)
    assert (again.success, again.version, again.output) == (True, 2, ["two", {"ö": [1, None]}])
    assert (again.replay_of, again.masked, [line.text for line in again.logs or []]) == (original, [], ["hi"])
    assert (await shop.client.invocations.replay(original, version=1)).output[0] == "one"
    kept = await shop.client.invocations.get(again.invocation_id)
    assert (kept.source, kept.version) == ("replay", 2)
    assert [call.source for call in await shop.client.invocations.list(source="replay", limit=2)] == ["replay"] * 2
    await refused(shop.client.invocations.replay(original, version=9), 404)


async def test_a_request_is_replayed_without_what_authenticates(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    await shop.route(function, "/orders/:id", "POST")
    await http.post(
        shop.path("/orders/7"),
        json={"n": 1, "cookie": "in the body"},
        headers={"Authorization": "Bearer secret", "Cookie": "s=1", "X-A": "kept"},
    )
    again = await shop.client.invocations.replay(await last(shop, function.id))
    assert again.masked == ["body.cookie", "cookies", "headers.authorization", "headers.cookie"]
    assert again.output["headers"]["authorization"] == "****"
    assert (again.output["headers"]["x-a"], again.output["params"], again.output["body"]["n"]) == (
        "kept",
        {"id": "7"},
        1,
    )
    kept = await shop.client.invocations.get(again.invocation_id)
    assert (kept.http_method, kept.http_path) == ("POST", "/orders/7")


async def test_a_request_that_authenticates_nobody_is_replayed_whole(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    await shop.route(function, "/x", "POST")
    # Of other tests' answers.
    http.cookies.clear()
    first = (await http.post(shop.path("/x"), json=1)).json()
    again = await shop.client.invocations.replay(await last(shop, function.id))
    assert (again.masked, again.output) == ([], first)


async def test_a_failure_fails_again(shop: Workshop) -> None:
    function = await shop.function("def handler(event, context):\n    return 1 / event\n")
    await shop.client.invoke(function.id, 0)
    again = await shop.client.invocations.replay(await last(shop, function.id))
    assert (again.success, again.status, again.error_type) == (False, "error", "ZeroDivisionError")
    assert "1 / event" in (again.stack_trace or "")


async def test_what_cannot_be_replayed_says_why(shop: Workshop, other: Clowdy, stranger: Clowdy) -> None:
    function = await shop.function()
    await shop.client.invoke(function.id, "x" * 300_000)
    cut = await last(shop, function.id)
    assert "larger than what is kept" in (await refused(shop.client.invocations.replay(cut), 409)).detail
    await shop.client.projects.update(shop.project.id, capture="none")
    await shop.client.invoke(function.id, 1)
    left_out = await last(shop, function.id)
    assert "capture" in (await refused(shop.client.invocations.replay(left_out), 409)).detail
    await refused(other.invocations.replay(cut), 404)
    await refused(stranger.invocations.replay(cut), 401)
    for id_ in ("0" * 16, "f" * 16, "nonsense"):
        await refused(shop.client.invocations.replay(id_), 404)
    await shop.client.projects.update(shop.project.id, capture="all")
    await shop.client.invoke(function.id, 1)
    whole = await last(shop, function.id)
    await shop.client.functions.update(function.id, FunctionPatch(status="inactive"))
    await refused(shop.client.invocations.replay(whole), 400)
