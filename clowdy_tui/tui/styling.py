"""The app's stylesheet: which rules hold for a widget is found once, and kept.

Textual asks all rules there are for each widget whose class, focus or place changes, and for each of its parts, and
keeps nothing of it: a change of the focus styles every widget of two panes. But which rules hold depends on little: on
what the widgets from the app down to this one are called, and on those classes and pseudo classes of theirs that some
rule for it asks for. That is the key here: where it is as it was, so is the answer.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from textual.css.model import RuleSet, SelectorType
from textual.css.styles import RulesMap
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

Key = tuple[object, ...]

# Answers: the workbench with all its panes has three hundred, but there are others for ids of what was closed long ago.
MOST = 10_000

# The same for all widgets of an app.
_OF_THE_APP = frozenset({"dark", "light", "inline", "ansi", "nocolor"})
_ORDER = frozenset({"first-of-type", "last-of-type", "first-child", "last-child", "empty"})


class _Asked(NamedTuple):
    """The rules that a node's names bring up, in order, and what of its state and of the way to it they ask for."""

    rules: list[RuleSet]
    classes: frozenset[str]
    of_app: tuple[str, ...]
    of_it: tuple[str, ...]
    of_the_way: tuple[str, ...]
    pseudo_classes: frozenset[str]


class KeptStylesheet(Stylesheet):
    """Textual's, which keeps its answers until there are other rules."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._answered_by: dict[str, list[RuleSet]] | None = None
        self._places: dict[RuleSet, int] = {}
        self._asked: dict[Key, _Asked] = {}
        self._answers: dict[Key, RulesMap | None] = {}
        self._sought: Key | None = None
        self._given: WeakKeyDictionary[DOMNode, tuple[RulesMap, int]] = WeakKeyDictionary()
        self._parts: WeakKeyDictionary[DOMNode, Key] = WeakKeyDictionary()

    def apply(self, node: DOMNode, *, animate: bool = False, cache: dict[Key, RulesMap] | None = None) -> None:
        if self.rules_map is not self._answered_by:
            self._answered_by = self.rules_map
            self._forget()
        asked = self._ask(node)
        key = (type(node), node._id, asked.classes & node._classes, _state(node, asked.of_it), *_way(node, asked))
        if key in self._answers:
            node._has_hover_style = "hover" in asked.pseudo_classes
            node._has_focus_within = "focus-within" in asked.pseudo_classes
            node._has_order_style = not asked.pseudo_classes.isdisjoint(_ORDER)
            node._has_odd_or_even = not asked.pseudo_classes.isdisjoint({"odd", "even"})
            if (rules := self._answers[key]) is not None:
                self.replace_rules(node, rules, animate)
            self._process_component_classes(node)
            return
        if len(self._answers) >= MOST:
            self._asked.clear()
            self._answers.clear()
        self._answers[key], self._sought = None, key
        # It looks for those that come into question: these are they.
        all_rules, self._rules = self._rules, asked.rules
        try:
            super().apply(node, animate=animate)
        finally:
            self._rules, self._sought = all_rules, None

    def replace_rules(self, node: DOMNode, rules: RulesMap, animate: bool = False) -> None:  # type: ignore[override]
        if self._sought is not None:
            self._answers[self._sought], self._sought = rules, None
        base = node.styles.base
        given, updates = self._given.get(node, (None, 0))
        if given is None or updates != base._updates or (animate and given != rules):
            super().replace_rules(node, rules, animate)
        else:
            # A style that is as it was need not be set again, which costs more than all else here.
            for name in given.keys() | rules.keys() if given is not rules else ():
                if given.get(name) != (value := rules.get(name)):
                    setattr(base, name, value)
            node.notify_style_update()
        self._given[node] = (rules, base._updates)

    def _process_component_classes(self, node: DOMNode) -> None:
        if parts := node._get_component_classes():
            asked = self._ask_for_parts(parts)
            key = (parts, *_way(node, asked, with_it=True))
            if self._parts.get(node) != key or not node._component_styles:
                self._parts[node] = key
                super()._process_component_classes(node)

    def _forget(self) -> None:
        self._places = {rule: place for place, rule in enumerate(self.rules)}
        self._asked, self._answers = {}, {}
        self._parts.clear()

    def _ask(self, node: DOMNode) -> _Asked:
        key = (type(node), node._id, frozenset(node._classes))
        if key not in self._asked:
            self._asked[key] = self._asked_by(node._selector_names)
        return self._asked[key]

    def _ask_for_parts(self, parts: frozenset[str]) -> _Asked:
        key = (parts,)
        if key not in self._asked:
            self._asked[key] = self._asked_by({"*", "DOMNode", *(f".{part}" for part in parts)})
        return self._asked[key]

    def _asked_by(self, names: set[str]) -> _Asked:
        rules = {rule for name in names & self.rules_map.keys() for rule in self.rules_map[name]}
        selectors = [each.selectors for rule in rules for each in rule.selector_set]
        asked = frozenset(name for rule in rules for name in rule.pseudo_classes)
        on_the_way = {name for each in selectors for one in each[:-1] for name in one.pseudo_classes}
        return _Asked(
            rules=sorted(rules, key=self._places.__getitem__),
            classes=frozenset(one.name for each in selectors for one in each if one.type is SelectorType.CLASS),
            of_app=tuple(asked & _OF_THE_APP),
            of_it=tuple(asked - _OF_THE_APP),
            of_the_way=tuple(on_the_way - _OF_THE_APP),
            pseudo_classes=asked,
        )


def _state(node: DOMNode, names: Iterable[str]) -> tuple[bool, ...]:
    """Which of the pseudo classes it has."""
    has: Mapping[str, Callable[[Any], bool]] = node._PSEUDO_CLASSES
    return tuple([name in has and has[name](node) for name in names])


def _way(node: DOMNode, asked: _Asked, *, with_it: bool = False) -> list[object]:
    """What rules ask for of those that a node lies in, up to the app."""
    way: list[object] = []
    at = node if with_it else node._parent
    last = node
    while isinstance(at, DOMNode):
        way += (type(at), at._id, asked.classes & at._classes, _state(at, asked.of_the_way))
        last, at = at, at._parent
    way.append(_state(last, asked.of_app))
    return way
