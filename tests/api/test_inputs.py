"""Saved inputs: kept with their function under a name, changed, listed, taken away."""

import pytest
from api_support import Workshop, refused

from clowdy_tui.domain.schemas import inputs as bounds


async def test_an_input_is_kept_under_its_name_and_listed_by_it(shop: Workshop) -> None:
    function = await shop.function()
    kept = shop.client.inputs
    for name, value in (("two items", {"b": [1, 2.50, None], "a": "ä"}), ("empty", None), ("größe/№ 1", "text")):
        saved = await kept.set(function.id, name, value)
        assert (saved.name, saved.input) == (name, value)
    listed = await kept.list(function.id)
    assert [saved.name for saved in listed] == ["empty", "größe/№ 1", "two items"]
    assert list(listed[2].input) == ["b", "a"], "in the order that was typed"
    assert await kept.list((await shop.function()).id) == [], "each function has its own"


async def test_the_same_name_changes_what_is_there(shop: Workshop) -> None:
    function = await shop.function()
    first = await shop.client.inputs.set(function.id, "one", 1)
    second = await shop.client.inputs.set(function.id, "  one ", 2)
    assert [(saved.name, saved.input) for saved in await shop.client.inputs.list(function.id)] == [("one", 2)]
    assert second.created_at == first.created_at
    assert second.updated_at >= first.updated_at


async def test_one_can_be_taken_away_and_all_go_with_their_function(shop: Workshop) -> None:
    function = await shop.function()
    await shop.client.inputs.set(function.id, "größe/№ 1", 1)
    await shop.client.inputs.set(function.id, "b", 1)
    await shop.client.inputs.delete(function.id, "größe/№ 1")
    await refused(shop.client.inputs.delete(function.id, "größe/№ 1"), 404)
    assert [saved.name for saved in await shop.client.inputs.list(function.id)] == ["b"]
    await shop.client.functions.delete(function.id)
    await refused(shop.client.inputs.list(function.id), 404)


async def test_what_cannot_be_kept_is_refused_in_words(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    function = await shop.function()
    error = await refused(shop.client.inputs.set(function.id, " ", 1), 422)
    assert [fault["loc"] for fault in error.problem.errors or []] == [["name"]]
    error = await refused(shop.client.inputs.set(function.id, "big", "x" * bounds.MAX_INPUT_BYTES), 422)
    assert "must not be over 256 KiB" in error.detail
    monkeypatch.setattr("clowdy_tui.services.inputs.MAX_INPUTS", 1)
    await shop.client.inputs.set(function.id, "one", 1)
    error = await refused(shop.client.inputs.set(function.id, "two", 2), 409)
    assert "1 saved inputs already" in error.detail
    await shop.client.inputs.set(function.id, "one", 3)
