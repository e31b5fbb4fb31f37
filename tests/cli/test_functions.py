"""From a file to an answer: new, deploy, invoke, logs, versions, rollback, ls, with their exit codes."""

import itertools
import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import WAIT_S, Cli

GREETS = "def handler(event):\n    print('greeting', event)\n    return {'hello': event}\n"
numbers = itertools.count()


@pytest.fixture
def project(at: Cli) -> str:
    """A project of the test's own; its slug."""
    slug: str = at.json("new", f"Test {next(numbers)}")["slug"]
    return slug


@pytest.fixture
def greets(at: Cli, project: str, tmp_path: Path) -> str:
    """A deployed function; its full name."""
    return deploy(at, project, tmp_path, GREETS)


def deploy(at: Cli, project: str, folder: Path, code: str, name: str = "greets") -> str:
    file = folder / f"{name}.py"
    file.write_text(code)
    at("deploy", str(file), "--project", project)
    return f"{project}/{name}"


def test_new_says_the_slug(at: Cli) -> None:
    answer = at("new", "My Shop!", "--description", "sells")
    assert "my-shop" in answer.out
    shown = next(item for item in at.json("ls")["projects"] if item["slug"].startswith("my-shop"))
    assert shown["description"] == "sells"


def test_a_name_that_leaves_no_slug_fails(at: Cli) -> None:
    assert "no letter or digit" in at("new", "!!!", code=1).err


def test_deploy_makes_a_function_and_then_versions_of_it(at: Cli, project: str, tmp_path: Path) -> None:
    file = tmp_path / "price.py"
    file.write_text(GREETS)
    assert "version 1 is live" in at("deploy", str(file), "--project", project).out
    assert "nothing changed, version 1 stays" in at("deploy", str(file), "--project", project).out
    file.write_text(GREETS + "# more\n")
    done = at.json("deploy", str(file), "--project", project, "-m", "more of it")
    assert (done["function"]["active_version"], done["previous_version"], done["routes"]) == (2, 1, [])
    newest, oldest = at.json("versions", f"{project}/price")
    assert (newest["version"], newest["message"], newest["active"], oldest["active"]) == (2, "more of it", True, False)


def test_deploy_takes_a_folder_with_what_lies_beside_the_entry(at: Cli, project: str, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "lib").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"\xff")
    (folder / ".hidden").write_text("no")
    (folder / "function.py").write_text("from lib.words import WORD\ndef handler(event):\n    return WORD\n")
    (folder / "lib" / "words.py").write_text("WORD = 'found'\n")
    done = at.json("deploy", str(folder), "--project", project)["function"]
    assert (done["name"], set(done["files"])) == ("bundle", {"lib/words.py"})
    assert at("invoke", f"{project}/bundle").out == '"found"\n'


def test_deploy_warns_of_code_that_does_not_parse_and_saves_it(at: Cli, project: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("def handler(event)\n    return 1\n")
    answer = at("deploy", str(file), "--project", project)
    assert "warning: broken:1:" in answer.err
    assert "version 1 is live" in answer.out
    assert at.json("invoke", f"{project}/broken", code=10)["error_type"] == "SyntaxError"


def test_deploy_into_no_project_is_not_found(at: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(GREETS)
    assert "no project 'nowhere'" in at("deploy", str(tmp_path / "x.py"), "--project", "nowhere", code=5).err


def test_deploy_of_what_is_no_text_is_wrong_usage(at: Cli, project: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_bytes(b"\xff\xfe")
    assert "is not text" in at("deploy", str(tmp_path / "x.py"), "--project", project, code=2).err
    (tmp_path / "y.txt").write_text("hello")
    assert "no Python file" in at("deploy", str(tmp_path / "y.txt"), "--project", project, code=2).err


def test_invoke_answers_on_stdout_and_says_the_rest_on_stderr(at: Cli, greets: str) -> None:
    answer = at("invoke", greets, "--input", '{"a": 1}')
    assert json.loads(answer.out) == {"hello": {"a": 1}}
    assert "greeting {'a': 1}" in answer.err
    assert "success" in answer.err
    assert "version 1" in answer.err


def test_invoke_takes_a_file_and_standard_input(at: Cli, greets: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("[1, 2]")
    assert json.loads(at("invoke", greets, "--input", f"@{tmp_path / 'event.json'}").out) == {"hello": [1, 2]}
    assert json.loads(at("invoke", greets, "--input", "-", input='"text"').out) == {"hello": "text"}
    assert json.loads(at("invoke", greets).out) == {"hello": None}


@pytest.mark.parametrize("given", ["{", "NaN", "@/no/such/file"])
def test_an_event_that_is_not_json_is_wrong_usage(at: Cli, greets: str, given: str) -> None:
    assert at("invoke", greets, "--input", given, code=2).out == ""


def test_invoke_says_where_the_handler_raised(at: Cli, project: str, tmp_path: Path) -> None:
    name = deploy(at, project, tmp_path, "def handler(event):\n    raise ValueError('bad \\x1b[31m thing')\n", "raises")
    answer = at("invoke", name, code=10)
    assert answer.out == ""
    assert "bad \\x1b[31m thing" in answer.err
    assert "\x1b" not in answer.err
    shown = at.json("invoke", name, code=10)
    assert (shown["status"], shown["error_type"], shown["success"]) == ("error", "ValueError", False)


def test_invoke_ends_with_12_where_the_code_crashes(at: Cli, project: str, tmp_path: Path) -> None:
    name = deploy(at, project, tmp_path, "import os\ndef handler(event):\n    os._exit(3)\n", "crashes")
    assert "crashed" in at("invoke", name, code=12).err


def test_a_version_can_be_called_and_rolled_back_to(at: Cli, greets: str, project: str, tmp_path: Path) -> None:
    deploy(at, project, tmp_path, "def handler(event):\n    return 'second'\n")
    assert at("invoke", greets).out == '"second"\n'
    assert "hello" in at("invoke", greets, "--version", "1").out
    assert "runs version 1" in at("rollback", greets, "1").out
    assert "hello" in at("invoke", greets).out
    none = at("rollback", greets, "9", code=5)
    assert none.out == ""
    assert f"has no version 9; `clowdy versions {greets}` shows" in none.err


def test_logs_show_calls_oldest_first_with_what_they_printed(at: Cli, greets: str) -> None:
    for number in (1, 2, 3):
        at("invoke", greets, "--input", str(number))
    lines = [json.loads(line) for line in at("logs", greets, "--json").out.splitlines()]
    assert [line["input"] for line in lines] == ["1", "2", "3"]
    assert lines[0]["logs"][0]["text"] == "greeting 1"
    shown = at("logs", greets, "-n", "1").out
    assert "greeting 3" in shown
    assert "greeting 2" not in shown
    assert at("logs", greets, "--status", "timeout").out == ""


def test_logs_follow_what_happens_until_interrupted(at: Cli, greets: str) -> None:
    at("invoke", greets, "--input", "0")
    follower = subprocess.Popen(
        at.argv("logs", "-f", greets), env=at.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert follower.stdout is not None
    seen = follower.stdout.readline()
    assert "greeting 0" in seen
    at("invoke", greets, "--input", "1")
    while "greeting 1" not in seen:
        line = follower.stdout.readline()
        assert line, "the follower ended by itself"
        seen += line
    while seen.count("success") < 2:
        seen += follower.stdout.readline()
    assert seen.count("greeting 0") == 1
    follower.send_signal(signal.SIGINT)
    _, said = follower.communicate(timeout=WAIT_S)
    assert follower.returncode == 0, said
    assert "Traceback" not in said


def test_ls_shows_functions_by_the_name_that_commands_take(at: Cli, greets: str, project: str) -> None:
    row = next(line for line in at("ls", project).out.splitlines() if line.startswith(greets))
    assert row.split()[1:3] == ["v1", "active"]
    tree = at.json("ls", project)
    assert [item["slug"] for item in tree["projects"]] == [project]
    assert [item["name"] for item in tree["projects"][0]["functions"]] == ["greets"]


def test_a_function_is_found_by_id_and_by_a_name_that_only_it_has(at: Cli, project: str, tmp_path: Path) -> None:
    name = f"only{next(numbers)}"
    deploy(at, project, tmp_path, GREETS, name)
    function_id = at.json("ls", project)["projects"][0]["functions"][0]["id"]
    assert "hello" in at("invoke", name).out
    assert "hello" in at("invoke", function_id).out


def test_a_name_that_several_have_lists_them(at: Cli, tmp_path: Path) -> None:
    name = f"twice{next(numbers)}"
    slugs = [at.json("new", "Twins")["slug"] for _ in range(2)]
    for slug in slugs:
        deploy(at, slug, tmp_path, GREETS, name)
    said = at("invoke", name, code=2).err
    assert all(f"{slug}/{name}" in said for slug in slugs)


@pytest.mark.parametrize("name", ["nope", "nope/nope", "0123456789ab"])
@pytest.mark.parametrize("command", ["invoke", "logs", "versions"])
def test_what_is_not_there_is_not_found(at: Cli, command: str, name: str) -> None:
    answer = at(command, name, "--json", code=5)
    assert answer.out == ""
    assert json.loads(answer.err)["exit_code"] == 5


def test_deploy_says_how_many_calls_an_instance_takes(at: Cli, project: str, tmp_path: Path) -> None:
    code = "async def handler(event, context):\n    return 1\n"
    file = tmp_path / "several.py"
    file.write_text(code)
    made = at.json("deploy", str(file), "--project", project, "--concurrency", "8")
    assert made["function"]["concurrency"] == 8
    again = at.json("deploy", str(file), "--project", project)
    assert again["function"]["concurrency"] == 8, "what is not said stays"
