"""The assistant's pane: what is in it, what is typed into it, and what it asks of the gateway."""
