"""Fill in the template: jinja2 escapes every text, and what the page computes with is packed.

The library that draws, the pictures and the table are gzip in base64: a third of their size, and without a letter that
means something in HTML. The browser unpacks them itself.
"""

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from types import ModuleType

from bohb.errors import SettingError
from bohb.plots.theme import javascript
from bohb.reporting.contents import Contents

BEGINNING = "<!doctype html>\n<!-- report of bohb -->"
"""How every report begins."""
FOLDER = Path(__file__).parent


def page_of(contents: Contents, *, refresh: float | None = None) -> str:
    """Return the page.

    Args:
        contents: What it says.
        refresh: After how many seconds it loads itself again.

    Raises:
        SettingError: If jinja2 is not installed.
    """
    jinja2 = _load()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(_own("page.html"))
    figures = ",".join(f"{json.dumps(one.name)}:{one.figure}" for one in contents.pictures if one.figure is not None)
    data = f'{{"figures":{{{figures}}},"table":{json.dumps(contents.table, allow_nan=False)}}}'
    headers, rows = contents.plan.table()
    body: str = template.render(
        contents=contents,
        plan={"headers": headers, "rows": rows, "sentences": contents.plan.sentences()},
        refresh=refresh,
        style=_own("page.css"),
        script=_own("page.js"),
        library=_packed_library() if figures else "",
        data=_packed(data),
    )
    return f"{BEGINNING}\n{body}"


def _load() -> ModuleType:
    try:
        import jinja2
    except ImportError as error:
        raise SettingError('expected jinja2, which is not installed: pip install "bohb[report]"') from error
    return jinja2


def _own(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(errors="backslashreplace"), mtime=0)).decode()


@cache
def _packed_library() -> str:
    return _packed(javascript())
