"""The assistant: a model that works with the caller's own rights, and asks before it changes anything."""
