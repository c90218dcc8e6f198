"""Reading statements that are made once: their text is kept, and each reading gives only values.

To put a SELECT together and to compile it takes a millisecond, many times what SQLite then takes to answer; and its
parts refer to each other in circles, which only the garbage collector can free: hundreds of kilobytes for each
transaction that was reviewed.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Select, bindparam
from sqlalchemy.engine import Dialect

__all__ = ["PreparedStatement", "PreparedStatements", "limit_to", "placeholder", "prepare"]

# Statements that are kept; those that were not used for longest go. All lists of the API together have fewer shapes.
STATEMENTS: Final = 256


def placeholder(name: str, column: ColumnElement[Any], value: Any) -> BindParameter[Any]:
    """The place of a value that is compared with `column`. Within one statement a name has one value."""
    return bindparam(name, value, column.type)


def limit_to(rows: int) -> BindParameter[int]:
    """The place of the number of rows wanted, named `rows`."""
    return bindparam("rows", rows, BigInteger)


class PreparedStatement:
    """The text of a SELECT for the driver, and where its parameters come from."""

    __slots__ = ("_parameters", "text")

    def __init__(self, text: str, parameters: Sequence[tuple[str, Any]]) -> None:
        self.text = text
        self._parameters = tuple(parameters)

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in the order of the text: from `values` by name, else as they were when it was prepared."""
        return [values.get(name, value) for name, value in self._parameters]


def prepare(statement: Select[Any], dialect: Dialect) -> PreparedStatement:
    """Compile a SELECT for a driver whose parameters have positions."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params()
    return PreparedStatement(str(compiled), [(name, values[name]) for name in compiled.positiontup or ()])


class PreparedStatements:
    """Those of one database, by a key that says everything about a statement but the values of its placeholders."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statements: dict[Hashable, PreparedStatement] = {}  # the one used last at the end

    def __len__(self) -> int:
        return len(self._statements)

    def get(self, key: Hashable, build: Callable[[], Select[Any]]) -> PreparedStatement:
        """The statement, from `build` where it is not there yet."""
        found = self._statements.pop(key, None)
        if found is None:
            found = prepare(build(), self._dialect)
            if len(self._statements) >= STATEMENTS:
                del self._statements[next(iter(self._statements))]
        self._statements[key] = found
        return found
