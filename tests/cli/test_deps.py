"""`clowdy deps`, the whole way with the real uv."""

from pathlib import Path

import pytest

from clowdy_tui.cli.deps import _is_replaced, _without
from clowdy_tui.domain.packages import RequirementsOut
from tests.cli.conftest import Cli
from tests.cli.test_functions import deploy, numbers

CODE = "import six\ndef handler(event):\n    return six.__version__\n"


@pytest.mark.slow
def test_packages_are_added_listed_used_and_removed(at: Cli, tmp_path: Path) -> None:
    slug = at.json("new", f"Deps {next(numbers)}")["slug"]
    name = deploy(at, slug, tmp_path, CODE)
    assert "No packages yet" in at("deps", "ls", slug).out
    added = at("deps", "add", slug, "six==1.16.0")
    assert "Resolving" in added.err
    assert added.out == "six==1.16.0\nready, 1 package in all\n"
    assert at.json("invoke", name)["output"] == "1.16.0"
    # The same package again takes the place of the first.
    assert at.json("deps", "add", slug, "Six==1.17.0")["requirements_txt"] == "Six==1.17.0\n"
    assert at.json("invoke", name)["output"] == "1.17.0"
    assert "--hash=sha256:" in at("deps", "ls", slug, "--lock").out
    failed = at("deps", "add", slug, "clowdy-has-no-such-package-as-this", code=1)
    assert "Failed to build image" in failed.err
    assert "not found in the package registry" in failed.err
    assert "its build failed" in at("deps", "ls", slug).out
    assert "line 1: '-e .' is an editable package" in at("deps", "set", slug, "-", input="-e .", code=1).err
    assert "not in the project's list" in at("deps", "rm", slug, "flask", code=1).err
    assert at.json("deps", "rm", slug, "SIX")["has_custom_image"] is False


def test_a_package_goes_with_its_hashes() -> None:
    text = "# ours\nsix==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nflask\n"
    assert _without(text, {"six"}) == ["# ours", "flask"]
    assert _without(text, {"flask"}) == text.splitlines()[:-1]


def test_whose_list_was_replaced_meanwhile_is_not_told_that_it_is_ready() -> None:
    def found(**told: str) -> RequirementsOut:
        told = {"requirements_txt": "six", "status": "ready"} | told
        return RequirementsOut.model_validate({"requirements_hash": None, "has_custom_image": True, "lock": "", **told})

    assert not _is_replaced(found(), "six")
    assert _is_replaced(found(), "flask")
    for status in ("building", "failed"):
        assert not _is_replaced(found(status=status, wanted_txt="flask"), "flask")
        assert _is_replaced(found(status=status, wanted_txt="flask"), "six")
