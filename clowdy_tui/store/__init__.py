"""Keeps what Clowdy knows: SQLite, its migrations, the repositories, and the batched invocation writer."""
