"""What makes sandboxes: one driver a file."""
