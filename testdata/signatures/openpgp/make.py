"""Makes the keys and signatures here, once: it needs gpg 2.2, and every run gives other keys.

python testdata/signatures/openpgp/make.py

The table of cases is in table.py beside this file, and is written to cases.json by it.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MADE = HERE / "made"
TEXT = f"{'ab' * 32}  a\n{'cd' * 32}  b c\n"
GPG = ("gpg", "--batch", "--quiet", "--no-tty", "--yes", "--pinentry-mode=loopback", "--passphrase=")


class Gpg:
    """GnuPG in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.chmod(0o700)

    def __call__(self, *arguments: str, at: str = "2019", data: bytes = b"", batch: bool = True) -> bytes:
        """Run gpg at the beginning of a year, or at a date; return its output."""
        options = GPG if batch else ("gpg", "--no-tty", "--command-fd=0", *GPG[5:])
        time = at[:4] + (at[4:] or "0101") + "T000000!"
        command = [*options, f"--homedir={self.home}", f"--faked-system-time={time}", *arguments]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{command}: {done.stderr.decode()}")
        return done.stdout

    def key(self, name: str, algorithm: str, use: str = "cert,sign", expires: str = "never") -> str:
        """Make a key at the beginning of 2018; return its fingerprint."""
        user = f"{name.capitalize()} <{name}@example.org>"
        self("--quick-gen-key", user, algorithm, use, expires, at="2018")
        listed = self("--list-keys", "--with-colons", user).decode()
        return next(line for line in listed.splitlines() if line.startswith("fpr")).split(":")[9]

    def export(self, name: str, *options: str) -> bytes:
        """Return a key in binary."""
        return self(*options, "--export", f"<{name}@example.org>")

    def sign(self, name: str, *options: str, at: str = "2019", text: str = TEXT) -> bytes:
        """Return a detached signature."""
        return self("--detach-sign", "--local-user", name, *options, at=at, data=text.encode())

    def clear(self, name: str, *options: str, text: str = TEXT) -> bytes:
        """Return a text with its signature."""
        return self("--clear-sign", "--local-user", name, *options, data=text.encode())


def packets(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Return the number, the body and all bytes of each packet, as gpg writes them."""
    found, at = [], 0
    while at < len(data):
        tag, size = data[at] >> 2 & 15, 1 << (data[at] & 3)
        start = at + 1 + size
        end = start + int.from_bytes(data[at + 1 : start], "big")
        found.append((tag, data[start:end], data[at:end]))
        at = end
    return found


def packet(tag: int, body: bytes) -> bytes:
    """Return a packet with a length of two bytes."""
    return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2, "big") + body


def joined(*parts: tuple[int, bytes, bytes]) -> bytes:
    """Return packets in one piece."""
    return b"".join(part[2] for part in parts)


def without_back_signature(body: bytes) -> bytes:
    """Return a binding of a subkey without what is not hashed, but with the key ID of the issuer."""
    hashed = 6 + int.from_bytes(body[4:6], "big")
    unhashed = hashed + 2 + int.from_bytes(body[hashed : hashed + 2], "big")
    issuer = body.find(b"\x09\x10", hashed, unhashed)
    kept = body[issuer : issuer + 10]
    return body[:hashed] + len(kept).to_bytes(2, "big") + kept + body[unhashed:]


def write(name: str, data: bytes | str) -> None:
    """Write one file."""
    (MADE / name).write_bytes(data.encode() if isinstance(data, str) else data)


def keys_of_every_algorithm(gpg: Gpg) -> None:
    """Make one key and one signature for each algorithm."""
    algorithms = {
        "rsa": "rsa3072",
        "rsa1024": "rsa1024",
        "dsa": "dsa2048",
        "p256": "nistp256",
        "p384": "nistp384",
        "p521": "nistp521",
        "brainpool": "brainpoolP256r1",
        "koblitz": "secp256k1",
    }
    for name, algorithm in algorithms.items():
        gpg.key(name, algorithm)
        write(f"{name}.key", gpg.export(name))
        write(f"{name}.sig", gpg.sign(name))


def ada_and_bob(gpg: Gpg) -> None:
    """Make two keys, and what they sign in every way."""
    for name in ("ada", "bob", "eve"):
        gpg.key(name, "ed25519")
        write(f"{name}.key", gpg.export(name))
        write(f"{name}.asc", gpg("--armor", "--export", name))
        write(f"{name}.sig", gpg.sign(name))
        write(f"{name}.sig.asc", gpg.sign(name, "--armor"))
    write("ada-private.asc", gpg("--armor", "--export-secret-keys", "ada"))
    write("ada-private.key", gpg("--export-secret-keys", "ada"))
    write("ada.kbx", (gpg.home / "pubring.kbx").read_bytes()[:2000])
    write("message.gpg", gpg("--sign", "-u", "ada", data=TEXT.encode()))
    write("message.asc", gpg("--armor", "--sign", "-u", "ada", data=TEXT.encode()))
    write("message-plain.gpg", gpg("--compress-algo=none", "--sign", "-u", "ada", data=TEXT.encode()))
    write("encrypted.asc", gpg("--passphrase=x", "--armor", "--symmetric", data=TEXT.encode()))
    write("text.sig", gpg.sign("ada", "--textmode"))
    write("both.sig", gpg.sign("ada", "-u", "bob"))
    write("ada-eve.sig", gpg.sign("ada", "-u", "eve"))
    for name in ("SHA1", "RIPEMD160", "SHA224", "SHA512"):
        options = ("--digest-algo", name, "--allow-weak-digest-algos")
        write(f"{name.lower()}.sig", gpg.sign("ada", *options))
    write("expiring.sig", gpg.sign("ada", "--default-sig-expire=1y"))
    write("lasting.sig", gpg.sign("ada", "--default-sig-expire=30y"))
    write("future.sig", gpg.sign("ada", at="20271126"))
    write("critical.sig", gpg.sign("ada", "--sig-notation=!what@example.org=this"))
    write("notation.sig", gpg.sign("ada", "--sig-notation=what@example.org=this"))
    write("other.sig", gpg.sign("ada", text="another text\n"))


def signed_texts(gpg: Gpg) -> None:
    """Make signed texts."""
    write("signed", gpg.clear("ada"))
    write("signed-both", gpg.clear("ada", "-u", "bob"))
    write("signed-dashes", gpg.clear("ada", text=f"- a\n-----\n{TEXT}-\n"))
    write("signed-blanks", gpg.clear("ada", text=TEXT.replace("\n", " \t\n")))
    write("signed-without-end", gpg.clear("ada", text=TEXT[:-1]))
    write("signed-sha512", gpg.clear("ada", "--digest-algo=SHA512"))
    write("signed-sha1", gpg.clear("ada", "--digest-algo=SHA1", "--allow-weak-digest-algos"))
    write("signed-twice", gpg.clear("ada", text=gpg.clear("bob").decode()))
    write("signed-empty", gpg.clear("ada", text=""))


def revoked_keys(gpg: Gpg) -> None:
    """Make one key, revoked in every way at the beginning of 2022."""
    fingerprint = gpg.key("rita", "ed25519")
    first, *others = packets(gpg.export("rita"))
    write("rita.key", joined(first, *others))
    write("rita.asc", gpg("--armor", "--export", "rita"))
    for year in ("2019", "2023"):
        write(f"rita-{year}.sig", gpg.sign("rita", at=year))
    for number, name in enumerate(("no-reason", "compromised", "superseded", "retired")):
        answers = f"y\n{number}\n\ny\n".encode()
        made = gpg("--gen-revoke", fingerprint, at="2022", data=answers, batch=False)
        write(f"rita-{name}.asc", made)
        revocation = gpg("--dearmor", data=made)
        write(f"rita-{name}.key", first[2] + revocation + joined(*others))
    # gpg looks for the hash algorithm in byte 3 of a signature; MD5 cannot be read.
    (unread,) = packets(revocation)
    body = unread[1][:3] + b"\x01" + unread[1][4:]
    write("rita-unreadable.key", first[2] + packet(2, body) + joined(*others))


def expired_keys(gpg: Gpg) -> None:
    """Make a key that expired at the end of 2019, and was extended in 2022.

    For the signature of 2021 gpg needs a key that is good, so that it is extended in between.
    """
    fingerprint = gpg.key("emil", "ed25519", expires="2y")
    first = packets(gpg.export("emil"))
    write("emil.key", joined(*first))
    write("emil-2019.sig", gpg.sign("emil"))
    gpg("--quick-set-expire", fingerprint, "0", at="20210601")
    write("emil-2021.sig", gpg.sign("emil", at="20210701"))
    gpg("--quick-set-expire", fingerprint, "0", at="2022")
    newest = packets(gpg.export("emil"))[-1]
    write("emil-extended.key", joined(*first, newest))
    write("emil-minimal.key", joined(*first[:2], newest))


def subkeys(gpg: Gpg) -> None:
    """Make keys whose subkeys sign."""
    fingerprint = gpg.key("sue", "ed25519", "cert")
    gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never", at="2018")
    key, user, certification, subkey, binding = packets(gpg.export("sue"))
    before = (key, user, certification)
    write("sue.key", joined(*before, subkey, binding))
    write("sue.sig", gpg.sign("sue"))
    write("sue-unbound.key", joined(*before, subkey))
    write("sue-no-back.key", joined(*before, subkey) + packet(2, without_back_signature(binding[1])))
    write("sue-no-user.key", joined(key, subkey, binding))
    eve = packets(gpg.export("eve"))
    write("eve-with-subkey.key", joined(*eve, subkey, binding))
    answers = b"key 1\nrevkey\ny\n1\n\ny\nsave\n"
    gpg("--edit-key", fingerprint, at="2022", data=answers, batch=False)
    write("sue-2022-revoked.key", gpg.export("sue"))

    fingerprint = gpg.key("sam", "ed25519", "cert")
    gpg("--quick-add-key", fingerprint, "ed25519", "sign", "2y", at="2018")
    write("sam.key", gpg.export("sam"))
    write("sam-2019.sig", gpg.sign("sam"))
    gpg("--quick-set-expire", fingerprint, "0", "*", at="20190601")
    write("sam-2021.sig", gpg.sign("sam", at="20210701"))

    fingerprint = gpg.key("uma", "ed25519")
    write("uma.sig", gpg.sign("uma", at="2019"))
    gpg("--edit-key", fingerprint, at="2020", data=b"change-usage\nS\nQ\nsave\n", batch=False)
    write("uma.key", gpg.export("uma", "--export-options=export-minimal"))


def main() -> None:
    """Make everything."""
    MADE.mkdir(exist_ok=True)
    write("SHA256SUMS", TEXT)
    with tempfile.TemporaryDirectory() as home:
        gpg = Gpg(Path(home))
        for make in (ada_and_bob, signed_texts, keys_of_every_algorithm, revoked_keys, expired_keys, subkeys):
            print(make.__name__, flush=True)
            make(gpg)
        subprocess.run(["gpgconf", f"--homedir={home}", "--kill", "all"], check=True)


if __name__ == "__main__":
    main()
