"""The person's own keys: wishes from `config.yaml`, met where they can be, and answered where they cannot.

A wish is an action's id with its keys. By itself it is for the keys that work everywhere; with a place before it
(`tree.function.new`, `routes.item.delete`) for those in the project tree or in a pane; with `leader.` for the letter
after the leader key. The keys inside panes and dialogs have names of their own (`logs.copy`, `text.page_down`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from textual.keys import Keys, _character_to_key

from clowdy_tui.tui.actions import ACTIONS, DOCK, Action
from clowdy_tui.tui.keymap import Keymap, show_key
from clowdy_tui.tui.pane_keys import CHAINS, PANE_KEYS, PLACES, TREE_ACTIONS, TYPED, PaneKey
from clowdy_tui.tui.panes.kinds import PANES

EVERYWHERE = ""
LEADER = "leader"
MODAL = frozenset({"versions", "diff", "invocation", "dialog", "question", "palette", "help"})
"""Places that lie over everything: there the keys that work everywhere do not."""
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "meta", "hyper"})
_NAMED = frozenset(key.value for key in Keys)


def make_keymap(wishes: Mapping[str, str]) -> Keymap:
    """Give actions other keys (`{action id: "key,key"}`); what clashes keeps its first owner and is reported."""
    actions = {id_: _with(action, {where: [*map(spell, keys)] for where, keys in _places(action)})
               for id_, action in ACTIONS.items()}  # fmt: skip
    inner = {id_: replace(key, keys=tuple(map(spell, key.keys))) for id_, key in PANE_KEYS.items()}
    as_it_is = set(_clashes(actions, inner)) if wishes else set()
    problems: list[str] = []
    wished: set[tuple[str, str]] = set()
    for name, text in wishes.items():
        where, action_id = _read(name)
        if action_id not in ACTIONS and action_id not in PANE_KEYS:
            near = [name.removesuffix(action_id) + known for known in get_close_matches(action_id, ACTIONS, n=1)]
            near = near or get_close_matches(name, PANE_KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"keymap: there is no action {action_id!r}{hint}")
            continue
        keys = []
        for raw in filter(None, (part.strip() for part in text.split(","))):
            if where == LEADER and len(raw) != 1:
                problems.append(f"keymap: {name}: after the leader comes one character, not {raw!r}")
            elif where != LEADER and not _is_key(raw):
                problems.append(f"keymap: {name}: there is no key {raw!r}; write one like f5, ctrl+e or n")
            elif action_id in inner and where in TYPED and _is_typed(raw):
                problems.append(f"keymap: {name}: {raw!r} is typed there; write a key like f5 or ctrl+e")
            else:
                keys.append(raw if where == LEADER else spell(raw))
        if text.strip() and not keys:
            continue
        if action_id in inner:
            inner[action_id] = replace(inner[action_id], keys=tuple(keys))
        else:
            actions[action_id] = _with(actions[action_id], {where: keys})
        wished.add((where, action_id))
    for where in dict.fromkeys((EVERYWHERE, "tree", LEADER, *PANES, *DOCK, *PLACES)):
        problems += _settle(actions, inner, where, wished)
    problems += _tell_shadowed(actions, inner, wished)
    new = [clash for clash in _clashes(actions, inner) if clash not in as_it_is] if wishes else []
    problems += dict.fromkeys(_tell(*clash) for clash in new)
    return Keymap(actions, tuple(problems), inner)


def spell(key: str) -> str:
    """A key as the terminal's is named: `/` is `slash`, `ctrl+/` is `ctrl+slash`."""
    if key in _NAMED:
        return key
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _character_to_key(last) if len(last) == 1 else last])


def _read(name: str) -> tuple[str, str]:
    where, _, rest = name.partition(".")
    if name in PANE_KEYS:
        return where, name
    if name not in ACTIONS and (where in (LEADER, "tree", *DOCK) or where in PANES):
        return where, rest
    return EVERYWHERE, name


def _is_key(key: str) -> bool:
    *modifiers, last = spell(key).split("+") if len(key) > 1 else [key]
    named = last in _NAMED or len(last) == 1 or (last.replace("_", "").isalpha() and last in _CHARACTERS)
    return named and all(modifier in _MODIFIERS for modifier in modifiers)


def _is_typed(key: str) -> bool:
    return spell(key) in _CHARACTERS or spell(key) == "space"


_CHARACTERS = frozenset(_character_to_key(chr(code)) for code in range(33, 127))


def _places(action: Action) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield EVERYWHERE, action.keys
    yield "tree", action.tree_keys
    yield from action.local.items()


def _keys(action: Action, where: str) -> tuple[str, ...]:
    if where == LEADER:
        return (action.letter,) if action.letter else ()
    return dict(_places(action)).get(where, ())


def _with(action: Action, keys: Mapping[str, list[str]]) -> Action:
    for where, own in keys.items():
        if where == EVERYWHERE:
            action = replace(action, keys=tuple(own))
        elif where == "tree":
            action = replace(action, tree_keys=tuple(own))
        elif where == LEADER:
            action = replace(action, letter=own[0] if own else "")
        else:
            action = replace(action, local={**action.local, where: tuple(own)})
    return action


def _settle(
    actions: dict[str, Action], inner: dict[str, PaneKey], where: str, wished: set[tuple[str, str]]
) -> Iterator[str]:
    """Give every key of a place one owner: a default gives way to a wish, a second wish for the same key does not."""
    held = {id_: _keys(action, where) for id_, action in actions.items()}
    held |= {id_: key.keys for id_, key in inner.items() if key.where == where}
    owners: dict[str, str] = {}
    for id_ in sorted(held, key=lambda id_: (where, id_) not in wished):
        kept = []
        for key in held[id_]:
            owner = owners.setdefault(key, id_)
            if owner == id_:
                kept.append(key)
            else:
                shown = key if where == LEADER else show_key(key)
                yield f"keymap: {shown} is now {_title(owner)!r} and no longer {_title(id_)!r}{_in(where)}"
        if len(kept) != len(held[id_]):
            if id_ in inner:
                inner[id_] = replace(inner[id_], keys=tuple(kept))
            else:
                actions[id_] = _with(actions[id_], {where: kept})


def _title(id_: str) -> str:
    return ACTIONS[id_].title if id_ in ACTIONS else PANE_KEYS[id_].title


def _in(where: str) -> str:
    said = {EVERYWHERE: "", LEADER: " after the leader", "tree": " in the tree"}
    return said.get(where, f" in the pane {where}" if where in PANES or where in DOCK else f" in {PLACES.get(where)!r}")


def _tell_shadowed(
    actions: Mapping[str, Action], inner: Mapping[str, PaneKey], wished: set[tuple[str, str]]
) -> Iterator[str]:
    """Keys that work everywhere come first: what is wished for in a pane and taken everywhere never gets there."""
    everywhere = {key: action for action in actions.values() for key in action.keys}
    held = [(action.id, where, keys) for action in actions.values() for where, keys in _places(action)]
    held += [(key.id, key.where, key.keys) for key in inner.values() if key.where not in MODAL]
    for id_, where, keys in held:
        for key in keys if where != EVERYWHERE else ():
            owner = everywhere.get(key)
            new = (where, id_) in wished or (owner and (EVERYWHERE, owner.id) in wished)
            if owner is not None and owner.id != id_ and new:
                yield (f"keymap: {show_key(key)} is {owner.title!r} everywhere, so it cannot be "
                       f"{_title(id_)!r} in {'the tree' if where == 'tree' else where}")  # fmt: skip


Clash = tuple[str, str, str, str, str]
"""A key; whose it is, in which place; whose it therefore cannot be, in which place."""


def _clashes(actions: Mapping[str, Action], inner: Mapping[str, PaneKey]) -> Iterator[Clash]:
    """What is kept from its key by something nearer to the focus; some of it is meant to be, by default."""
    for chain in CHAINS:
        first: dict[str, tuple[str, str]] = {}
        for place in chain:
            for id_, key in _keys_at(actions, inner, place):
                owner, owner_place = first.setdefault(key, (id_, place))
                if owner != id_:
                    yield key, owner, owner_place, id_, place


def _keys_at(actions: Mapping[str, Action], inner: Mapping[str, PaneKey], place: str) -> Iterator[tuple[str, str]]:
    for action in actions.values():
        own = action.tree_keys if place in (TREE_ACTIONS, "tree") else action.local.get(place, ())
        yield from ((action.id, key) for key in own)
    for one in inner.values():
        if place in (one.where, one.id):
            yield from ((one.id, key) for key in one.keys)


def _tell(key: str, owner: str, owner_place: str, other: str, place: str) -> str:
    there = "there" if place in (TREE_ACTIONS, "screen") else f"in {_called(place)}"
    return (f"keymap: {show_key(key)} is {_title(owner)!r} in {_called(owner_place)}, so it cannot be "
            f"{_title(other)!r} {there}")  # fmt: skip


def _called(place: str) -> str:
    if place in PANES or place in DOCK:
        return place
    return "the tree" if place in (TREE_ACTIONS, "tree") else repr(PLACES[place.partition(".")[0]])
