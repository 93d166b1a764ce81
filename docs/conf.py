"""Configure Sphinx. `sphinx-build -W -n -E -b html docs docs/_build/html` must not warn."""
# ruff: noqa: ARG001 - Sphinx passes a fixed list of arguments to each hook

import importlib.util
import re

from docutils import nodes
from sphinx.application import Sphinx

import bohb

project = "bohb"
author = copyright = "The bohb developers"  # noqa: A001 - Sphinx's name
release = version = bohb.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"bohb {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["bohb.css"]

# Single backticks in docstrings are code, and link to the reference if the name is there.
default_role = "py:obj"
HOSTS = ("accelerate", "carps", "catboost", "keras", "lightgbm", "lightning", "transformers", "xgboost")
autodoc_mock_imports = [  # the hosts of adapters, where they are not installed
    "ray",
    *(host for host in HOSTS if importlib.util.find_spec(host) is None),
]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False  # the signatures of the records show the types

# The build needs no network, so types of Python's own library, of numpy and of ConfigSpace cannot be linked; and some
# types of our own, which signatures name, are not part of the reference.
nitpick_ignore_regex = [
    ("py:class", r"(collections\.abc|contextlib|concurrent\.futures|fractions|numpy|os|pathlib)\..*"),
    ("py:class", r"ConfigurationSpace|pd\.DataFrame|BaseDistribution|Lineage"),
    ("py:class", r"bohb\.integrations\.(_progress\.Search|catboost\.M)|transformers\..*"),
    ("py:exc", r"MisconfigurationException"),
    ("py:class", r"bohb\.(space\.columns\.Columns|space\.parameters\.Parameter|models\.observations\.T|record\..*)"),
]


OPAQUE = re.compile(r"<factory>|(?<= = )\([^<]*<function .*?\)(?=, \w+:|\) ->|\)$)")


def plain_code(app: Sphinx, env: object, node: nodes.Element, contnode: nodes.Element) -> nodes.Element | None:
    """Show single backticks in a docstring as code if they name nothing in the reference."""
    return contnode if node["reftype"] == "obj" and node["refdomain"] == "py" else None


def readable_default(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Replace a dataclass's `<factory>`, and a tuple that holds functions, by an expression that Sphinx can parse."""
    return signature and OPAQUE.sub("...", signature), returns


def setup(app: Sphinx) -> None:
    """Connect the two hooks."""
    app.connect("missing-reference", plain_code)
    app.connect("autodoc-process-signature", readable_default)
