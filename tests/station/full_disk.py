"""A disk that is full for a while."""

import sqlite3
from typing import Any

from chargewright.station.database import StationDatabase, StationStoreError


class FullDisk(StationDatabase):
    """A database whose disk is full while `is_full`, and which does then what SQLite does.

    A commit that fails takes everything back; a statement that fails may, as when the page cache overflows.
    """

    is_full = False
    takes_all_back = False

    def _execute(self, statement: str, parameters: Any = (), *, many: bool = False) -> sqlite3.Cursor:
        is_refused = statement == "COMMIT" if self.is_shared else not statement.startswith(("SELECT", "ROLLBACK"))
        if self.is_full and (is_refused or self.takes_all_back) and not statement.startswith(("SELECT", "ROLLBACK")):
            if self._db.in_transaction and (statement == "COMMIT" or self.takes_all_back):
                self._db.execute("ROLLBACK")
            raise StationStoreError(self.path, "database or disk is full")
        return super()._execute(statement, parameters, many=many)
