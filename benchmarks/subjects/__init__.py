"""What is measured: each subject is one server, and one or more requests to it."""
