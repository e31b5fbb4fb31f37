"""The database's history, oldest first. Alembic carries it out; knowing the newest needs no Alembic."""

from typing import Final

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
