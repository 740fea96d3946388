"""Makes the cases of testdata/cases whose manifests are signed, with new keys.

It needs gpg, ssh-keygen, minisign and signify (signify-openbsd), and a built checksig, which says
the messages. Read what it has written before you commit it:

    python tools/sign_cases.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import checksig

CASES = Path(__file__).resolve().parent.parent / "testdata" / "cases"
TOOLS = ("gpg", "ssh-keygen", "minisign", "signify-openbsd")
A = ["file", "a", "1"]
LINE = f"{hashlib.sha256(b'1').hexdigest()}  a\n"
MANIFEST = ["file", "SHA256SUMS", LINE]
WRONG = ["file", "SHA512SUMS", f"{hashlib.sha512(b'2').hexdigest()}  a\n"]


def run(*command: str, folder: Path, text: str = "") -> str:
    """Run a tool; return its output, in which each character is one byte."""
    env = {**os.environ, "GNUPGHOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=env, input=text.encode("latin-1"), capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr.decode()}")
    return done.stdout.decode("latin-1")


class Minisign:
    """A key of minisign."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        run("minisign", "-G", "-W", "-p", f"{name}.mini", "-s", f"{name}.key", folder=folder)
        self.public = (folder / f"{name}.mini").read_text("ascii")
        self.line = self.public.splitlines()[1]

    def sign(self, text: str, *options: str) -> str:
        """Return a signature of a text."""
        (self.folder / "m").write_text(text, "latin-1")
        kind = () if "-H" in options else ("-l",)
        options = (*options, *kind, "-t", "release 1.0")
        run("minisign", "-S", "-s", f"{self.name}.key", *options, "-m", "m", "-x", "s", folder=self.folder)
        return (self.folder / "s").read_text("latin-1")


class Signify:
    """A key of signify."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        keys = ("-p", f"{name}.pub", "-s", f"{name}.sec")
        run("signify-openbsd", "-G", "-n", *keys, folder=folder)
        self.public = (folder / f"{name}.pub").read_text("ascii")

    def sign(self, text: str, *options: str) -> str:
        """Return a signature of a text; with -e, the text is in it."""
        (self.folder / "m").write_text(text, "latin-1")
        command = ("signify-openbsd", "-S", *options, "-s", f"{self.name}.sec", "-m", "m", "-x", "s")
        run(*command, folder=self.folder)
        return (self.folder / "s").read_text("latin-1")


class SSH:
    """A key of OpenSSH."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.folder, self.name = folder, name
        options = options or ("-t", "ed25519")
        run("ssh-keygen", "-q", *options, "-N", "", "-C", name, "-f", f"{name}.ssh", folder=folder)
        self.public = (folder / f"{name}.ssh.pub").read_text("ascii")

    def sign(self, text: str, namespace: str = "file") -> str:
        """Return a signature of a text."""
        return run(
            "ssh-keygen",
            "-Y",
            "sign",
            "-n",
            namespace,
            "-f",
            f"{self.name}.ssh",
            folder=self.folder,
            text=text,
        )


class PGP:
    """A key of OpenPGP that was made at a time."""

    def __init__(self, folder: Path, name: str, time: str = "20240101T000000", expire: str = "never") -> None:
        self.folder, self.name = folder, f"{name} <{name.lower()}@example.org>"
        self.gpg("--quick-generate-key", self.name, "ed25519", "sign", expire, time=time)

    def gpg(self, *command: str, time: str = "20240201T000000", text: str = "") -> str:
        """Run gpg at a time."""
        options = ("--batch", "--passphrase", "", "--pinentry-mode", "loopback", "--armor")
        return run(
            "gpg", *options, "--faked-system-time", f"{time}!", *command, folder=self.folder, text=text
        )

    @property
    def public(self) -> str:
        """The certificate, as it is now."""
        return self.gpg("--export", self.name)

    def fingerprint(self) -> str:
        """Return the fingerprint of the primary key."""
        listed = self.gpg("--with-colons", "--list-keys", self.name)
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def sign(self, text: str, *options: str, time: str = "20240201T000000") -> str:
        """Return a signature of a text, which is detached unless the options say another kind."""
        kind = () if {"--clearsign", "--sign"} & set(options) else ("--detach-sign",)
        return self.gpg("-u", self.name, *options, *kind, time=time, text=text)

    def revoke(self, reason: str) -> str:
        """Return the certificate with a revocation for that reason, a number of gpg's menu."""
        command = ("gpg", "--command-fd", "0", "--no-tty", "--passphrase", "", "--pinentry-mode", "loopback")
        time = ("--faked-system-time", "20240301T000000!")
        answers = f"y\n{reason}\n\ny\n"
        revocation = run(*command, *time, "--gen-revoke", self.name, folder=self.folder, text=answers)
        self.gpg("--import", text=revocation, time="20240301T000000")
        return self.public


def write(
    name: str, rule: str, origin: str, tree: list[Any], keys: Iterable[str] = (), **fields: Any
) -> None:
    """Write a case, with the message that checksig gives now."""
    case: dict[str, Any] = {"rule": f"10.{rule}", "origin": origin, **fields, "tree": tree}
    if keys:
        case["signed_by"] = list(keys)
    with tempfile.TemporaryDirectory() as folder:
        case |= verdict_of(case, Path(folder))
    (CASES / f"signed-{name}.json").write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{name}: {case['verdict']} {case.get('message', case.get('signers', ''))}")


def verdict_of(case: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return what checksig says of a case."""
    import sys

    sys.path.insert(0, str(CASES.parent.parent / "tests"))
    from case_trees import make_tree, options_of

    make_tree(os.fsencode(root), case["tree"])
    try:
        report = checksig.check(root, **options_of(case, root))
    except checksig.SignatureError as error:
        return {"verdict": "not-signed", "message": [str(error).replace(str(root), "ROOT")]}
    if not report.ok:
        return {"verdict": "failed", "message": (report.message or "").replace(str(root), "ROOT").split("\n")}
    return {"verdict": "ok", "signers": [signature.name for signature in report.signatures]}


def signed(signature: str, suffix: str, text: str = LINE, name: str = "SHA256SUMS") -> list[Any]:
    """Return a directory with a manifest and a signature beside it."""
    return [A, ["file", name, text], ["file", f"{name}{suffix}", signature]]


def of_rules_1_to_3(folder: Path) -> None:
    """Whose signatures count, what is parsed, and where keys come from."""
    ada, bob = Minisign(folder, "ada"), Minisign(folder, "bob")
    one = signed(ada.sign(LINE), ".minisig")
    write("by-key", "1", "minisign beside the manifest", one, [ada.line])
    write("by-other-key", "1", "a signature by a key that was not given", one, [bob.line])
    write("none", "1", "a manifest without a signature", [A, MANIFEST], [ada.line])
    two = [*one, ["file", "SHA256SUMS.sig", bob.sign(LINE)]]
    both = [ada.line, bob.line]
    write("by-two-keys", "1", "two signers, as demanded", two, both, min_signers=2)
    write("by-one-of-two", "1", "one signer of two that are demanded", one, both, min_signers=2)
    write("more-signers-than-keys", "1", "more signers than keys", two, [ada.line], min_signers=2)
    write(
        "file-wrong",
        "1",
        "a signed manifest, and a file that is not as listed",
        [*one[1:], ["file", "a", "2"]],
        [ada.line],
    )
    changed = signed(ada.sign(LINE), ".minisig", LINE.replace(" a", " b"))
    write("manifest-changed", "2", "a manifest that was changed after it was signed", changed, [ada.line])
    write("key-inside", "3", "a key in the directory", [*one, ["file", "KEYS", ada.public]], ["ROOT/KEYS"])
    linked = [*one, ["file", "d/KEYS", ada.public], ["symlink", "KEYS", "d/KEYS"]]
    write("key-linked-inside", "3", "a link to a key in the directory", linked, ["ROOT/KEYS"])


def of_rules_4_to_7(folder: Path) -> None:
    """Where signatures are, and what they are."""
    ada, sig, ssh = Minisign(folder, "eve"), Signify(folder, "sig"), SSH(folder, "sam")
    for suffix in (".asc", ".sig", ".gpg", ".pgp", ".sign", ".minisig", ".sshsig"):
        tree = signed(ada.sign(LINE), suffix)
        write(f"suffix-{suffix[1:]}", "4", f"a signature called {suffix}", tree, [ada.line])
    elsewhere = [A, MANIFEST, ["file", "signatures/one", ada.sign(LINE)]]
    write("named", "4", "a signature elsewhere", elsewhere, [ada.line], signature="ROOT/signatures/one")
    fifo = [A, MANIFEST, ["fifo", "SHA256SUMS.sig"]]
    write("fifo", "4", "a FIFO in place of a signature", fifo, [ada.line])
    out = [A, MANIFEST, ["symlink", "SHA256SUMS.sig", "/etc/passwd"]]
    write("leads-out", "4", "a signature that leads out of the directory", out, [ada.line])
    large = [A, MANIFEST, ["sparse", "SHA256SUMS.sig", (1 << 20) + 1]]
    write("large", "4", "a signature of more than 1 MiB", large, [ada.line])
    directory = [A, MANIFEST, ["directory", "SHA256SUMS.sig"]]
    write("directory", "4", "a directory in place of a signature", directory, [ada.line])
    write(
        "prehashed",
        "5",
        "minisign, prehashed",
        signed(ada.sign(LINE, "-H"), ".sig"),
        [ada.line],
        needs="blake2b",
    )
    write("ssh", "5", "SSH", signed(ssh.sign(LINE), ".asc"), [ssh.public])
    write("signify", "5", "signify", signed(sig.sign(LINE), ".gpg"), [sig.public])
    write("garbage", "5", "a signature that is none", signed("what?\n", ".sig"), [ada.line])
    inside = sig.sign(LINE, "-e")
    write(
        "signify-inside", "6", "signify with its message", [A, ["file", "SHA256.sig", inside]], [sig.public]
    )
    added = [A, ["file", "SHA256.sig", inside + LINE]]
    write("signify-inside-added", "6", "a line added to what signify signed", added, [sig.public])
    unsigned = [A, ["file", "SHA256.sig", inside]]
    write("signify-without-key", "7", "signify with its message, and nobody asks", unsigned)
    both = [*unsigned, ["file", "SHA256", LINE]]
    write("signify-beside", "7", "as OpenBSD publishes it", both, [sig.public])


def of_pgp(folder: Path) -> None:
    """What OpenPGP needs."""
    ada, bob = PGP(folder, "Ada"), PGP(folder, "Bob", expire="2024-06-01")
    needs = {"needs": "blake2b"}  # a build without Go modules lacks both
    write("pgp", "5", "OpenPGP", signed(ada.sign(LINE), ".asc"), [ada.public], **needs)
    binary = base64.b64decode("".join(ada.sign(LINE).splitlines()[2:-2]))
    write(
        "pgp-binary", "5", "OpenPGP, binary", signed(binary.decode("latin-1"), ".sig"), [ada.public], **needs
    )
    text = ada.sign(LINE.replace("\n", "\r\n"), "--textmode")
    write(
        "pgp-text",
        "5",
        "OpenPGP, of a text with other line ends",
        signed(text, ".asc"),
        [ada.public],
        **needs,
    )
    clear = ada.sign(LINE, "--clearsign")
    write(
        "pgp-cleartext",
        "6",
        "as kernel.org publishes it",
        [A, ["file", "sha256sums.asc", clear]],
        [ada.public],
        **needs,
    )
    behind = [A, ["file", "SHA256SUMS.asc", clear + LINE]]
    write("pgp-cleartext-behind", "6", "a line behind the signature", behind, [ada.public], **needs)
    before = [A, ["file", "CHECKSUM", LINE + clear]]
    write("pgp-cleartext-before", "6", "a line before the signed text", before, [ada.public], **needs)
    node = [A, MANIFEST, ["file", "SHA256SUMS.asc", clear]]
    write("pgp-cleartext-beside", "7", "as Node.js publishes it", node, [ada.public], **needs)
    weak = ada.sign(LINE, "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    write("pgp-sha1", "8", "a signature over a SHA-1", signed(weak, ".asc"), [ada.public], **needs)
    expired = signed(bob.sign(LINE), ".asc")
    write("pgp-expired-since", "10", "a key that has expired since", expired, [bob.public], **needs)
    old = PGP(folder, "Old")
    before_revoked = signed(old.sign(LINE), ".asc")
    revoked = old.revoke("1")
    write("pgp-revoked", "11", "a key that was revoked as compromised", before_revoked, [revoked], **needs)
    short = signed(ada.sign(LINE, "--default-sig-expire", "1d"), ".asc")
    write("pgp-signature-expired", "12", "a signature that has expired", short, [ada.public], **needs)
    sub = PGP(folder, "Sub")
    sub.gpg("--quick-add-key", sub.fingerprint(), "ed25519", "sign", "never", time="20240102T000000")
    write(
        "pgp-subkey", "13", "a signature by a subkey", signed(sub.sign(LINE), ".asc"), [sub.public], **needs
    )
    message = signed(ada.sign(LINE, "--sign"), ".asc")
    write("pgp-message", "20", "what gpg --sign writes", message, [ada.public], **needs)


def of_rules_9_to_20(folder: Path) -> None:
    """What is refused, and what harms nothing."""
    ada, bob, ssh = Minisign(folder, "kim"), Minisign(folder, "lee"), SSH(folder, "tom")
    md5 = f"{hashlib.md5(b'1').hexdigest()}  a\n"
    weak = signed(ada.sign(md5), ".minisig", md5, "MD5SUMS")
    write("md5", "9", "a signed manifest of MD5", weak, [ada.line])
    strong = [*weak, *signed(ada.sign(LINE), ".minisig")[1:]]
    write("md5-and-sha256", "9", "each file has a strong digest too", strong, [ada.line])
    git = signed(ssh.sign(LINE, "git"), ".sig")
    write("ssh-namespace", "14", "a signature for another purpose", git, [ssh.public])
    write("ssh-namespace-told", "14", "the namespace of the caller", git, [ssh.public], namespace="git")
    others = [
        *signed(ada.sign(LINE), ".minisig"),
        ["file", "SHA256SUMS.asc", bob.sign(LINE)],
        ["file", "SHA256SUMS.sig", "?"],
    ]
    write("beside-others", "15", "a good signature beside others", others, [ada.line])
    twice = [*signed(ada.sign(LINE), ".minisig"), ["file", "SHA256SUMS.sig", ada.sign(LINE)]]
    write("twice", "15", "one key signed twice", twice, [ada.line, bob.line], min_signers=2)
    comment = ada.sign(LINE).replace("release 1.0", "release 9.0")
    write("minisign-comment", "16", "a changed comment", signed(comment, ".minisig"), [ada.line])
    several = [*signed(ada.sign(LINE), ".minisig"), WRONG]
    write("of-several", "17", "of two manifests one is signed", several, [ada.line])
    bad = [*several, ["file", "SHA512SUMS.minisig", bob.sign(WRONG[2])]]
    write("of-several-bad", "17", "of two manifests one is signed by another key", bad, [ada.line])
    extra = [*signed(ada.sign(LINE), ".minisig"), ["file", "SHA256SUMS.sign", "?"]]
    write("extra", "18", "signatures are not extra", extra, [ada.line], options={"extra": "fail"})
    bag = [
        ["file", "data/a", "1"],
        ["file", "bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"],
        ["file", "manifest-sha256.txt", LINE.replace(" a", " data/a")],
    ]
    write("bag", "19", "a bag", bag, [ada.line])
    digest = hashlib.sha256(b"1").hexdigest()
    metadata = ["file", ".cache/huggingface/download/a.metadata", f"commit\n{digest}\n1.0\n"]
    write("hugging-face", "19", "the metadata of a download from Hugging Face", [A, metadata], [ada.line])
    bundle = json.dumps(
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {}}
    )
    write("sigstore", "20", "a bundle of sigstore", signed(bundle, ".sig"), [ada.line])


def main() -> None:
    """Replace all cases."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise SystemExit(f"not found: {', '.join(missing)}")
    for path in CASES.glob("signed-*.json"):
        path.unlink()
    for make in (of_rules_1_to_3, of_rules_4_to_7, of_rules_9_to_20, of_pgp):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            run("gpgconf", "--homedir", folder, "--kill", "all", folder=Path(folder))


if __name__ == "__main__":
    main()
