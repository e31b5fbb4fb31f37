"""Keeps everything: the database, its migrations, and every line of SQL."""
