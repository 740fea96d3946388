"""``NamedTuple`` as in ``typing``, whose import takes longer than the check of a small file."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TAKEN = ("__annotations__", "__module__", "__qualname__")  # namedtuple sets the last two


class _Kind(type):
    """Makes a named tuple of a class statement."""

    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, members)
        fields = members["__annotations__"]
        defaults = [members.pop(field) for field in fields if field in members]
        made = namedtuple(name, fields, defaults=defaults, module=members["__module__"])  # type: ignore[misc]
        made.__annotations__ = fields
        for member, value in members.items():
            if member not in _TAKEN:
                setattr(made, member, value)
        return made


class NamedTuple(metaclass=_Kind):
    """The base of a named tuple, for classes in modules that import ``annotations``."""
