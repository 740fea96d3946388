"""The command ``checksig``."""
