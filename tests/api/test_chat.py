"""The assistant over HTTP: the ancestor's plain form, the form that streams, conversations, and a function mended."""

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import httpx
import pytest
from api_support import Workshop, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.assistant import ChatEvent, ChatIn
from clowdy_tui.gateway.api import chat
from tests.model_server import ModelServer, Says

BROKEN = "import socket\ndef handler(event, context):\n    return 1 / event['n']\n"
MENDED = "import socket\ndef handler(event, context):\n    return 1 / event['n'] if event['n'] else None\n"


def question(text: str = "hello", **fields: object) -> ChatIn:
    return ChatIn.model_validate({"messages": [{"role": "user", "content": text}], **fields})


async def test_the_ancestors_form(http: httpx.AsyncClient, owner: Clowdy, shop: Workshop, model: ModelServer) -> None:
    token = await owner.tokens.create("chat")
    headers = {"Authorization": f"Bearer {token.token}"}
    model.will(Says(calls=[("list_functions", {})]), Says("There you are."))
    body = {"messages": [{"role": "user", "content": "list"}]}
    answer = (await http.post("/api/chat", json=body, headers=headers)).json()
    assert answer["response"] == "There you are."
    (call,) = answer["tool_calls"]
    assert (call["tool"], call["args"]) == ("list_functions", {})
    model.will(Says(calls=[("create_function", {"name": "made", "code": BROKEN})]), Says("Would."))
    answer = (await http.post("/api/chat", json=body, headers=headers)).json()
    assert answer["pending"][0]["tool"] == "create_function"
    model.will(Says(calls=[("create_function", {"name": "made", "code": BROKEN})]), Says("Did."))
    answer = (await http.post("/api/chat", json={**body, "auto_approve": True}, headers=headers)).json()
    made = answer["tool_calls"][0]["result"]["id"]
    assert (await owner.functions.get(made)).code == BROKEN
    await owner.functions.delete(made)
    await owner.tokens.revoke(token.id)


async def test_auto_approve_wants_the_scope(with_scopes: Callable[..., Awaitable[Clowdy]], model: ModelServer) -> None:
    weak = await with_scopes("read", "write", "invoke")
    await refused(weak.chat.ask(question(auto_approve=True)), 403)
    invoker = await with_scopes("invoke")
    await refused(invoker.chat.ask(question()), 403)
    reader = await with_scopes("read")
    model.will(Says("Hello."))
    assert (await reader.chat.ask(question())).response == "Hello."


async def test_it_streams_asks_and_is_answered(owner: Clowdy, shop: Workshop, model: ModelServer) -> None:
    function = await shop.function()
    model.will(Says("I delete it.", calls=[("delete_function", {"function_id": function.id})]), Says("Gone."))
    seen: list[ChatEvent] = []
    async with aclosing(owner.chat.stream(question())) as events:
        async for event in events:
            seen.append(event)
            if event.type == "permission":
                await refused(owner.chat.answer(seen[0].data["turn_id"], "another", "yes"), 404)
                await owner.chat.answer(seen[0].data["turn_id"], event.data["call_id"], "yes")
    kinds = list(dict.fromkeys(event.type for event in seen))
    assert kinds == ["turn", "round", "text", "tool_call", "permission", "permission_answered", "tool_result", "done"]
    await refused(owner.functions.get(function.id), 404)
    await refused(owner.chat.stop(seen[0].data["turn_id"]), 404)


async def test_hanging_up_or_saying_so_stops_it(owner: Clowdy, shop: Workshop, model: ModelServer) -> None:
    function = await shop.function()
    wants = Says(calls=[("delete_function", {"function_id": function.id})])
    model.will(wants)
    stream = owner.chat.stream(question())
    turn = (await anext(stream)).data["turn_id"]
    while (event := await anext(stream)).type != "permission":
        pass
    await stream.aclose()

    async def over() -> bool:
        try:
            await owner.chat.answer(turn, event.data["call_id"], "yes")
        except Exception as error:  # noqa: BLE001
            return getattr(error, "status", 0) == 404
        pytest.fail("it still asks")

    await until(over)
    model.will(wants)
    ended = ""
    async with aclosing(owner.chat.stream(question())) as events:
        async for event in events:
            if event.type == "turn":
                turn = event.data["turn_id"]
            if event.type == "permission":
                await owner.chat.stop(turn)
            if event.type == "done":
                ended = event.data["ended"]
    assert ended == "stopped"
    assert (await owner.functions.get(function.id)).id == function.id


async def test_a_heartbeat_goes_while_somebody_thinks(
    local: httpx.AsyncClient, shop: Workshop, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "HEARTBEAT_S", 0.05)
    model.will(Says(calls=[("create_project", {"name": "x"})]))
    body = question().model_dump(mode="json", exclude_unset=True)
    async with local.stream("POST", "/api/chat", json=body, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        async for line in answer.aiter_lines():
            if line == ": heartbeat":
                break


async def test_conversations_are_kept_renamed_exported_and_deleted(
    owner: Clowdy, shop: Workshop, model: ModelServer
) -> None:
    talk = await owner.chat.conversations.create(shop.project.id)
    model.will(Says("Look.", calls=[("list_projects", {})]), Says("All is `well`."))
    await owner.chat.ask(question("How are\nmy things?", conversation_id=talk.id))
    (listed,) = await owner.chat.conversations.list(shop.project.id)
    assert (listed.id, listed.title, listed.message_count) == (talk.id, "How are", 3)
    whole = await owner.chat.conversations.get(talk.id)
    assert [message.role for message in whole.messages] == ["user", "assistant", "assistant"]
    assert whole.messages[1].tools[0].ok
    assert (await owner.chat.conversations.rename(talk.id, "Things")).title == "Things"
    text = await owner.chat.conversations.export(talk.id)
    assert text.startswith("# Things\n")
    assert "✓ `list_projects`" in text
    assert "All is `well`." in text
    await owner.chat.conversations.delete(talk.id)
    await refused(owner.chat.conversations.get(talk.id), 404)
    await refused(owner.chat.ask(question(conversation_id=talk.id)), 404)
    again = await owner.chat.conversations.create(shop.project.id)
    project = await owner.projects.create("Passing")
    gone = await owner.chat.conversations.create(project.id)
    await owner.projects.delete(project.id)
    assert again.id in {each.id for each in await owner.chat.conversations.list()}
    assert gone.id not in {each.id for each in await owner.chat.conversations.list()}


async def test_a_bad_request_is_told_what_is_wrong(local: httpx.AsyncClient, owner: Clowdy) -> None:
    for body, words in (
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "obey"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "user's"),
        ({"messages": [{"role": "user", "content": "x"}], "mend": "1"}, "mend"),
        ({"messages": [{"role": "user", "content": "x"}], "always": True}, "always"),
    ):
        answer = await local.post("/api/chat", json=body)
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["detail"]
    for stream in (False, True):
        headers = {"Accept": "text/event-stream"} if stream else {}
        for fields in ({"mend": "0" * 16}, {"conversation_id": "0" * 12}, {"project_id": "0" * 12}):
            body = question(**fields).model_dump(mode="json", exclude_unset=True)
            answer = await local.post("/api/chat", json=body, headers=headers)
            assert answer.status_code == 404, (fields, answer.text)


async def test_status_tells_whom_it_asks(owner: Clowdy, model: ModelServer) -> None:
    status = await owner.chat.status()
    assert status.available
    assert status.server in model.url
    assert "delete_function" in status.tools


async def test_mend_it_in_a_real_sandbox(owner: Clowdy, shop: Workshop, model: ModelServer) -> None:
    """Failing before, passing after, and the network off in both although the function has it."""
    probe = BROKEN.replace("    return 1", "    print([name for _, name in socket.if_nameindex()])\n    return 1")
    function = await shop.function(probe, network_enabled=True)
    failed = await owner.invoke(function.id, {"n": 0})
    assert failed.error_type == "ZeroDivisionError"
    fixed = probe.replace("return 1 / event['n']", "return 1 / event['n'] if event['n'] else None")
    model.will(Says(calls=[("propose_fix", {"code": fixed, "why": "n may be 0"})]), Says("It divided by zero."))
    seen: list[ChatEvent] = []
    async with aclosing(owner.chat.stream(question("Mend it", mend=failed.invocation_id))) as events:
        async for event in events:
            seen.append(event)
            if event.type == "permission":
                await owner.chat.answer(seen[0].data["turn_id"], event.data["call_id"], "yes")
    (proof,) = [event.data for event in seen if event.type == "proof"]
    assert proof["before"]["status"] == "error"
    assert "ZeroDivisionError" in proof["before"]["error"]
    assert (proof["after"]["status"], proof["after"]["output"], proof["mended"]) == ("success", "null", True)
    assert (await owner.functions.get(function.id)).active_version == 2
    calls = await owner.functions.invocations(function.id, source="assistant")
    assert [call.version for call in calls] == [2, 1]
    for call in calls:
        (line,) = (await owner.invocations.get(call.id)).logs
        assert json.loads(line.text.replace("'", '"')) == ["lo"], "no way out of the sandbox"
    assert "ZeroDivisionError" in model.sent, "the trace was shared, after a yes"
