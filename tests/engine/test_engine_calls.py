"""A handler is called: what it gets, what comes back, what it prints."""

import asyncio
import json

import pytest
from engine_support import ECHO, Engine, choosing, deployment, texts, value

from clowdy_tui.engine.outcome import LogEntry


async def test_event_and_result_pass_through(engine: Engine) -> None:
    event = {"text": "grüße 🐍 \x00 \u2028", "numbers": [1, 2.5, -0.0, 10**30], "none": None, "deep": {"a": [{}]}}
    echo = deployment()
    assert value(await engine.invoke(echo, event)) == event
    warm = await engine.invoke(echo, event)
    assert value(warm) == event
    assert not warm.cold_start


async def test_first_call_is_cold_and_the_next_is_not(engine: Engine) -> None:
    code = (
        "import os\ncalls = 0\ndef handler(event):\n    global calls\n    calls += 1\n    return calls, os.getpid()\n"
    )
    counter = deployment(code)
    first, second = await engine.invoke(counter), await engine.invoke(counter)
    assert [value(first)[0], value(second)[0]] == [1, 2]
    assert (first.cold_start, second.cold_start) == (True, False)
    assert first.init_us > 0
    assert second.init_us == 0
    assert first.instance_id == second.instance_id
    assert first.memory_kb is not None
    assert 1_000 < first.memory_kb < 128 * 1024


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("event", "-"),
        ("event, context", "probe"),
        ("event, context=None", "probe"),
        ("*args", "probe"),
        ("event, *, name='-'", "-"),
        ("event, /, context", "probe"),
    ],
)
async def test_context_goes_to_handlers_that_take_one(engine: Engine, signature: str, expected: str) -> None:
    body = "    c = locals().get('context') or (locals().get('args') or [0, 0])[-1]\n"
    code = f"def handler({signature}):\n{body}    return c.function_name if c else '-'\n"
    assert await engine.result(code) == expected


async def test_a_wrapped_handler_gets_what_its_signature_asks_for(engine: Engine) -> None:
    code = """
import functools
def inner(event):
    return event
@functools.wraps(inner)
def handler(*args):
    return inner(*args)
"""
    assert await engine.result(code, 7) == 7


async def test_a_file_named_like_a_standard_module_does_not_reach_the_runner(engine: Engine) -> None:
    files = {
        "function.py": "async def handler(event):\n    return event\n",
        "selectors.py": "raise RuntimeError('not for the runner')\n",
    }
    assert value(await engine.invoke(deployment(files=files), 7)) == 7


async def test_context_has_what_lambda_gives(engine: Engine) -> None:
    code = """
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return {
        "name": context.function_name, "item": context["function_name"], "version": context.function_version,
        "memory": context.memory_limit_in_mb, "request": context.aws_request_id, "arn": context.invoked_function_arn,
        "group": context.log_group_name, "stream": context.log_stream_name, "left": left,
        "identity": context.identity.cognito_identity_id, "client": context.client_context,
        "get": context.get("nothing", 7), "in": "aws_request_id" in context, "dict": dict(context)["function_version"],
    }
"""
    told = await engine.result(code, version=3, memory_mb=64, timeout_s=5.0)
    assert told["name"] == told["item"] == "probe"
    assert told["version"] == told["dict"] == "3"
    assert told["memory"] == 64
    assert told["request"] == f"{1:016x}"
    assert told["arn"].endswith(":function:probe:3")
    assert told["group"] == "/clowdy/probe"
    assert told["stream"]
    assert 4000 < told["left"] <= 5000
    assert told["identity"] is None
    assert told["client"] is None
    assert told["get"] == 7
    assert told["in"] is True


async def test_async_handlers_share_one_event_loop(engine: Engine) -> None:
    code = """
import asyncio
loops = []
async def handler(event):
    await asyncio.sleep(0.001)
    loops.append(asyncio.get_running_loop())
    return len(loops), len(set(map(id, loops)))
"""
    waiter = deployment(code)
    await engine.invoke(waiter)
    assert value(await engine.invoke(waiter)) == [2, 1]


async def test_other_awaitables_and_callables(engine: Engine) -> None:
    code = """
import asyncio, functools
class Works:
    async def __call__(self, event):
        return event
def later(prefix, event):
    async def inner():
        return prefix + event
    return inner()
"""
    assert await engine.result(code + "handler = Works()", "a") == "a"
    assert await engine.result(code + "handler = functools.partial(later, 'b')", "c") == "bc"


async def test_other_files_can_be_imported_and_read(engine: Engine) -> None:
    files = {
        "app/main.py": "from app.tools import twice\nfrom helper import read\n"
        "class Api:\n    @staticmethod\n    def entry(event):\n        return [twice(event), read()]\n",
        "app/tools.py": "def twice(x):\n    return 2 * x\n",
        "helper.py": "from pathlib import Path\n\n\ndef read():\n    return Path('data/text.txt').read_text()\n",
        "data/text.txt": "as it was\r\n",
    }
    found = value(await engine.invoke(deployment(files=files, entry="app/main.py", handler="Api.entry"), 21))
    assert found == [42, "as it was\n"]


async def test_environment_is_the_functions_own(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_SECRET", "hunter2")
    code = "import os\ndef handler(event):\n    return dict(os.environ)\n"
    told = await engine.result(code, environment={"KEY": "wert ß", "PATH": "/mine"})
    assert told.pop("KEY") == "wert ß"
    assert told.pop("PATH") == "/mine"
    assert told.pop("OMP_NUM_THREADS") == "1", "as many as it has processors, not as the machine has"
    assert set(told) <= {"HOME", "LANG", "SSL_CERT_FILE"}


async def test_printed_lines_come_apart_in_order_and_while_it_runs(engine: Engine) -> None:
    code = """
import sys, time
def handler(event):
    print("one", "two", sep="-")
    print("err", file=sys.stderr)
    print("no end", end="", flush=True)
    print(" yet")
    sys.stdout.buffer.write("bytes ü\\n".encode())
    time.sleep(0.2)
    print("\\x1b[31m[bold]raw[/bold]")
    print("last", end="")
    return 1
"""
    live: list[LogEntry] = []
    call = asyncio.create_task(engine.invoke(deployment(code), on_log=live.append))
    while not live and not call.done():
        await asyncio.sleep(0.001)
    assert not call.done(), "the first line comes before the call is over"
    outcome = await call
    assert value(outcome) == 1
    assert [(entry.stream, entry.text) for entry in outcome.logs] == [
        ("stdout", "one-two"),
        ("stderr", "err"),
        ("stdout", "no end yet"),
        ("stdout", "bytes ü"),
        ("stdout", "\x1b[31m[bold]raw[/bold]"),
        ("stdout", "last"),
    ]
    assert live == outcome.logs
    times = [entry.at_us for entry in outcome.logs]
    assert times == sorted(times)
    assert times[-1] >= 190_000
    assert not outcome.logs_truncated


async def test_what_an_import_prints_belongs_to_the_first_call(engine: Engine) -> None:
    noisy = deployment("print('imported')\ndef handler(event):\n    print('called')\n")
    assert texts(await engine.invoke(noisy)) == ["imported", "called"]
    assert texts(await engine.invoke(noisy)) == ["called"]


async def test_output_past_the_handlers_streams_is_in_the_log(engine: Engine) -> None:
    code = """
import os, subprocess, sys
def handler(event):
    os.write(1, b"raw one\\n")
    os.write(2, b"raw two\\n")
    subprocess.run([sys.executable, "-I", "-S", "-c", "print('from a child')"], check=True)
    return sys.stdin.read()
"""
    outcome = await engine.run(code)
    assert value(outcome) == ""
    assert texts(outcome) == ["raw one", "raw two", "from a child"]


async def test_a_megabyte_of_output_is_cut_and_the_call_answered(engine: Engine) -> None:
    code = "def handler(event):\n    for n in range(event):\n        print('x' * 99)\n    return 'done'\n"
    loud = deployment(code)
    outcome = await engine.invoke(loud, 10_000)
    assert value(outcome) == "done"
    assert outcome.logs_truncated
    assert 200 * 1024 < sum(len(text) + 1 for text in texts(outcome)) <= 256 * 1024 + 1
    after = await engine.invoke(loud, 1)
    assert texts(after) == ["x" * 99]
    assert not after.logs_truncated


async def test_floods_in_one_piece_are_cut(engine: Engine) -> None:
    ways = ("print('y' * 1_000_000)", "os.write(2, b'y' * 1_000_000)", "os.write(1, b'y\\n' * 500_000)")
    what = deployment(choosing((f"{how}\nreturn 'done'" for how in ways), "import os"))
    for number, how in enumerate(ways):
        outcome = await engine.invoke(what, number)
        assert value(outcome) == "done", how
        assert outcome.logs_truncated, how
        assert sum(len(text) + 1 for text in texts(outcome)) <= 256 * 1024 + 1, how


async def test_large_events_and_results(engine: Engine) -> None:
    event = "ä" * 1_000_000
    assert value(await engine.invoke(deployment(), event)) == event


async def test_time_zones_and_certificates_are_there(engine: Engine) -> None:
    code = """
import ssl, zoneinfo, sqlite3, ctypes, decimal
def handler(event):
    return [str(zoneinfo.ZoneInfo("Europe/Berlin")), len(ssl.create_default_context().get_ca_certs()) > 10]
"""
    assert await engine.result(code) == ["Europe/Berlin", True]


async def test_children_of_a_call_are_gone_before_the_next(engine: Engine) -> None:
    code = """
import os, subprocess, sys
def handler(event):
    others = sorted(int(p) for p in os.listdir("/proc") if p.isdecimal() and int(p) != os.getpid())
    if event:
        subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    return len(others)
"""
    parent = deployment(code)
    assert value(await engine.invoke(parent, True)) == 0
    assert value(await engine.invoke(parent, True)) == 0
    assert value(await engine.invoke(parent, False)) == 0


async def test_a_forked_child_does_not_speak_for_the_runner(engine: Engine) -> None:
    code = """
import os, warnings
def handler(event):
    child = os.fork()
    if child == 0:
        print("in the child")
        return "from the child"
    os.waitpid(child, 0)
    return "from the parent"
"""
    forks = deployment(code)
    outcome = await engine.invoke(forks)
    assert value(outcome) == "from the parent"
    assert "in the child" in texts(outcome)
    assert value(await engine.invoke(forks)) == "from the parent"


async def test_an_event_that_is_not_json_is_an_error(engine: Engine) -> None:
    outcome = await engine.service.invoke(deployment(ECHO), b"{nonsense", invocation_id="1")
    assert (outcome.status, outcome.error_type) == ("error", "EventNotJSON")


async def test_results_are_compact_json(engine: Engine) -> None:
    outcome = await engine.run("def handler(event):\n    return {'a': [1, 'é'], 'b': '\\ud800'}\n")
    assert outcome.output == b'{"a":[1,"\\u00e9"],"b":"\\ud800"}'
    assert json.loads(outcome.output)["b"] == "\ud800"
