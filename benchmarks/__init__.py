"""How fast Clowdy is beside what else answers a call: `python -m benchmarks` (`make bench`)."""
