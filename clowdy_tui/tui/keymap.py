"""The person's own keys: wishes from `config.yaml`, met where they can be, and answered where they cannot.

A wish is an action's id with its keys. By itself it is for the keys that work everywhere; with a place before it
(`tree.function.new`, `routes.item.delete`) for those in the project tree or in a pane; with `leader.` for the letter
after the leader key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from textual.keys import Keys, _character_to_key

from clowdy_tui.tui.actions import ACTIONS, Action, Keymap, show_key
from clowdy_tui.tui.panes.kinds import PANES

EVERYWHERE = ""
LEADER = "leader"
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "meta", "hyper"})
_NAMED = frozenset(key.value for key in Keys)


def make_keymap(wishes: Mapping[str, str]) -> Keymap:
    """Give actions other keys (`{action id: "key,key"}`); what clashes keeps its first owner and is reported."""
    actions = {id_: _with(action, {where: [*map(spell, keys)] for where, keys in _places(action)})
               for id_, action in ACTIONS.items()}  # fmt: skip
    problems: list[str] = []
    wished: set[tuple[str, str]] = set()
    for name, text in wishes.items():
        where, action_id = _read(name)
        if action_id not in ACTIONS:
            near = get_close_matches(action_id, ACTIONS, n=1)
            hint = f"; did you mean {name.removesuffix(action_id)}{near[0]}?" if near else ""
            problems.append(f"keymap: there is no action {action_id!r}{hint}")
            continue
        keys = []
        for raw in filter(None, (part.strip() for part in text.split(","))):
            if where == LEADER and len(raw) != 1:
                problems.append(f"keymap: {name}: after the leader comes one character, not {raw!r}")
            elif where != LEADER and not _is_key(raw):
                problems.append(f"keymap: {name}: there is no key {raw!r}; write one like f5, ctrl+e or n")
            else:
                keys.append(raw if where == LEADER else spell(raw))
        if text.strip() and not keys:
            continue
        actions[action_id] = _with(actions[action_id], {where: keys})
        wished.add((where, action_id))
    for where in (EVERYWHERE, "tree", LEADER, *PANES):
        problems += _settle(actions, where, wished)
    problems += _tell_shadowed(actions, wished)
    return Keymap(actions, tuple(problems))


def spell(key: str) -> str:
    """A key as the terminal's is named: `/` is `slash`, `ctrl+/` is `ctrl+slash`."""
    if key in _NAMED:
        return key
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _character_to_key(last) if len(last) == 1 else last])


def _read(name: str) -> tuple[str, str]:
    where, _, rest = name.partition(".")
    if name not in ACTIONS and (where in (LEADER, "tree") or where in PANES):
        return where, rest
    return EVERYWHERE, name


def _is_key(key: str) -> bool:
    *modifiers, last = spell(key).split("+") if len(key) > 1 else [key]
    named = last in _NAMED or len(last) == 1 or (last.replace("_", "").isalpha() and last in _CHARACTERS)
    return named and all(modifier in _MODIFIERS for modifier in modifiers)


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


def _settle(actions: dict[str, Action], where: str, wished: set[tuple[str, str]]) -> Iterator[str]:
    """Give every key of a place one owner: a default gives way to a wish, a second wish for the same key does not."""
    owners: dict[str, str] = {}
    for id_ in sorted(actions, key=lambda id_: (where, id_) not in wished):
        kept = []
        for key in _keys(actions[id_], where):
            owner = owners.setdefault(key, id_)
            if owner == id_:
                kept.append(key)
            else:
                here = (
                    "" if where == EVERYWHERE else " after the leader" if where == LEADER else f" in the pane {where}"
                )
                here = " in the tree" if where == "tree" else here
                shown = key if where == LEADER else show_key(key)
                yield f"keymap: {shown} is now {ACTIONS[owner].title!r} and no longer {ACTIONS[id_].title!r}{here}"
        if len(kept) != len(_keys(actions[id_], where)):
            actions[id_] = _with(actions[id_], {where: kept})


def _tell_shadowed(actions: Mapping[str, Action], wished: set[tuple[str, str]]) -> Iterator[str]:
    """Keys that work everywhere come first: what is wished for in a pane and taken everywhere never gets there."""
    everywhere = {key: action for action in actions.values() for key in action.keys}
    for action in actions.values():
        for where, keys in _places(action):
            for key in keys if where != EVERYWHERE else ():
                owner = everywhere.get(key)
                new = (where, action.id) in wished or (owner and (EVERYWHERE, owner.id) in wished)
                if owner is not None and owner.id != action.id and new:
                    yield (f"keymap: {show_key(key)} is {owner.title!r} everywhere, so it cannot be "
                           f"{action.title!r} in {'the tree' if where == 'tree' else where}")  # fmt: skip
