"""YAML as people write it: PyYAML's safe loader, with the plain numbers and booleans of YAML 1.2.

PyYAML follows YAML 1.1, where 1e-5 is text, `no` and `off` are false, and 12:30 is 750. Each of these would surprise
the author of a search space. Anchors and aliases are refused: a small file of aliases can expand to gigabytes.
"""

import functools
import re
from typing import Any

from bohb.errors import SettingError, SpaceError

PLAIN = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.")),
)
"""The plain words that are not text: a tag, a pattern, and the possible first characters (YAML 1.2, 10.3.2)."""


_POINT = re.compile(r"\.(?=[a-zA-Z])")
"""The point of .inf and .nan, which `float` does not know."""


def read(text: str, source: str) -> Any:
    """Return the value of a YAML text.

    Args:
        text: The text.
        source: The name of the text in messages.

    Raises:
        SpaceError: If it is not valid YAML, or asks for more than plain values.
        SettingError: If PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise SettingError(
            f'expected PyYAML to read {source}, but it is not installed: pip install "bohb[yaml]"'
        ) from error
    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506  (a child of the safe loader)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise SpaceError(f"expected YAML in {source}, got {error}") from error


def _integer(text: str) -> int:
    """Return an integer: 0x10 is sixteen, and 010 is ten, as it looks."""
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


@functools.cache
def _loader() -> Any:
    """Return the safe loader with the core schema of YAML 1.2, without aliases, and with each name once."""
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe loader, with YAML 1.2's plain words."""

        yaml_implicit_resolvers: Any = {}  # noqa: RUF012  (PyYAML's own way: `add_implicit_resolver` fills it)

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Refuse aliases, which may grow without end."""
            if self.check_event(yaml.AliasEvent):
                raise yaml.composer.ComposerError(None, None, "aliases are not accepted; write the value out", None)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            """Refuse a name that occurs twice: one of its values would be lost."""
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            for index, name in enumerate(names):
                if name in names[:index]:
                    mark = node.value[index][0].start_mark
                    raise yaml.constructor.ConstructorError(None, None, f"{name!r} occurs twice", mark)
            return super().construct_mapping(node, deep=deep)

    for tag, pattern, first in PLAIN:
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
    Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: _integer(node.value))
    Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(_POINT.sub("", node.value)))
    # ConfigSpace writes the values of a condition as a Python tuple. To us it is a list like any other.
    Loader.add_constructor("tag:yaml.org,2002:python/tuple", Loader.construct_yaml_seq)  # type: ignore[type-var]
    return Loader
