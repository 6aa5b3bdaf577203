"""Write docs/settings.md from the settings' classes: every key, its variable, type, default and meaning.

python tools/settings_page.py            write it
python tools/settings_page.py --check    exit 1 if it is out of date
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from datacenter.settings.model import Settings, StorageSettings
from datacenter.settings.sources.variables import variable_of

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
NAMED = "NAME"
BEGIN = """\
# Settings

*This page is written from `datacenter/settings/model.py` by `make settings-page`.*

Every program reads the same settings once, when it starts. A value comes from the first of these that has it:

1. a flag: `datacenter serve --set web.port=8081`, also of `datacenter migrate`, `datacenter-worker` and `datacenter-scheduler`;
2. a variable: `DATACENTER__WEB__PORT=8081`;
3. the file that `--config` or else the variable `DATACENTER_CONFIG` names: `web: {port: 8081}`; [`configs/`](../configs) has
   three with comments;
4. the default below.

Mappings are joined key by key. A list or a whole mapping is JSON in a flag or a variable:
`DATACENTER__REGISTRATION__ALLOW='["nas:///mnt/inbox"]'`. All users of the machine can read flags, so do not put a secret
there.

**Secrets** come from a variable or from a file: `DATACENTER__WEB__SECRET_KEY__FILE=/run/secrets/key` sets
`web.secret_key` to the content of the file, without the last line end. It works for every key,
`DATACENTER__STORAGES__LAKE__OPTIONS__SECRET_KEY__FILE` too. A file that is missing, empty or not text is rejected, and so is
a key that is set in both ways.

**Before a start**, `datacenter config check FILE` prints everything that is wrong and exits with 2;
`--connect` also tries the database, its schema, the broker and each storage. `datacenter config show FILE` shows every value and
where it comes from, with `***` for secrets.

```console
$ datacenter config check settings.yaml
web.prot: there is no such setting; did you mean web.port? (settings.yaml, line 3)
ledger.attempts: must be a whole number (settings.yaml, line 6)
web.public_url: production needs the address that download links begin with, like https://data.example.com; set DATACENTER__WEB__PUBLIC_URL
web.secret_key: production needs a secret of 32 characters or more; set DATACENTER__WEB__SECRET_KEY, or DATACENTER__WEB__SECRET_KEY__FILE to a file that holds it
```

**What a program does when it cannot work:**

| what is wrong | `serve` | `migrate` | `datacenter-worker` | `datacenter-scheduler` |
| --- | --- | --- | --- | --- |
| a setting; a password or a name that the database refuses; a schema that does not serve this release | exits with 2 | exits with 2 | exits with 2 | exits with 2 |
| the database does not answer at the start | waits for `database.patience_seconds`, then exits with 2 | as `serve` | as `serve` | as `serve` |
| it stops answering later | runs, is not ready, answers 503 | fails | runs, takes no work | runs, tries again |
| the broker does not answer | runs and accepts jobs; they start when it is back | does not need it | waits for it without limit | runs, rings when it is back |
| the broker refuses the password | as above | does not need it | exits with 2 at the start | as above |

The reason is printed in one sentence on standard error, or in the log while the program waits.
"""
UNITS = {
    "_bytes": (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)),
    "_seconds": (("d", 86_400), ("h", 3_600)),
}
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", SecretStr: "secret"}


def page() -> str:
    """The whole page."""
    alone = [(name, field) for name, field in Settings.model_fields.items() if not sections_of(field)]
    parts = [BEGIN, "## At the top\n", table(alone, ())]
    for name, field in Settings.model_fields.items():
        for section, path in sections_of(field):
            rows = list(section.model_fields.items())
            parts += [f"## {name}\n", f"{meaning(field)}\n", table(rows, (name, *path))]
    return "\n".join(parts)


def sections_of(field: FieldInfo) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    """The section of a field, and the path between the field's name and the section's keys."""
    shape = field.annotation
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        yield shape, ()
    elif get_origin(shape) is dict and get_args(shape)[1] is StorageSettings:
        yield StorageSettings, (NAMED,)


def table(fields: list[tuple[str, FieldInfo]], before: tuple[str, ...]) -> str:
    """A row for each field."""
    rows = ["| key, variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in fields:
        path = (*before, name)
        key = f"`{'.'.join(path)}`<br>`{variable_of(path)}`"
        rows.append(f"| {key} | {kind(field)} | {default(name, field)} | {meaning(field)} |")
    return "\n".join(rows) + "\n"


def kind(field: FieldInfo) -> str:
    """The type for people, with its bounds."""
    bounds = [text for constraint in field.metadata for text in bound(constraint)]
    return ", ".join([words_of(field.annotation), *bounds])


def words_of(shape: Any) -> str:
    """`list of text` for `tuple[str, ...]`."""
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is tuple:
        return f"list of {words_of(parts[0])}"
    if origin is dict:
        return f"mapping of {words_of(parts[1])}"
    if origin in (Union, UnionType):
        return ", ".join(words_of(part) for part in parts if part is not NoneType)
    return WORDS[shape]


def bound(constraint: Any) -> Iterator[str]:
    """A bound of a number."""
    match constraint:
        case Gt(gt=value):
            yield f"more than {value:,}"
        case Ge(ge=value):
            yield f"{value:,} or more"
        case Lt(lt=value):
            yield f"less than {value:,}"
        case Le(le=value):
            yield f"at most {value:,}"


def default(name: str, field: FieldInfo) -> str:
    """The default as it is written in a file."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "*required*"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in (None, "", (), {}):
        return "*empty*"
    # Not %g: a number is shown as it is written in a file.
    return (
        f"`{int(value) if isinstance(value, float) and value.is_integer() else value}`{people(name, value)}"
    )


def people(name: str, value: Any) -> str:
    """A large number of bytes or seconds in a unit that people read."""
    for ending, units in UNITS.items():
        for unit, size in units:
            if name.endswith(ending) and value >= size and value % size == 0:
                return f" ({value // size:g} {unit})"
    return ""


def meaning(field: FieldInfo) -> str:
    """The docstring under the field, on one line. Raises: ValueError, there is none."""
    if not field.description:
        raise ValueError(f"a setting has no docstring: {field!r}")
    return " ".join(field.description.split()).replace("|", "\\|")


def main() -> int:
    """Write the page, or with `--check` compare it."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/settings.md is out of date; run make settings-page", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
