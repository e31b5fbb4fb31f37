"""A gateway in memory with the client's face: for the screen's looks and for what a real one cannot be made to do."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from typing import Any, cast

from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.domain.assistant import ChatEvent, ChatIn, ChatStatus, ConversationDetail
from clowdy_tui.domain.names import slugify
from clowdy_tui.domain.schemas import (
    EventOut,
    FunctionIn,
    FunctionOut,
    FunctionPatch,
    FunctionStats,
    Health,
    InvocationDetail,
    InvocationOut,
    InvokeOut,
    KeyCreated,
    KeyOut,
    LogLine,
    OutcomeStatus,
    PoolInstance,
    Problem,
    ProjectOut,
    ReplayOut,
    RouteIn,
    RouteOut,
    RoutePatch,
    SavedInputOut,
    Stats,
    StatsMinute,
    VersionOut,
)
from clowdy_tui.tui.session import Connect, Session
from tests.tui.fake_owned import Databases, Packages, Variables

THEN = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
URL = "http://127.0.0.1:8000"

ORDERS = '''\
"""Orders: what was bought, and by whom."""

import json
from decimal import Decimal

PRICES = {"tea": Decimal("3.20"), "cake": Decimal("4.50")}


def total(items):
    # An unknown item is free: the till decides.
    return sum(PRICES.get(item, Decimal(0)) for item in items)


def handler(event, context):
    """Adds an order up."""
    items = event.get("items", [])
    print(f"order {event.get('id', 1)}: {len(items)} items")
    return {"ok": True, "total": json.dumps(str(total(items)))}
'''
PAY = 'def handler(event, context):\n    return {"paid": event["amount"]}\n'
HELLO = 'def handler(event, context):\n    return f"Hello {event}"\n'


class FakeClowdy:
    """Answers as the gateway does. `gone` makes it unreachable; `refuse` is raised by the next change."""

    def __init__(self) -> None:
        self.all_projects: dict[str, ProjectOut] = {}
        self.all_functions: dict[str, FunctionOut] = {}
        self.all_routes: dict[str, RouteOut] = {}
        self.calls: list[InvocationOut] = []
        self.all_keys: dict[str, list[KeyCreated]] = {}
        self.keys = _Keys(self)
        self.all_inputs: dict[str, dict[str, SavedInputOut]] = {}
        self.variables, self.packages, self.databases = Variables(self), Packages(self), Databases(self)
        self.history: dict[tuple[str, int], str] = {}
        self.files: dict[tuple[str, int], dict[str, str]] = {}
        self.gone = False
        self.refuse: ApiError | None = None
        self.answer: Any = {"ok": True}
        self.hold: asyncio.Event | None = None
        self._queue: asyncio.Queue[EventOut] = asyncio.Queue()
        self._ids = iter(f"{number:012x}" for number in range(1, 10_000))
        self._events = 0
        self.projects, self.functions, self.routes = _Projects(self), _Functions(self), _Routes(self)
        self.invocations, self.inputs = _Invocations(self), _Inputs(self)
        self.all_instances: dict[str, PoolInstance] = {}
        self.figures: Stats | None = None
        self.figures_by_function: list[FunctionStats] = []
        self.chat = FakeChat(self)

    def new_id(self) -> str:
        return next(self._ids)

    def check(self, *, change: bool = False) -> None:
        if self.gone:
            raise GatewayGone("No gateway answers. Start one with: clowdy serve")
        if change and self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error

    def publish(self, type_: str, **data: Any) -> None:
        self._events += 1
        self._queue.put_nowait(EventOut(id=f"1-{self._events}", type=type_, data=data))

    async def events(self, after: str | None = None) -> AsyncIterator[EventOut]:
        yield EventOut(id="1-0", type="hello", data={"id": "1-0", "version": "0.1.0"})
        while True:
            yield await self._queue.get()

    async def health(self) -> Health:
        self.check()
        return Health(
            version="0.1.0",
            driver="bubblewrap",
            driver_available=True,
            enforced=["memory", "processes", "cpu", "files", "network"],
            not_enforced=[],
            url=URL,
            data_dir="~/.local/share/clowdy",
            pid=4242,
            python="3.12",
        )

    async def pool(self) -> list[PoolInstance]:
        self.check()
        if self.all_instances:
            return list(self.all_instances.values())
        return [
            PoolInstance(
                id=f"i{number}",
                function_id=None,
                function_name=None,
                version=None,
                state="idle",
                age_s=1,
                calls=1,
                memory_mb=5,
            )
            for number in range(3)
        ]

    async def stats(
        self, *, project_id: str | None = None, function_id: str | None = None, since: datetime | None = None
    ) -> Stats:
        self.check()
        return self.figures or no_figures(len(self.all_functions))

    async def function_stats(
        self, *, project_id: str | None = None, since: datetime | None = None
    ) -> list[FunctionStats]:
        self.check()
        return self.figures_by_function

    async def kill(self, instance_id: str) -> None:
        self.check(change=True)
        if self.all_instances.pop(instance_id, None) is None:
            raise problem(404, "Instance not found")
        self.publish("pool.changed", spare=0, starting=0, busy=0, idle=len(self.all_instances))

    async def invoke(
        self,
        function_id: str,
        input: Any = None,  # noqa: A002 - the API's own word
        *,
        version: int | None = None,
        logs: bool = True,
    ) -> InvokeOut:
        self.check()
        function = self.all_functions[function_id]
        if self.hold is not None:
            await self.hold.wait()
        about = {
            "invocation_id": "0" * 15 + "1",
            "function_id": function_id,
            "project_id": function.project_id,
            "function_name": function.name,
            "version": function.active_version,
        }
        self.publish("invocation.started", **about, source="api", http_method=None, http_path=None)
        line = {"stream": "stdout", "text": "order 1: 2 items", "at_us": 120}
        self.publish("invocation.log", **about, lines=[line])
        self.publish("invocation.finished", **about, source="api", status="success", duration_us=1240, cold_start=False)
        return InvokeOut(
            success=True,
            output=self.answer,
            duration_ms=1.24,
            invocation_id="0" * 15 + "1",
            cold_start=False,
            status=OutcomeStatus.SUCCESS,
            version=function.active_version,
            duration_us=1240,
            queue_us=10,
            init_us=0,
            memory_mb=9.5,
            logs=[LogLine.model_validate(line)],
        )

    # what somebody else does

    def save_elsewhere(self, function_id: str, code: str) -> FunctionOut:
        saved = self.put_version(self.all_functions[function_id], code)
        self.publish("function.updated", function_id=function_id, project_id=saved.project_id, name=saved.name)
        return saved

    def put_version(self, function: FunctionOut, code: str, files: dict[str, str] | None = None) -> FunctionOut:
        files = function.files if files is None else files
        if code == function.code and files == function.files:
            return function
        version = max(number for id_, number in self.history if id_ == function.id) + 1
        changed = function.model_copy(update={"code": code, "files": files, "active_version": version})
        self.files[function.id, version] = files
        self.all_functions[function.id] = changed
        self.history[function.id, version] = code
        self.publish("version.created", function_id=function.id, project_id=function.project_id, version=version)
        return changed

    def add_project(self, name: str, description: str = "") -> ProjectOut:
        project = ProjectOut(
            id=self.new_id(),
            name=name,
            slug=slugify(name),
            description=description,
            status="active",
            function_count=0,
            requirements_txt="",
            has_database=False,
            created_at=THEN,
            updated_at=THEN,
        )
        self.all_projects[project.id] = project
        return project

    def add_function(self, name: str, code: str, project: ProjectOut | None, **changes: Any) -> FunctionOut:
        values: dict[str, Any] = {
            "id": self.new_id(), "name": name, "description": "", "code": code, "files": {}, "runtime": "python",
            "status": "active", "visibility": "public", "network_enabled": False, "memory_mb": 128, "cpus": 0.5,
            "timeout_s": 30.0, "max_instances": 10, "min_instances": 0, "concurrency": 1,
            "project_id": project.id if project else None, "active_version": 1, "created_at": THEN, "updated_at": THEN,
        }  # fmt: skip
        function = FunctionOut.model_validate(values | changes)
        self.all_functions[function.id] = function
        self.history[function.id, function.active_version] = code
        return function

    def add_instance(self, state: Any, function: FunctionOut | None = None, **changes: Any) -> PoolInstance:
        values: dict[str, Any] = {
            "id": self.new_id(), "function_id": function.id if function else None,
            "function_name": function.name if function else None, "version": function.active_version if function else
            None, "state": state, "age_s": 75.0, "calls": 12 if function else 0, "memory_mb": 9.4,
        }  # fmt: skip
        instance = PoolInstance.model_validate(values | changes)
        self.all_instances[instance.id] = instance
        return instance

    def add_call(self, function: FunctionOut, **changes: Any) -> InvocationOut:
        values: dict[str, Any] = {
            "id": f"{len(self.calls) + 1:016x}", "function_id": function.id, "input": None, "output": None,
            "status": "success", "duration_ms": 1.24, "duration_us": 1240, "source": "api", "http_method": None,
            "http_path": None, "version": function.active_version, "cold_start": False, "queue_us": 0, "init_us": 0,
            "memory_mb": 9.0, "error_type": None, "input_truncated": False, "output_truncated": False,
            "created_at": THEN,
        }  # fmt: skip
        call = InvocationOut.model_validate(values | changes)
        self.calls.insert(0, call)
        return call

    def add_route(self, project: ProjectOut, function: FunctionOut, method: str, path: str) -> RouteOut:
        route = RouteOut(
            id=self.new_id(),
            project_id=project.id,
            function_id=function.id,
            function_name=function.name,
            method=method,
            path=path,
            description="",
            payload_format="clowdy",
            auth="none",
            url=f"{URL}/api/gateway/{project.slug}{path}",
            created_at=THEN,
            updated_at=THEN,
        )
        self.all_routes[route.id] = route
        return route


class _Part:
    def __init__(self, fake: FakeClowdy) -> None:
        self.fake = fake


class _Projects(_Part):
    async def list(self) -> list[ProjectOut]:
        self.fake.check()
        return list(self.fake.all_projects.values())

    async def get(self, id_: str) -> ProjectOut:
        self.fake.check()
        return self.fake.all_projects[id_]

    async def create(self, name: str, description: str = "") -> ProjectOut:
        self.fake.check(change=True)
        project = self.fake.add_project(name, description)
        self.fake.publish("project.created", project=project.model_dump(mode="json"))
        return project

    async def update(self, id_: str, **changes: Any) -> ProjectOut:
        self.fake.check(change=True)
        values = self.fake.all_projects[id_].model_dump() | changes
        project = self.fake.all_projects[id_] = ProjectOut.model_validate(values)
        self.fake.publish("project.updated", project=project.model_dump(mode="json"))
        return project

    async def delete(self, id_: str) -> None:
        self.fake.check(change=True)
        del self.fake.all_projects[id_]
        for function in [function for function in self.fake.all_functions.values() if function.project_id == id_]:
            del self.fake.all_functions[function.id]
        self.fake.publish("project.deleted", project_id=id_)


class _Functions(_Part):
    async def list(self) -> list[FunctionOut]:
        self.fake.check()
        return list(self.fake.all_functions.values())

    async def get(self, id_: str) -> FunctionOut:
        self.fake.check()
        return self.fake.all_functions[id_]

    async def create(self, function: FunctionIn) -> FunctionOut:
        self.fake.check(change=True)
        project = self.fake.all_projects.get(function.project_id or "")
        made = self.fake.add_function(function.name, function.code, project, description=function.description)
        self.fake.publish("function.created", function_id=made.id, project_id=made.project_id, name=made.name)
        return made

    async def update(self, id_: str, changes: FunctionPatch) -> FunctionOut:
        self.fake.check(change=True)
        function = self.fake.all_functions[id_]
        if changes.base_version not in (None, function.active_version):
            base = self.fake.history[id_, changes.base_version or 0].splitlines()
            diff = "\n".join(unified_diff(base, function.code.splitlines(), "function.py", "function.py", lineterm=""))
            raise problem(
                409,
                "Somebody else saved since",
                type="stale-version",
                active_version=function.active_version,
                base_version=changes.base_version,
                diff=diff,
            )
        if changes.code is not None or changes.files is not None:
            code = function.code if changes.code is None else changes.code
            return self.fake.put_version(function, code, changes.files)
        fields = changes.model_dump(exclude_unset=True, exclude={"code", "files", "base_version", "message"})
        changed = self.fake.all_functions[id_] = function.model_copy(update=fields)
        self.fake.publish("function.updated", function_id=id_, project_id=function.project_id, name=changed.name)
        return changed

    async def warm(self, id_: str) -> None:
        self.fake.check(change=True)
        self.fake.add_instance("idle", self.fake.all_functions[id_])

    async def versions(self, id_: str) -> builtins.list[VersionOut]:
        self.fake.check()
        numbers = sorted((number for owner, number in self.fake.history if owner == id_), reverse=True)
        return [await self.version(id_, number) for number in numbers]

    async def version(self, id_: str, number: int) -> VersionOut:
        self.fake.check()
        return VersionOut(
            version=number,
            code=self.fake.history[id_, number],
            files=self.fake.files.get((id_, number), {}),
            created_at=THEN + timedelta(hours=number),
            created_by="local",
            active=self.fake.all_functions[id_].active_version == number,
            message="",
        )

    async def activate(self, id_: str, number: int) -> FunctionOut:
        self.fake.check(change=True)
        version = await self.version(id_, number)
        changed = self.fake.all_functions[id_].model_copy(
            update={"active_version": number, "code": version.code, "files": version.files}
        )
        self.fake.all_functions[id_] = changed
        self.fake.publish("version.activated", function_id=id_, project_id=changed.project_id, version=number)
        return changed

    async def delete(self, id_: str) -> None:
        self.fake.check(change=True)
        del self.fake.all_functions[id_]
        self.fake.publish("function.deleted", function_id=id_)

    async def invocations(self, id_: str, limit: int = 50, before: str | None = None, **filters: Any) -> Sequence[Any]:
        self.fake.check()
        calls = await self.fake.invocations.list(limit, before, **filters)
        return [call for call in calls if call.function_id == id_]


class _Routes(_Part):
    async def list(self, project_id: str) -> list[RouteOut]:
        self.fake.check()
        routes = [route for route in self.fake.all_routes.values() if route.project_id == project_id]
        return sorted(routes, key=lambda route: route.path)

    async def create(self, project_id: str, route: RouteIn) -> RouteOut:
        self.fake.check(change=True)
        function = self.fake.all_functions[route.function_id]
        made = self.fake.add_route(self.fake.all_projects[project_id], function, route.method, route.path)
        self.fake.publish("route.created", project_id=project_id, route_id=made.id)
        return made

    async def update(self, project_id: str, id_: str, changes: RoutePatch) -> RouteOut:
        self.fake.check(change=True)
        fields = changes.model_dump(exclude_unset=True)
        route = self.fake.all_routes[id_] = self.fake.all_routes[id_].model_copy(update=fields)
        self.fake.publish("route.updated", project_id=project_id, route_id=id_)
        return route

    async def delete(self, project_id: str, id_: str) -> None:
        self.fake.check(change=True)
        del self.fake.all_routes[id_]
        self.fake.publish("route.deleted", project_id=project_id, route_id=id_)


class _Keys(_Part):
    async def list(self, project_id: str) -> list[KeyOut]:
        self.fake.check()
        return [KeyOut.model_validate(key.model_dump()) for key in self.fake.all_keys.get(project_id, [])]

    async def create(self, project_id: str, name: str) -> KeyCreated:
        self.fake.check(change=True)
        key = KeyCreated(id=self.fake.new_id(), name=name, created_at=THEN, key="ck_" + "x" * 40)
        self.fake.all_keys.setdefault(project_id, []).insert(0, key)
        self.fake.publish("key.created", project_id=project_id, key_id=key.id)
        return key

    async def delete(self, project_id: str, id_: str) -> None:
        self.fake.check(change=True)
        self.fake.all_keys[project_id] = [key for key in self.fake.all_keys[project_id] if key.id != id_]


class _Invocations(_Part):
    async def list(self, limit: int = 50, before: str | None = None, **filters: Any) -> list[InvocationOut]:
        self.fake.check()
        failed = filters.get("status") == "failed"
        return [
            call
            for call in self.fake.calls
            if (before is None or call.id < before) and not (failed and call.status is OutcomeStatus.SUCCESS)
        ][:limit]

    async def get(self, id_: str) -> InvocationDetail:
        self.fake.check()
        call = next(call for call in self.fake.calls if call.id == id_)
        known = call.model_dump() | {"stack_trace": None, "logs": call.logs or []}
        return InvocationDetail.model_validate(known)

    async def replay(self, id_: str, *, version: int | None = None) -> ReplayOut:
        call = await self.get(id_)
        out = await self.fake.invoke(call.function_id, version=version)
        known = out.model_dump() | {"version": version or out.version}
        return ReplayOut(**known, replay_of=id_, masked=[])


class _Inputs(_Part):
    async def list(self, function_id: str) -> list[SavedInputOut]:
        self.fake.check()
        return sorted(self.fake.all_inputs.get(function_id, {}).values(), key=lambda saved: saved.name)

    async def set(self, function_id: str, name: str, input: Any) -> SavedInputOut:  # noqa: A002 - the API's own word
        self.fake.check(change=True)
        saved = SavedInputOut(name=name, input=input, created_at=THEN, updated_at=THEN)
        self.fake.all_inputs.setdefault(function_id, {})[name] = saved
        return saved

    async def delete(self, function_id: str, name: str) -> None:
        self.fake.check(change=True)
        del self.fake.all_inputs[function_id][name]

    async def get(self, id_: str) -> InvocationDetail:
        self.fake.check()
        call = next(call for call in self.fake.calls if call.id == id_)
        details = {"error_message": None, "stack_trace": None, "logs": [], "logs_truncated": False}
        return InvocationDetail.model_validate(call.model_dump() | details)


def no_figures(functions: int = 0) -> Stats:
    """Figures of functions that were never called."""
    return Stats(
        total_functions=functions, total_invocations=0, success_rate=0, avg_duration_ms=0, p50_ms=0, p95_ms=0, p99_ms=0,
        cold_starts=0, errors_by_status={}, since=None, series=[],
    )  # fmt: skip


def busy_example() -> FakeClowdy:
    """The example with a morning's calls in it."""
    fake = example()
    orders, pay, hello = (
        next(function for function in fake.all_functions.values() if function.name == name)
        for name in ("orders", "pay", "hello")
    )
    minutes = [
        StatsMinute(at=THEN, calls=calls, errors=int(number in (17, 18, 41)), cold_starts=0, avg_ms=2, p95_ms=9)
        for number, calls in enumerate((number * 7 % 23) + (number * number % 31) for number in range(60))
    ]
    fake.figures = no_figures(4).model_copy(
        update={
            "total_invocations": 12_408, "success_rate": 100, "avg_duration_ms": 3.1, "p50_ms": 1.24, "p95_ms": 14.2,
            "p99_ms": 88.0, "cold_starts": 12, "errors_by_status": {"error": 31}, "series": minutes,
        }
    )  # fmt: skip
    for function, calls, errors, p95 in ((orders, 9120, 3, 6.1), (pay, 3200, 28, 88.4), (hello, 88, 0, 1.1)):
        stats = FunctionStats(
            function_id=function.id, calls=calls, errors=errors, cold_starts=4, avg_ms=2, p50_ms=1.2, p95_ms=p95
        )
        fake.figures_by_function.append(stats)
    for state, function in (
        ("busy", orders), ("busy", orders), ("idle", orders), ("idle", pay), ("starting", pay), ("idle", hello),
        ("spare", None), ("spare", None), ("spare", None), ("spare", None),
    ):  # fmt: skip
        fake.add_instance(state, function)
    for number in range(12):
        fake.add_call(
            (orders, pay, hello)[number % 3], status="error" if number == 7 else "success", cold_start=number == 2,
            duration_ms=1.2 * (number + 1), http_method="POST" if number % 3 < 2 else None,
            http_path=("/orders", "/pay", None)[number % 3],
        )  # fmt: skip
    return fake


class FakeChat:
    """An assistant that says what `script` has; at a question it waits for the answer, which is in `answers` then."""

    def __init__(self, fake: FakeClowdy) -> None:
        self.fake = fake
        self.available = True
        self.script: list[ChatEvent] = []
        self.answers: dict[str, str] = {}
        self.asked: list[ChatIn] = []
        self.conversations = _Conversations()
        self._answered = asyncio.Event()

    async def status(self) -> ChatStatus:
        self.fake.check()
        return ChatStatus(
            available=self.available,
            problem="" if self.available else "Get a key",
            model="llama-4-scout",
            server="api.groq.com",
            tools=[],
            max_rounds=16,
        )

    async def stream(self, wanted: ChatIn) -> AsyncIterator[ChatEvent]:
        self.asked.append(wanted)
        yield ChatEvent(type="turn", data={"turn_id": "0" * 12, "conversation_id": None, "model": "m", "rounds": 16})
        yield ChatEvent(type="round", data={"number": 1})
        for event in self.script:
            yield event
            if event.type == "permission":
                while (answer := self.answers.get(event.data["call_id"])) is None:
                    self._answered.clear()
                    await self._answered.wait()
                yield ChatEvent(type="permission_answered", data={"call_id": event.data["call_id"], "answer": answer})

    async def answer(self, turn_id: str, call_id: str, answer: str) -> None:
        self.answers[call_id] = answer
        self._answered.set()

    async def stop(self, turn_id: str) -> None:
        pass


class _Conversations:
    def __init__(self) -> None:
        self.all: list[ConversationDetail] = []

    async def list(self, project_id: str | None = None) -> list[ConversationDetail]:
        return [each for each in self.all if project_id in (None, each.project_id)]

    async def get(self, id_: str) -> ConversationDetail:
        return next(each for each in self.all if each.id == id_)

    async def create(self, project_id: str | None = None, title: str | None = None) -> ConversationDetail:
        made = ConversationDetail(
            id=f"{len(self.all) + 1:012x}",
            title=title or "New conversation",
            project_id=project_id,
            always=[],
            message_count=0,
            created_at=THEN,
            updated_at=THEN,
            messages=[],
        )
        self.all.append(made)
        return made


def problem(status: int, detail: str, **extra: Any) -> ApiError:
    """What the client raises for a problem document."""
    return ApiError(Problem.model_validate({"status": status, "detail": detail, **extra}))


def example() -> FakeClowdy:
    """Two projects that look like work, and a function on its own."""
    fake = FakeClowdy()
    shop = fake.add_project("shop", "what the till talks to")
    orders = fake.add_function("orders", ORDERS, shop, active_version=7)
    pay = fake.add_function("pay", PAY, shop, active_version=2)
    fake.add_function("refund", PAY, shop, status="inactive")
    fake.add_route(shop, orders, "POST", "/orders")
    fake.add_route(shop, orders, "GET", "/orders/:id")
    fake.add_route(shop, pay, "POST", "/pay")
    fake.add_project("blog")
    fake.add_function("hello", HELLO, None, active_version=3)
    return fake


def connect_to(fake: FakeClowdy, **session: Any) -> Connect:
    """What the app is handed to reach it."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        values = {"hosted": True, "url": URL} | session
        yield Session(client=cast("Clowdy", fake), **values)

    return connect
