"""The cheatsheet: every key, as a page to read.

python -m clowdy_tui.tui.cheatsheet > docs/keys.md
"""

from textual.keys import format_key

from clowdy_tui.tui.actions import GROUPS, REGISTRY
from clowdy_tui.tui.keymap import show_key
from clowdy_tui.tui.pane_keys import PANE_KEYS, PLACES


def cheatsheet() -> str:
    """`docs/keys.md`."""
    lines = [
        "# Keys",
        "",
        "Made from the registry of actions: `python -m clowdy_tui.tui.cheatsheet > docs/keys.md`.",
        "",
        "Every action is also in the palette (ctrl+p), and behind the leader key: ctrl+space or F12, then the letter.",
        "Keys under *tree* work while the project tree, or a list in a pane, has the focus; those under *pane* in the",
        "panes that they name. All of them can be changed in `config.yaml`; what clashes is said at the start and by",
        "`clowdy doctor`:",
        "",
        "```yaml",
        "keymap:",
        "  function.run: f5,ctrl+e        # everywhere",
        "  tree.function.new: N           # in the project tree",
        "  routes.route.try: y            # in the pane of routes",
        "  logs.log.filter: ctrl+f        # in the log",
        '  leader.function.run: "!"      # after the leader key',
        "  text.page_down: ctrl+n         # one of the keys inside panes, below",
        "  app.theme: []                  # none",
        "```",
        "",
    ]
    for group in GROUPS:
        lines += [f"## {group}", "", "| key | tree | pane | leader | action | id | |", "|---|---|---|---|---|---|---|"]
        for action in REGISTRY:
            if action.group == group:
                keys = ", ".join(_plain_key(key) for key in action.keys if key != "ctrl+@")
                tree = ", ".join(_plain_key(key) for key in action.tree_keys)
                places: dict[str, list[str]] = {}
                for where, own in action.local.items():
                    places.setdefault(", ".join(_plain_key(key) for key in own), []).append(where)
                pane = "; ".join(f"{keys_} ({', '.join(kinds)})" for keys_, kinds in places.items())
                cells = (keys, tree, pane, action.letter, action.title, f"`{action.id}`", action.description)
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [
        "## Inside panes and dialogs",
        "",
        "What goes about in one place alone, under these names in `config.yaml`. Fixed are only the letters that stand",
        "beside an answer to a question or on a pane in jump mode, and ctrl+q where the terminal is too small. A key",
        "that is an action's, too, is the action's in a file: there ctrl+w closes it.",
        "",
        "| where | key | what it does | id |",
        "|---|---|---|---|",
    ]
    for pane_key in PANE_KEYS.values():
        keys = ", ".join(_plain_key(key) for key in pane_key.keys)
        lines.append(f"| {PLACES[pane_key.where]} | {keys} | {pane_key.title} | `{pane_key.id}` |")
    return "\n".join(lines).rstrip() + "\n"


def _plain_key(key: str) -> str:
    if not show_key(key).startswith("^"):
        return show_key(key)
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, format_key(last) if len(format_key(last)) == 1 else last])


if __name__ == "__main__":
    print(cheatsheet(), end="")
