"""A guest book in the project's database. Make one first: on the screen, or `clowdy db add PROJECT`.

GET lists the last entries, POST adds one: {"name": "Ada", "text": "hello"}.
"""

import os

import psycopg
from psycopg.rows import dict_row

connection = None


def connect():
    """One connection for as long as this instance lives; a new one where it was broken off."""
    global connection
    if connection is None or connection.closed:
        connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS guests ("
            " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " name text NOT NULL, text text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
    return connection


def handler(event, context):
    if "DATABASE_URL" not in os.environ:
        return {"statusCode": 503, "body": "This project has no database yet: clowdy db add PROJECT"}
    entry = event.get("body") if isinstance(event, dict) and "method" in event else event
    if isinstance(entry, dict) and entry.get("name"):
        # Values go beside the statement, never into it.
        connect().execute("INSERT INTO guests (name, text) VALUES (%s, %s)", (entry["name"], entry.get("text", "")))
    last = connect().execute("SELECT name, text, at FROM guests ORDER BY id DESC LIMIT 20").fetchall()
    return [{**guest, "at": guest["at"].isoformat()} for guest in last]
