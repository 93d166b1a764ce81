"""Hide what only a server may know: the passwords and user names in the addresses of databases.

This is the one place that names a target for people. It knows the places where PostgreSQL's client reads a secret; an
address of another form is shown by its scheme alone.
"""

import re
from urllib.parse import quote, unquote

SECRET_OPTIONS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""The options of PostgreSQL's client whose values are secret."""
HIDDEN = "***"

_HOST = r"(?:\[[\da-fA-F:.%]*\]|[^\s@/?#:,=\[\]]*)(?::\d*)?"
_URL = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^@/?\s]*)@)?(?P<host>{_HOST}(?:,{_HOST})*)(?P<path>/[^@?#]*)?"
    r"(?:\?(?P<query>[A-Za-z_]+=[^&]*(?:&[A-Za-z_]+=[^&]*)*)?)?"
)
_OPTIONS = (
    "host|hostaddr|port|dbname|database|user|passfile|service|servicefile|options|application_name|connect_timeout|"
    "sslmode|sslcert|sslkey|sslrootcert|target_session_attrs|" + "|".join(SECRET_OPTIONS)
)
_CONNECTION_STRING = re.compile(
    rf"\s*[a-z][a-z0-9+.-]+:/|\s*postgres\w*\W?:|(?:^|[^/]*\s)(?:{_OPTIONS})\s*=", re.I | re.S
)
_SECRET_OPTION = re.compile(r"(?!passfile=|sslkey=)[^=]*(?:pas|pwd|secret|token|key)", re.I)
_IN_TEXT = re.compile(r"([a-z][a-z0-9+.-]*:/{1,2})[^\s'\"]*[@?][^\s'\"]*", re.I)
_VALUE_IN_TEXT = re.compile(
    rf"((?:{'|'.join(SECRET_OPTIONS)})['\"]?\s*(?:=|:|%3D)\s*)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&'\",;]+)",
    re.I,
)


def scheme_of(target: str) -> str:
    """Return the scheme of a target, empty for a path."""
    scheme, separator, _ = target.partition("://")
    return scheme if separator else ""


def looks_like_address(text: str) -> bool:
    """Whether a text without a scheme looks like the address of a database, so that it is no name of a file."""
    return _CONNECTION_STRING.match(text) is not None


def is_plain_url(target: str) -> bool:
    """Whether a URL says clearly which part of it is what: special characters are percent-encoded."""
    return _URL.fullmatch(target) is not None and re.search(r"%(?:00|(?![\da-fA-F]{2}))", target) is None


def shown(target: str) -> str:
    """Return a target as people see it: a path as it is, of a URL the host, the path, and the schema.

    The scheme is part of it unless it is PostgreSQL's.
    """
    if not scheme_of(target):
        return target
    match = _URL.fullmatch(target)
    if match is None:
        return f"{_clean_scheme(target)}://..."
    scheme = "" if match["scheme"] in ("postgresql", "postgres") else f"{match['scheme']}://"
    return f"{scheme}{match['host']}{match['path'] or ''}{_schema(match['query'] or '')}"


def refused(target: str) -> str:
    """Return a target as an error shows it that refuses it."""
    match = _URL.fullmatch(target)
    if match is not None and match["user"] is None and match["query"] is None:
        return target
    if scheme_of(target):
        return f"{_clean_scheme(target)}://..."
    return "the address of a database" if looks_like_address(target) else target


def without_secrets(target: str) -> str:
    """Return a URL without its secrets; a path is its own."""
    match = _URL.fullmatch(target)
    if match is None:
        return target if not scheme_of(target) else f"{_clean_scheme(target)}://"
    user = "" if match["user"] is None else f"{match['user'].partition(':')[0]}@"
    options = [part for part in (match["query"] or "").split("&") if part]
    kept = [part for part in options if _SECRET_OPTION.match(part) is None]
    query = f"?{'&'.join(kept)}" if kept else ""
    return f"{match['scheme']}://{user}{match['host']}{match['path'] or ''}{query}"


def secrets_of(target: str) -> list[str]:
    """Return the user and the secrets that a URL contains."""
    match = _URL.fullmatch(target)
    if match is None:
        return []
    options = [part.partition("=")[::2] for part in (match["query"] or "").split("&")]
    given = [
        *(match["user"] or "").split(":", 1),
        *(value for name, value in options if name in ("user", *SECRET_OPTIONS)),
    ]
    return [one for one in given if one]


def redacted(text: str, *secrets: str) -> str:
    """Return a text of any origin without the secrets that are known, and without what looks like one."""
    forms = {form for one in secrets if one for form in (one, unquote(one), quote(one, safe=""))}
    for secret in sorted(forms, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _VALUE_IN_TEXT.sub(rf"\1{HIDDEN}", _IN_TEXT.sub(rf"\1{HIDDEN}", text))


def _clean_scheme(target: str) -> str:
    scheme = scheme_of(target)
    return scheme if re.fullmatch(r"[A-Za-z0-9+.-]{1,20}", scheme) else "..."


def _schema(query: str) -> str:
    """Return the schema that a query names, as a query of its own; it tells the studies of a database apart."""
    options = dict(part.partition("=")[::2] for part in query.split("&")).get("options", "")
    match = re.fullmatch(r"-c\s*search_path=([\w$,]+)", unquote(options))
    return "" if match is None else f"?options=-csearch_path%3D{match[1]}"
