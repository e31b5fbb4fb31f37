"""One pane or widget a file, its style beside it."""
