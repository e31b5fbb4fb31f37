"""What Clowdy talks about. Imports nothing of ours above it."""
