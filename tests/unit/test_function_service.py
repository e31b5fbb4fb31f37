import asyncio

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import BodyTooLarge, Conflict, InvalidInput, NotFound, StaleVersion
from clowdy_tui.domain.schemas import FunctionIn, FunctionOut, FunctionPatch, ProjectIn, RouteIn
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform

CODE = "def handler(event, context):\n    return 1\n"
OTHER = "def handler(event, context):\n    return 2\n"


@pytest.fixture
async def project(platform: Platform) -> str:
    return (await platform.projects.create(LOCAL, ProjectIn(name="Shop"))).id


async def make(platform: Platform, project: str | None = None, **changes: object) -> FunctionOut:
    fields = {"name": "f", "code": CODE, "project_id": project, **changes}
    return await platform.functions.create(LOCAL, FunctionIn.model_validate(fields))


async def save(platform: Platform, function: FunctionOut, code: str, **changes: object) -> FunctionOut:
    return await platform.functions.update(LOCAL, function.id, FunctionPatch.model_validate({"code": code, **changes}))


async def test_a_function_and_its_versions(platform: Platform, project: str) -> None:
    function = await make(platform, project, files={"lib/util.py": "x = 1\n"}, message="first")
    assert (function.active_version, function.files, function.diagnostics) == (1, {"lib/util.py": "x = 1\n"}, [])
    assert (function.memory_mb, function.cpus, function.timeout_s, function.status) == (128, 0.5, 30.0, "active")
    assert await platform.functions.get(LOCAL, function.id) == function
    assert await platform.functions.list(LOCAL, project_id=project) == [function]
    changed = await save(platform, function, OTHER, message="second")
    assert (changed.active_version, changed.code, changed.files) == (2, OTHER, function.files)
    versions = await platform.functions.versions(LOCAL, function.id)
    assert [(one.version, one.active, one.message, one.created_by) for one in versions] == [
        (2, True, "second", "local"),
        (1, False, "first", "local"),
    ]
    assert (await platform.functions.version(LOCAL, function.id, 1)).code == CODE
    with pytest.raises(NotFound, match="Version not found"):
        await platform.functions.version(LOCAL, function.id, 3)


async def test_the_same_content_makes_no_new_version(platform: Platform) -> None:
    function = await make(platform)
    again = await save(platform, function, CODE, description="words")
    assert (again.active_version, again.description) == (1, "words")
    assert (await save(platform, function, CODE, files={"a.txt": "1"})).active_version == 2
    assert (await save(platform, function, CODE, files={})).active_version == 3


async def test_numbers_only_grow_also_after_a_rollback(platform: Platform) -> None:
    function = await make(platform)
    await save(platform, function, OTHER)
    back = await platform.functions.activate(LOCAL, function.id, 1)
    assert (back.active_version, back.code) == (1, CODE)
    third = await save(platform, function, OTHER)
    assert third.active_version == 3
    assert [one.version for one in await platform.functions.versions(LOCAL, function.id)] == [3, 2, 1]
    with pytest.raises(NotFound, match="Version not found"):
        await platform.functions.activate(LOCAL, function.id, 9)


async def test_a_save_on_top_of_somebody_elses_is_refused_with_the_difference(platform: Platform) -> None:
    function = await make(platform)
    await save(platform, function, OTHER, base_version=1)
    with pytest.raises(StaleVersion) as caught:
        await save(platform, function, "mine", base_version=1, description="lost?")
    extra = caught.value.extra
    assert (extra["active_version"], extra["base_version"]) == (2, 1)
    assert "-    return 1\n+    return 2\n" in extra["diff"]
    kept = await platform.functions.get(LOCAL, function.id)
    assert (kept.code, kept.active_version, kept.description) == (OTHER, 2, "")
    # What both typed alike is no conflict, and on top of the newest it goes through.
    assert (await save(platform, function, OTHER, base_version=1)).active_version == 2
    assert (await save(platform, function, "mine", base_version=2)).active_version == 3
    with pytest.raises(InvalidInput, match="no version 9"):
        await save(platform, function, CODE, base_version=9)


async def test_of_two_saves_at_once_one_wins(platform: Platform) -> None:
    function = await make(platform)
    saves = [save(platform, function, f"x = {number}", base_version=1) for number in range(8)]
    results = await asyncio.gather(*saves, return_exceptions=True)
    assert sum(isinstance(result, FunctionOut) for result in results) == 1
    assert sum(isinstance(result, StaleVersion) for result in results) == 7


async def test_diffs(platform: Platform) -> None:
    function = await make(platform)
    await save(platform, function, "last line open", files={"new.txt": "hello\n"})
    diff = await platform.functions.diff(LOCAL, function.id, 1, 2)
    assert diff.model_dump(by_alias=True).keys() == {"from", "to", "diff"}
    assert "--- function.py\tversion 1\n+++ function.py\tversion 2\n" in diff.diff
    assert "+last line open\n\\ No newline at end of file\n" in diff.diff
    assert "+++ new.txt\tversion 2\n@@ -0,0 +1 @@\n+hello\n" in diff.diff
    assert (await platform.functions.diff(LOCAL, function.id, 1, 1)).diff == ""
    with pytest.raises(NotFound, match="Version not found"):
        await platform.functions.diff(LOCAL, function.id, 1, 7)


async def test_names_are_unique_in_a_project(platform: Platform, project: str) -> None:
    await make(platform, project)
    with pytest.raises(Conflict, match="named 'f'"):
        await make(platform, project)
    other = await make(platform, project, name="g")
    with pytest.raises(Conflict, match="named 'f'"):
        await platform.functions.update(LOCAL, other.id, FunctionPatch(name="f", code=OTHER))
    assert (await platform.functions.get(LOCAL, other.id)).active_version == 1
    assert (await make(platform)).name == (await make(platform)).name == "f"


async def test_a_project_must_be_there(platform: Platform) -> None:
    with pytest.raises(NotFound, match="Project not found"):
        await make(platform, "0" * 12)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"runtime": "cobol"}, "runtime"),
        ({"min_instances": 3, "max_instances": 2}, "min_instances"),
        ({"cpus": 200}, "cpus"),
        ({"files": {"function.py": ""}}, "files.function.py"),
        ({"files": {"a": "", "a/b": ""}}, "files.a/b"),
        ({"files": {str(number): "" for number in range(200)}}, "files"),
    ],
)
async def test_what_cannot_be_names_its_field(platform: Platform, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make(platform, **changes)
    assert ".".join(map(str, caught.value.errors[0].loc)) == field


async def test_a_function_may_not_climb_out_of_its_folder(platform: Platform) -> None:
    with pytest.raises(InvalidInput, match=r"without '\.\.'"):
        await make(platform, files={"../../etc/x": ""})


async def test_files_have_a_size(platform: Platform) -> None:
    function = await make(platform)
    with pytest.raises(BodyTooLarge, match="at most 1 MiB"):
        await save(platform, function, "x" * 900_000, files={"more.txt": "y" * 200_000})
    assert (await platform.functions.get(LOCAL, function.id)).active_version == 1


async def test_limits_that_were_right_once_do_not_stop_a_save(platform: Platform) -> None:
    function = await make(platform)
    async with platform._database.write() as transaction:
        kept = await transaction.functions.get(function.id)
        assert kept is not None
        # Made on a bigger machine.
        kept.cpus = 200.0
        await transaction.functions.add(kept)
    assert (await save(platform, function, OTHER)).active_version == 2


async def test_code_that_does_not_parse_is_kept_and_said(platform: Platform) -> None:
    function = await make(platform, code="def handler(:\n  pass\n", files={"util.py": "return 1\n", "notes.txt": "("})
    first, second = function.diagnostics
    assert (first.path, first.line, first.column, first.message) == ("function.py", 1, 13, "invalid syntax")
    assert (second.path, second.line, second.message) == ("util.py", 1, "'return' outside function")
    assert (await save(platform, function, CODE, files={})).diagnostics == []


async def test_every_change_makes_another_deployment_and_retires_the_old(
    platform: Platform, engine: FakeEngine
) -> None:
    function = await make(platform)
    keys = [key(platform, function)]
    for change in ({"code": OTHER}, {"memory_mb": 256}, {"timeout_s": 5}, {"network_enabled": True}, {"name": "g"}):
        await platform.functions.update(LOCAL, function.id, FunctionPatch.model_validate(change))
        keys.append(key(platform, function))
        assert engine.retired[-1] == (function.id, keys[-1])
    await platform.functions.activate(LOCAL, function.id, 1)
    keys.append(key(platform, function))
    assert len(set(keys)) == len(keys)
    before = len(engine.retired)
    await platform.functions.update(LOCAL, function.id, FunctionPatch(description="words alone", visibility="private"))
    assert len(engine.retired) == before
    target = platform.directory.function(function.id)
    assert target is not None
    assert target.visibility == "private"


def key(platform: Platform, function: FunctionOut) -> str:
    target = platform.directory.function(function.id)
    assert target is not None
    return target.deployment.key


async def test_an_inactive_function_keeps_no_instances(platform: Platform, engine: FakeEngine) -> None:
    function = await make(platform, min_instances=1)
    assert engine.warmed[-1].function_id == function.id
    paused = await platform.functions.update(LOCAL, function.id, FunctionPatch(status="inactive"))
    assert paused.status == "inactive"
    assert engine.retired[-1] == (function.id, None)
    warmed = len(engine.warmed)
    await platform.functions.update(LOCAL, function.id, FunctionPatch(status="active"))
    await asyncio.sleep(0)
    assert len(engine.warmed) == warmed + 1


async def test_deleting_a_function_takes_its_routes_and_calls(platform: Platform, project: str) -> None:
    function, other = await make(platform, project), await make(platform, project, name="g")
    await platform.routes.create(LOCAL, project, RouteIn(function_id=function.id, method="GET", path="/"))
    for one in (function, other):
        target = platform.directory.function(one.id)
        assert target is not None
        for _ in range(3):
            await platform.invocations.invoke(target, b"1", source="test", actor_owns=True)
    await platform.functions.delete(LOCAL, function.id)
    assert await platform.routes.list(LOCAL, project) == []
    entry = platform.directory.project("shop")
    assert entry is not None
    assert entry.router.count == 0
    await platform.functions._purge.done()
    assert {call.function_id for call in await platform.invocations.list(LOCAL)} == {other.id}
    with pytest.raises(NotFound, match="Function not found"):
        await platform.functions.delete(LOCAL, function.id)


async def test_events_name_who_did_it_and_hold_no_code(platform: Platform, project: str) -> None:
    ci = Actor("local", LOCAL.scopes, name="ci")
    function = await make(platform, project)
    await platform.functions.update(ci, function.id, FunctionPatch(code=OTHER))
    await platform.functions.activate(ci, function.id, 1)
    await platform.functions.activate(ci, function.id, 1)
    await platform.functions.delete(ci, function.id)
    told = [event for event in platform.bus.kept() if not event.type.startswith("project.")]
    assert [event.type for event in told] == [
        events.FUNCTION_CREATED,
        events.VERSION_CREATED,
        events.FUNCTION_UPDATED,
        events.VERSION_ACTIVATED,
        events.FUNCTION_DELETED,
    ]
    assert told[1].data == {
        "function_id": function.id,
        "project_id": project,
        "name": "f",
        "version": 2,
        "by": "ci",
    }
    assert (await platform.functions.list(LOCAL)) == []
