"""What a project owns, by the command line: routes, variables; and tokens."""

import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Served
from tests.cli.test_functions import GREETS, deploy, numbers


@pytest.fixture
def project(at: Cli, tmp_path: Path) -> str:
    """A project with the function `greets`; its slug."""
    slug: str = at.json("new", f"Owner {next(numbers)}")["slug"]
    deploy(at, slug, tmp_path, GREETS)
    return slug


def test_a_route_is_added_answers_is_listed_and_is_removed(at: Cli, project: str) -> None:
    route = at.json("routes", "add", project, "get", "/hi/{name}", "greets", "--description", "greets")
    with urllib.request.urlopen(route["url"].replace("{name}", "Ada"), timeout=30) as answer:
        assert json.load(answer)["hello"]["params"] == {"name": "Ada"}
    assert "/hi/{name}" in at("routes", "ls", project).out
    assert "GET /hi/{name}" in next(line for line in at("ls", project).out.splitlines() if "greets" in line)
    assert "is removed" in at("routes", "rm", project, "GET", "/hi/{name}").out
    assert at.json("routes", "ls", project) == []
    assert at("routes", "rm", project, "GET", "/hi/{name}", code=5).out == ""


def test_a_route_that_is_there_already_fails(at: Cli, project: str) -> None:
    at("routes", "add", project, "ANY", "/x", f"{project}/greets")
    route = at.json("routes", "add", project, "ANY", "/*rest", "greets", "--payload-format", "aws-2.0")
    assert route["payload_format"] == "aws-2.0"
    assert "clowdy: " in at("routes", "add", project, "ANY", "/x", "greets", code=1).err


def test_a_method_that_is_none_is_wrong_usage(at: Cli, project: str) -> None:
    assert "known are GET" in at("routes", "add", project, "FETCH", "/x", "greets", code=2).err


def test_a_variable_is_set_masked_revealed_used_and_removed(at: Cli, project: str, tmp_path: Path) -> None:
    code = "import os\ndef handler(event):\n    return [os.environ['A'], os.environ['B'], os.environ['C']]\n"
    name = deploy(at, project, tmp_path, code, "reads")
    at("env", "set", project, "A=secret=1", "--json")
    at("env", "set", project, "B=open", "--plain")
    at("env", "set", project, "C", input="from stdin\n")
    masked = {item["key"]: item["value"] for item in at.json("env", "ls", project)}
    assert masked == {"A": "****", "B": "open", "C": "****"}
    assert "secret=1" not in at("env", "ls", project).out
    assert "secret=1" in at("env", "ls", project, "--reveal").out
    assert json.loads(at("invoke", name).out) == ["secret=1", "open", "from stdin"]
    at("env", "rm", project, "A", "B", "C")
    assert at.json("env", "ls", project) == []
    none = at("env", "rm", project, "A", code=5)
    assert none.out == ""
    assert f"{project} has no variable 'A'" in none.err


def test_a_variable_without_a_value_is_wrong_usage(at: Cli, project: str) -> None:
    assert "KEY" not in at("env", "set", project, "K", code=2, input="").out


def test_a_token_is_shown_once_opens_tcp_and_is_revoked(at: Cli, served: Served) -> None:
    token = at("token", "add", "laptop", "--scope", "read").out.strip()
    listed = at("token", "ls")
    assert "laptop" in listed.out
    assert token not in listed.out
    away = Cli(at.data_dir / "elsewhere")
    words = ("--url", served.report["url"], "--token", token)
    assert {item["slug"] for item in away.json("ls", *words)["projects"]} >= {"hello-clowdy"}
    assert "write" in away("new", "No", *words, code=4).err
    assert "write" in away("token", "add", "more", *words, code=4).err
    assert "pid" not in away("status", *words).out, "which process it is, is for who administers"
    assert "token" in away("ls", *words[:2], code=4).err
    assert "is revoked" in at("token", "rm", "laptop").out
    assert away("ls", *words, code=4).out == ""
    assert at("token", "rm", "laptop", code=5).out == ""


def test_the_way_can_be_set_in_the_environment_and_before_the_command(at: Cli, served: Served) -> None:
    made = at.json("token", "add", "env", "--user", "somebody")
    assert (made["user"], set(made["scopes"])) == ("somebody", {"invoke", "read", "write", "reveal", "approve"})
    away = Cli(at.data_dir / "x", {"CLOWDY_URL": served.report["url"], "CLOWDY_TOKEN": made["token"]})
    assert away.json("ls") == {"projects": [], "functions": []}
    assert "Nothing here yet" in away("ls").out
    before = Cli(at.data_dir / "x")("--url", served.report["url"], "--token", made["token"], "--json", "ls")
    assert before.json() == {"projects": [], "functions": []}
    at("token", "rm", made["id"])


def test_an_address_where_nobody_is_is_no_gateway(cli: Cli) -> None:
    for url in ("nonsense", "ftp://127.0.0.1", "http://", "http://[::1"):
        assert "is no address; write it as http://" in cli("ls", "--url", url, code=2).err
    answer = cli("ls", "--url", "http://127.0.0.1:1", "--json", code=3)
    assert json.loads(answer.err)["exit_code"] == 3


def test_settings_are_set_and_shown(at: Cli) -> None:
    slug = at.json("new", "Ruled")["slug"]
    shown = at("project", "set", slug, "--rate-limit", "100/60", "--cors-origin", "https://a.example.org").out
    assert "100 in 60 s by project" in shown
    assert "https://a.example.org" in shown
    found = at.json("project", "set", slug, "--by", "client", "--cors-credentials", "--capture", "errors")
    assert found["rate_limit"] == {"requests": 100, "per_seconds": 60.0, "by": "client"}
    assert found["cors"]["credentials"]
    assert found["capture"] == "errors"
    found = at.json("project", "set", slug, "--rate-limit", "none", "--cors-origin", "none", "--slug", "ruler")
    assert (found["rate_limit"], found["cors"], found["slug"]) == (None, None, "ruler")
    assert "none" in at("project", "show", "ruler").out
    assert "like 100/60" in at("project", "set", "ruler", "--rate-limit", "many", code=2).err
    assert "--rate-limit" in at("project", "set", "ruler", "--by", "client", code=2).err
    assert "nothing to change" in at("project", "set", "ruler", code=2).err
    assert "by name" in at("project", "set", "ruler", "--cors-origin", "*", "--cors-credentials", code=1).err


def test_a_project_is_deleted_with_all_that_it_owns(at: Cli, project: str) -> None:
    assert "--yes" in at("project", "rm", project, code=2).err
    assert at.json("ls", project)
    assert at("project", "rm", project, "--yes").out == "Project deleted\n"
    at("project", "rm", project, "--yes", code=5)


def test_a_token_is_given_an_end(at: Cli) -> None:
    at("token", "add", "guest", "--expires-in-days", "0.5")
    listed = {item["name"]: item for item in at.json("token", "ls")}["guest"]
    lasts = datetime.fromisoformat(listed["expires_at"]) - datetime.fromisoformat(listed["created_at"])
    assert lasts == timedelta(hours=12)
    assert "0" in at("token", "add", "guest", "--expires-in-days", "0", code=2).err


def test_an_api_key_is_shown_once_opens_a_route_and_is_revoked(at: Cli, project: str) -> None:
    assert "clowdy keys add" in at("keys", "ls", project).out
    route = at.json("routes", "add", project, "GET", "/guarded", "greets", "--auth", "api_key")
    key = at("keys", "add", project, "partner").out.strip()
    listed = at("keys", "ls", project).out
    assert "partner" in listed
    assert key not in listed

    def status(key: str) -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(route["url"], headers={"x-api-key": key})) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code

    assert status(key) == 200
    assert at("keys", "rm", project, "nobody", code=5).out == ""
    assert "partner is revoked" in at("keys", "rm", project, "partner").out
    assert status(key) == 401
