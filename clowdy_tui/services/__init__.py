"""What a user can do, whoever asks: the screen, the shell, HTTP."""
