"""Table paths: the names of a table as the path of a Parquet file, and back."""

from urllib.parse import unquote

from storage_adapters.tables import TableName

SUFFIX = ".parquet"


def table_path(table: TableName) -> str:
    """`database/table.parquet`; `%`, `/` and characters with a meaning in globs and URLs are percent-encoded."""
    return f"{path_segment(table.database)}/{path_segment(table.table)}{SUFFIX}"


def path_segment(name: str) -> str:
    """The name as one segment of a path."""
    encoded = "".join(f"%{ord(character):02X}" if character in "%/*?#[]" else character for character in name)
    return encoded.replace(".", "%2E") if not name.strip(".") else encoded


def split_path(path: str) -> tuple[str, str]:
    """The database and the table that a path names; empty where it ends before.

    Raises:
        FileNotFoundError: no table can be there.
    """
    database, _, file = path.strip("/").partition("/")
    if file and ("/" in file or not file.endswith(SUFFIX)):
        raise FileNotFoundError(f"Tables are database/table{SUFFIX}: {path}")
    return unquote(database), unquote(file.removesuffix(SUFFIX))


def path_table(path: str) -> TableName:
    """The table of a path. Raises: FileNotFoundError."""
    database, table = split_path(path)
    if not table:
        raise FileNotFoundError(f"Tables are database/table{SUFFIX}: {path}")
    return TableName(database=database, table=table)
