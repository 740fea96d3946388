"""The command ``checksig``. Nothing in this package is public.

Its modules import one another in one direction:
``terminal`` ← ``hints receipts`` ← ``output`` ← ``check`` ← ``cli``.
"""
