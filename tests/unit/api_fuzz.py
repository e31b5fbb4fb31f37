"""The whole API asked by properties, through a real gateway. Apart from the test: schemathesis takes long to import."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import requests
import schemathesis
from fake_engine import FakeEngine
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionIn, OutcomeStatus, ProjectOut, RouteIn
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.platform import Platform

# How often an operation is asked: of things that are there, of such as are not, and by nobody.
KNOWN, UNKNOWN, NOBODY = 10, 3, 2
# As often again, with other data, until the answer is no refusal; not by nobody, who is refused whatever it asks.
TRIES = 5

# What goes on for ever, what ends tokens or things that the others need, and what there is no key for.
LEFT_OUT = {"follow_events", "revoke_token", "chat"}

# Takes whatever comes: there is nothing that it could be asked wrongly, and to find that out takes 450 tries each.
TAKES_ALL = {"/api/gateway/{slug}", "/api/gateway/{slug}/{path}"}


def wrong_is_refused(context: Any, answer: Any, case: Any) -> Any:
    # A head that is too large, or expects something, is refused before anybody looks for what else is wrong.
    return None if answer.status_code in (417, 431) else checks.negative_data_rejection(context, answer, case)


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    wrong_is_refused,
]


class Run:
    """One pass over all operations, as one user. `ids` go into the paths; without them anything does."""

    def __init__(self, document: dict[str, Any], url: str, token: str | None) -> None:
        self.schema = schemathesis.openapi.from_dict(document)
        self.url = url
        self.session = requests.Session()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.faults: dict[str, str] = {}
        self.asked: dict[str, set[int]] = {}

    def go(self, mode: GenerationMode, ids: dict[str, dict[str, Any]], examples: int) -> None:
        for operation in self.operations():
            if mode is GenerationMode.NEGATIVE and operation.path in TAKES_ALL:
                continue
            known = ids.get(operation.path)
            # Nothing in its path can be unknown.
            times = KNOWN if known or not operation.path_parameters else examples
            strategy = operation.as_strategy(generation_mode=mode, path_parameters=known)
            try:
                for number in range(TRIES if self.headers else 1):
                    self.ask(operation.label, strategy, times, number)
                    if (
                        mode is GenerationMode.NEGATIVE
                        or operation.label in NOT_REACHED
                        or not self.refuses(operation.label)
                    ):
                        break
            except Unsatisfiable:
                # There is nothing that it could be asked wrongly.
                continue
            except FailureGroup as group:
                self.faults[operation.label] = "\n".join(str(error) for error in group.exceptions)

    def operations(self) -> Iterable[Any]:
        found = [each.ok() for each in self.schema.get_all_operations()]
        # What takes something away comes last, the smaller things first.
        found.sort(key=lambda each: (each.method == "delete", -each.path.count("/") if each.method == "delete" else 0))
        return (each for each in found if each.definition.raw["operationId"] not in LEFT_OUT)

    def refuses(self, label: str) -> bool:
        """Whether it has answered nothing but refusals so far."""
        return 200 not in self.asked.get(label, ())

    def ask(self, label: str, strategy: Any, examples: int, number: int) -> None:
        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def one(case: Any) -> None:
            answer = case.call(base_url=self.url, headers=self.headers, timeout=10, session=self.session)
            self.asked.setdefault(label, set()).add(answer.status_code)
            case.validate_response(answer, checks=CHECKS, headers=self.headers)

        one()


@dataclass(frozen=True)
class Things:
    """What is really there. `passing` things are changed and taken away, the others stay as they are."""

    project: ProjectOut
    function: str
    key: str
    invocation: str
    passing_project: str
    passing_function: str
    passing_route: str
    talk: str

    def paths(self) -> dict[str, dict[str, Any]]:
        """What stands in the paths for them."""
        functions, projects = {"id": self.function}, {"id": self.project.id}
        found: dict[str, dict[str, Any]] = {
            f"/api/functions/{{id}}/{rest}": functions for rest in ("versions", "diff", "invocations", "warm", "inputs")
        }
        found |= {
            f"/api/projects/{{id}}/{rest}": projects
            for rest in ("functions", "routes", "keys", "env", "env/import", "env/export", "requirements", "database")
        }
        return found | {
            "/api/functions/{id}": {"id": self.passing_function},
            "/api/functions/{id}/versions/{number}": {**functions, "number": 1},
            "/api/functions/{id}/inputs/{name}": {**functions, "name": "saved"},
            "/api/projects/{id}": {"id": self.passing_project},
            "/api/projects/{id}/routes/{route_id}": {"id": self.passing_project, "route_id": self.passing_route},
            "/api/projects/{id}/keys/{key_id}": {**projects, "key_id": self.key},
            "/api/projects/{id}/requirements/build": projects,
            "/api/projects/{id}/env/{key}": {**projects, "key": "K"},
            "/api/invocations/{id}": {"id": self.invocation},
            "/api/invocations/{id}/replay": {"id": self.invocation},
            "/api/invoke/{id}": functions,
            "/api/chat/conversations/{conversation_id}": {"conversation_id": self.talk},
            "/api/chat/conversations/{conversation_id}/export": {"conversation_id": self.talk},
            "/api/gateway/{slug}": {"slug": self.project.slug},
            "/api/gateway/{slug}/{path}": {"slug": self.project.slug, "path": "a"},
        }


async def make_things(client: Clowdy) -> Things:
    project = await client.projects.create("Real")
    function = await client.functions.create(FunctionIn(name="f", code="x = 1", project_id=project.id))
    await client.variables.set(project.id, "K", "v")
    await client.inputs.set(function.id, "saved", {"n": 1})
    await client.routes.create(project.id, RouteIn(function_id=function.id, method="ANY", path="/*rest"))
    passing_project = await client.projects.create("Passing")
    routed = await client.functions.create(FunctionIn(name="g", code="x = 1", project_id=passing_project.id))
    passing = RouteIn(function_id=routed.id, method="GET", path="/passing")
    return Things(
        project=project,
        function=function.id,
        passing_route=(await client.routes.create(passing_project.id, passing)).id,
        talk=(await client.chat.conversations.create(project.id)).id,
        key=(await client.keys.create(project.id, "k")).id,
        invocation=(await client.invoke(function.id, {"n": 1})).invocation_id,
        passing_project=passing_project.id,
        passing_function=(await client.functions.create(FunctionIn(name="h", code="x = 1"))).id,
    )


# What no random body gets right: these are asked for, and answered as described, but not with 200.
NOT_REACHED = {
    "POST /api/projects/{id}/routes",
    "POST /api/system/example",
    "POST /api/system/stop",
    "POST /api/system/rotate-key",
    # The project has none, and one is not made here: that takes PostgreSQL some seconds each time.
    "POST /api/projects/{id}/database/provision",
    "PUT /api/projects/{id}/database",
    "POST /api/projects/{id}/database/wake",
    "GET /api/projects/{id}/database/dump",
    "POST /api/projects/{id}/database/restore",
    "DELETE /api/projects/{id}/database/deprovision",
    "DELETE /api/pool/{id}",
    # No turn runs, and none can without a key.
    "POST /api/chat/turns/{turn_id}/answer",
    "DELETE /api/chat/turns/{turn_id}",
    "DELETE /api/projects/{id}/requirements/build",
}


async def fuzz(platform: Platform, engine: FakeEngine, folder: Path, mode: str) -> None:
    """Ask every operation, with what is right (`positive`) or wrong; fails where an answer is not one described."""
    wanted = GenerationMode(mode)
    engine.answer = lambda deployment, event: Outcome(OutcomeStatus.SUCCESS, output=event)
    config = GatewayConfig(port=0, socket_path=folder / "fuzz.sock", max_body_bytes=256 * 1024)
    async with Gateway(platform, config) as gateway, Clowdy(socket=gateway.socket_path) as owner:
        token = (await owner.tokens.create("fuzz", user="ada")).token
        async with Clowdy(url=gateway.url, token=token) as ada, httpx.AsyncClient(trust_env=False, timeout=60) as http:
            document = json.loads((await http.get(f"{gateway.url}/openapi.json")).content)
            things = await make_things(ada)
        run = Run(document, gateway.url, token)
        await asyncio.to_thread(run.go, wanted, things.paths(), UNKNOWN)
        nobody = Run(document, gateway.url, None)
        if wanted is GenerationMode.POSITIVE:
            await asyncio.to_thread(nobody.go, wanted, {}, NOBODY)
    assert not run.faults | nobody.faults, "\n\n".join(
        f"{label}: {text}" for label, text in (run.faults | nobody.faults).items()
    )
    if wanted is GenerationMode.POSITIVE:
        never = {label for label in run.asked if run.refuses(label)}
        assert never == NOT_REACHED, sorted(never ^ NOT_REACHED)
