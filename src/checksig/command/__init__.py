"""The command ``checksig``. Nothing in this package is public.

Its modules import one another in one direction:
``terminal`` ← ``outcome`` ← ``version hints receipts`` ← ``output`` ← ``check`` ← ``cli``.
"""
