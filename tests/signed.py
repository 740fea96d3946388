"""A manifest, and signatures of it by keys of minisign, for the tests."""

from __future__ import annotations

from pathlib import Path

MANIFEST = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  a\n"
ADA = "RWTp/ioeTqt5N51adbHHRcpx6eOLG3oOyYkVzkfFg5ayuD0s2YfNt3Ws"
BOB = "RWReJry+qx52+UF85hezO4neR4fKQbKjspjScqSDuwBCmKwzYqD6QKdP"
BY_ADA = (
    "untrusted comment: signature from minisign secret key\n"
    "RWTp/ioeTqt5N9L8YBtqiEXHHsn1AUcSIqUuCif1my6FpNww8PFPP9TIo3NFSnXIEtnnuGy2udvqv/FK3c1G4Ke/iVLKA+OlVws=\n"
    "trusted comment: release 1.0\n"
    "hO1lnzB8QqPPAmvzS5MMBBP3LG6mgyVekSulL5lizeuEeFTNnOoLpw5FfeQqIpCRAXh5vX0Ziu15NMf0qv20Ag==\n"
)
BY_BOB = (
    "untrusted comment: signature from minisign secret key\n"
    "RWReJry+qx52+fwQhsdzDid/dmmYzdEjq+V0a5gwcJE6xLdHFNn2bC5UuJa+3rzv6Y37Vmzrb+AyfS1ixGvxBgZ5W99nxIDYOwo=\n"
    "trusted comment: release 1.0\n"
    "yqNICL0rAobyQCN//EwULTB5WbBblyuaZA2Z4QZkhPK16cgBJZtfPfO3HCuiEu1mhbeTOTigjkm2Gs/FUvkIDw==\n"
)

# Of the manifests of two bags: the name of the file is data/a, or data/a%25.
OF_BAG = (
    "untrusted comment: signature from minisign secret key\n"
    "RWTp/ioeTqt5N0eKJ5sgzFfXrNAqS50Y3ClsQdsyap6CUc+3y0ykswhKyXnSefQhLTdb0OjdJFjTqb3LKXpaa5Hi4tFxHlssXA8=\n"
    "trusted comment: release 1.0\n"
    "+e0BWcRo70AXe72DqSps0W87CLBKOvJc4Z/AiOZyFWluFf8dM98ajBhA1c33Bj3SL9DCUu+feazAfMmeojo2Bg==\n"
)
OF_PERCENT = (
    "untrusted comment: signature from minisign secret key\n"
    "RWTp/ioeTqt5N6PGQcLOR2RX9ET9zVmHckwmvQ6bmPA39MREqMrax8cqFtIXQX6tBoYCNKotsjUw5Mz1Zyn/3gNxAHeDX1RDdgc=\n"
    "trusted comment: release 1.0\n"
    "dQG6C95Y4EyBlI6ogeUpndMnFrAv5MP1yj3uC9ynEaw8yBUPxhnafD8b74ZcJfsg9h5OJvcmAAMqv+2sf6jiCQ==\n"
)


def key_file(line: str) -> str:
    """Return a key file of minisign."""
    return f"untrusted comment: minisign public key\n{line}\n"


def make_signed(root: Path, **files: str) -> Path:
    """Make a directory with the file ``a``, the manifest that lists it, Ada's signature, and other files."""
    root.mkdir(exist_ok=True)
    files = {"a": "1", "SHA256SUMS": MANIFEST, "SHA256SUMS.minisig": BY_ADA, **files}
    for name, content in files.items():
        (root / name).write_text(content)
    return root
