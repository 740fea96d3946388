"""The version of the package. The build also writes it into the library and the helper."""

__version__ = "0.1.0"
