"""YAML as people write it: PyYAML's safe loader, with the plain numbers and booleans of YAML 1.2.

PyYAML follows YAML 1.1, where 1e-5 is text, `no` and `off` are false, and 12:30 is 750. In a search space each of these
is a trap. Anchors and aliases are refused: a small file of aliases can stand for gigabytes.
"""

import re
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.events import AliasEvent


class Loader(yaml.SafeLoader):
    """The safe loader with the core schema of YAML 1.2, without aliases, and with each name once."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuses what may grow without end."""
        if self.check_event(AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, "aliases are not accepted; write the value out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuses a name that stands twice, of which one would be lost."""
        pairs = [(self.construct_object(key, deep=True), key) for key, _ in node.value]
        for place, (name, key) in enumerate(pairs):
            if any(name == other for other, _ in pairs[:place]):
                raise ComposerError(None, None, f"{name!r} stands twice", key.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _integer(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node))  # 010 is ten, as it looks


def _float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


Loader.add_constructor("tag:yaml.org,2002:int", _integer)
Loader.add_constructor("tag:yaml.org,2002:float", _float)


def _items(loader: Any, node: Any) -> list[Any]:
    items: list[Any] = loader.construct_sequence(node, deep=True)
    return items


# ConfigSpace writes the values of a condition as a Python tuple. To us it is a list like any other.
Loader.add_constructor("tag:yaml.org,2002:python/tuple", _items)
