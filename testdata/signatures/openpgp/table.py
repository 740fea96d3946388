"""Writes cases.json: what each signature is worth, by which rule, and with which words.

python testdata/signatures/openpgp/table.py

A case has a manifest, the files beside it, the keys, and a verdict: the signers, or a part of the
error. Files are in made/; a manifest may also be made here from one of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MADE = HERE / "made"
CHANGED = "does not match"
OTHERS = "which is not among the 1 given"


def text(name: str) -> str:
    """Return a file of made/ as text in which each byte is a character."""
    return (MADE / name).read_bytes().decode("latin-1")


CASES: list[dict[str, Any]] = []


def case(
    name: str,
    rule: int,
    verdict: str | Sequence[str],
    manifest: str = "SHA256SUMS",
    *beside: str,
    keys: Sequence[str] = ("ada.key",),
    **others: object,
) -> None:
    """Add a case. A verdict that is a list has the signers, a string a part of the error."""
    key = "error" if isinstance(verdict, str) else "signers"
    value = verdict if isinstance(verdict, str) else list(verdict)
    one = {"name": name, "rule": rule, "manifest": manifest, "beside": beside, "keys": keys, key: value}
    CASES.append(one | others)


def made(name: str, source: str, change: Callable[[str], str]) -> str:
    """Write a file that is another one, changed; return its name."""
    content = text(source)
    changed = change(content)
    assert changed != content, name
    (MADE / name).write_text(changed, "latin-1", newline="")
    return name


def plain() -> None:
    """Add the cases of detached signatures."""
    sums = "SHA256SUMS"
    ada = ["Ada <ada@example.org>"]
    case("binary", 5, ada, sums, "ada.sig")
    case("armor", 5, ada, sums, "ada.sig.asc")
    case("armored-key", 3, ada, sums, "ada.sig", keys=["ada.asc"])
    for name in ("rsa", "p256", "p384", "p521", "brainpool"):
        user = f"{name.capitalize()} <{name}@example.org>"
        case(f"algorithm-{name}", 5, [user], sums, f"{name}.sig", keys=[f"{name}.key"])
    case("algorithm-rsa1024", 8, "RSA key of 1024 bits", sums, "rsa1024.sig", keys=["rsa1024.key"])
    case("algorithm-dsa", 8, "algorithm 17", sums, "dsa.sig", keys=["dsa.key"])
    case("algorithm-secp256k1", 8, "SecP256k1", sums, "koblitz.sig", keys=["koblitz.key"])
    case("hash-sha224", 8, ada, sums, "sha224.sig")
    case("hash-sha512", 8, ada, sums, "sha512.sig")
    case("hash-sha1", 8, "uses SHA-1", sums, "sha1.sig")
    case("hash-ripemd160", 8, "uses RIPEMD-160", sums, "ripemd160.sig")
    md5 = made("md5.sig", "ada.sig", lambda s: s[:5] + "\x01" + s[6:])
    case("hash-md5", 8, "uses MD5", sums, md5)
    empty = made("SHA256SUMS.changed", sums, lambda s: s.replace("ab", "ac", 1))
    case("manifest-changed", 2, CHANGED, empty, "ada.sig")
    case("other-text", 2, CHANGED, sums, "other.sig")
    crlf = made("SHA256SUMS.crlf", sums, lambda s: s.replace("\n", "\r\n"))
    case("crlf-binary", 5, CHANGED, crlf, "ada.sig")
    case("crlf-text", 5, ada, crlf, "text.sig")
    case("text", 5, ada, sums, "text.sig")
    no_end = made("SHA256SUMS.no-end", sums, lambda s: s[:-1])
    case("text-without-last-end", 5, CHANGED, no_end, "text.sig")
    blanks = made("SHA256SUMS.blanks", sums, lambda s: s.replace("\n", " \n"))
    case("text-with-blanks", 5, CHANGED, blanks, "text.sig")
    case("signature-expired", 12, "expired on 2020-01-01", sums, "expiring.sig")
    case("signature-not-expired-then", 12, ada, sums, "expiring.sig", now="2019-12-31")
    case("signature-lasting", 12, ada, sums, "lasting.sig")
    case("signature-from-the-future", 12, "is from the future", sums, "future.sig")
    case("signature-not-from-the-future-then", 12, ada, sums, "future.sig", now="2027-11-26")
    case("notation-critical", 12, "critical notation", sums, "critical.sig")
    case("notation", 12, ada, sums, "notation.sig")
    case("no-signature", 1, "not signed", sums)
    case("other-key", 15, OTHERS, sums, "eve.sig")
    case("other-keys-name", 15, OTHERS, sums, "ada.sig", keys=["eve.key"])


def several() -> None:
    """Add the cases of several signatures and keys."""
    sums, ada, bob = "SHA256SUMS", "Ada <ada@example.org>", "Bob <bob@example.org>"
    two = ["ada.key", "bob.key"]
    case("two-packets", 15, [ada, bob], sums, "both.sig", keys=two, min=2)
    case("two-files", 15, [ada, bob], sums, "ada.sig", "bob.sig.asc", keys=two, min=2)
    twice = made("blocks.asc", "ada.sig.asc", lambda s: s + text("bob.sig.asc"))
    case("two-blocks", 15, [ada, bob], sums, twice, keys=two, min=2)
    thrice = made("thrice.asc", "ada.sig.asc", lambda s: s * 3)
    case("one-block-thrice", 15, "1 of 2 signers", sums, thrice, keys=two, min=2)
    packets = made("thrice.sig", "ada.sig", lambda s: s * 3)
    case("one-packet-thrice", 15, "1 of 2 signers", sums, packets, keys=two, min=2)
    case("known-and-unknown", 15, [ada], sums, "ada-eve.sig")
    case("known-and-unknown-of-two", 15, "1 of 2 signers", sums, "ada-eve.sig", min=2)
    case("good-and-bad", 15, [ada], sums, "ada.sig", "other.sig")
    bad = made("bad-good.sig", "other.sig", lambda s: s + text("ada.sig"))
    case("bad-before-good", 15, [ada], sums, bad)
    cut = made("good-cut.sig", "ada.sig", lambda s: s + s[:-5])
    case("good-before-cut", 15, [ada], sums, cut)
    cut = made("cut.sig", "ada.sig", lambda s: s[:-5])
    case("cut", 15, "is not a signature", sums, cut)
    cut = made("cut.asc", "ada.sig.asc", lambda s: s[:-40])
    case("cut-armor", 15, "without its end", sums, cut)
    keys = made("KEYS", "ada.asc", lambda s: f"All keys.\n\nAda:\n{s}\nBob:\n{text('bob.asc')}")
    case("keys-in-one-file", 3, [ada, bob], sums, "both.sig", keys=[keys], min=2)
    ring = made("ring.key", "eve.key", lambda s: s + text("ada.key"))
    case("keyring", 3, [ada], sums, "ada.sig", keys=[ring])
    case("key-twice", 15, "1 of 2 signers", sums, "ada.sig", keys=["ada.key", "ada.asc"], min=2)
    prose = made("prose.asc", "ada.sig.asc", lambda s: f"Signed by Ada.\n{s}Yours\n")
    case("armor-in-prose", 5, [ada], sums, prose)
    case("key-as-signature", 5, "is an OpenPGP key", sums, "ada.asc")
    for name in ("message.gpg", "message.asc", "message-plain.gpg", "encrypted.asc"):
        case(f"{name}-beside", 20, "is a PGP message", sums, name)
        case(f"{name}-as-manifest", 20, "is a PGP message", name)
    case("signed-text-beside", 20, "for that text alone", sums, "signed")


def key_files() -> None:
    """Add the cases of key files that are none."""
    sums, sig = "SHA256SUMS", "ada.sig"
    for name in ("ada-private.asc", "ada-private.key"):
        case(f"key-{name}", 3, "has a private key", sums, sig, keys=[name])
    case("key-keybox", 3, "gpg --export ID", sums, sig, keys=["ada.kbx"])
    case("key-is-a-signature", 3, "is an OpenPGP signature, not a key", sums, sig, keys=["ada.sig.asc"])
    case("key-is-a-binary-signature", 3, "is an OpenPGP signature, not a key", sums, sig, keys=[sig])
    (MADE / "fingerprint").write_text("DF9B 9C49 EAA9 2984 3258  9D76 DA87 E80D 6294 BE9B\n")
    (MADE / "keyid").write_text("0x6294BE9B")
    for name in ("fingerprint", "keyid"):
        case(f"key-is-a-{name}", 3, "give the key itself", sums, sig, keys=[name])
    cut = made("ada-cut.asc", "ada.asc", lambda s: s[:-100])
    case("key-cut", 3, "without its end", sums, sig, keys=[cut])


def signed_texts() -> None:
    """Add the cases of texts with their signatures."""
    ada, bob = "Ada <ada@example.org>", "Bob <bob@example.org>"
    payload = text("SHA256SUMS")
    case("signed", 6, [ada], "signed", payload=payload)
    case("signed-both", 6, [ada, bob], "signed-both", keys=["ada.key", "bob.key"], min=2, payload=payload)
    case("signed-dashes", 6, [ada], "signed-dashes", payload=f"- a\n-----\n{payload}-\n")
    case("signed-blanks", 6, [ada], "signed-blanks", payload=payload)
    case("signed-without-end", 6, [ada], "signed-without-end", payload=payload)
    case("signed-sha512", 6, [ada], "signed-sha512", payload=payload)
    case("signed-sha1", 8, "uses SHA-1", "signed-sha1")
    case("signed-empty", 6, [ada], "signed-empty", payload="\n")
    inner = text("signed-twice").split("\n\n", 1)[1].split("\n-----BEGIN PGP SIGNATURE")[0]
    inner = inner.replace("- -----", "-----") + "\n"
    case("signed-twice", 6, [ada], "signed-twice", payload=inner)
    case("signed-twice-inner-key", 6, OTHERS, "signed-twice", keys=["bob.key"])
    case("signed-other-key", 6, OTHERS, "signed", keys=["bob.key"])
    more = f"{'ef' * 32}  evil\n"

    def changed(name: str, error: str, change: Callable[[str], str]) -> None:
        made(name, "signed", change)
        case(name, 6, error, name)

    def good(name: str, change: Callable[[str], str]) -> None:
        made(name, "signed", change)
        case(name, 6, [ada], name, payload=payload)

    begin, hashed, end = (
        "-----BEGIN PGP SIGNED MESSAGE-----\n",
        "Hash: SHA256\n",
        "-----END PGP SIGNATURE-----",
    )
    behind = "-----BEGIN PGP SIGNATURE-----"
    changed("signed-text-before", "text before", lambda s: more + s)
    changed("signed-text-behind", "text behind", lambda s: s + more)
    changed("signed-text-again", "text behind", lambda s: s + s)
    changed("signed-signature-again", "text behind", lambda s: s + s[s.index(behind) :])
    changed("signed-line-added", CHANGED, lambda s: s.replace(hashed + "\n", f"{hashed}\n{more}"))
    changed("signed-line-before-empty-line", "other than Hash:", lambda s: s.replace(hashed, hashed + more))
    changed("signed-comment", "other than Hash:", lambda s: s.replace(hashed, f"Comment: x\n{hashed}"))
    changed(
        "signed-no-escapes", "other than Hash:", lambda s: s.replace(hashed, f"NotDashEscaped: x\n{hashed}")
    )
    changed("signed-hash-missing", "does not name", lambda s: s.replace(hashed, ""))
    changed("signed-hash-wrong", "does not name", lambda s: s.replace(hashed, "Hash: SHA512\n"))
    changed("signed-hash-unknown", "unknown hash algorithm", lambda s: s.replace(hashed, "Hash: SHA257\n"))
    changed(
        "signed-dash", "line 1 of its signed text", lambda s: s.replace(hashed + "\n", f"{hashed}\n-{more}")
    )
    changed(
        "signed-nested",
        "dash that is not escaped",
        lambda s: s.replace(hashed + "\n", f"{hashed}\n{begin}{hashed}\n"),
    )
    changed("signed-text-in-armor", "other text than base64", lambda s: s.replace(end, more + end))
    changed(
        "signed-text-in-armor-header",
        "other text than base64",
        lambda s: s.replace(behind, f"{behind}\n{more}"),
    )
    changed("signed-cut", "has no signature behind", lambda s: s[: s.index(behind)])
    changed("signed-cut-signature", "without its end", lambda s: s[: s.index(end)])
    changed("signed-blanks-in-line", CHANGED, lambda s: s.replace("  a", "   a"))
    changed("signed-escape-added", CHANGED, lambda s: s.replace("  b c\n", "  b c\n- \n"))
    good("signed-crlf", lambda s: s.replace("\n", "\r\n"))
    good("signed-blanks-added", lambda s: s.replace("  a\n", "  a \t\n"))
    good("signed-escaped", lambda s: s.replace(hashed + "\n", f"{hashed}\n- "))
    good("signed-two-hashes", lambda s: s.replace(hashed, "Hash: SHA1, SHA256\n"))
    good("signed-empty-lines-around", lambda s: f"\n{s}\n\n")
    text_kind = made(
        "signed-binary-kind",
        "signed",
        lambda s: s[: s.index(behind)] + text("ada.sig.asc"),
    )
    case("signed-binary-kind", 6, "not of the kind for a text", text_kind)


def keys_over_time() -> None:
    """Add the cases of keys that were revoked, or have expired."""
    sums, rita, emil = "SHA256SUMS", ["Rita <rita@example.org>"], ["Emil <emil@example.org>"]
    case("not-revoked", 11, rita, sums, "rita-2023.sig", keys=["rita.key"])
    for name in ("no-reason", "compromised"):
        told = "without a reason" if name == "no-reason" else name
        for year in ("2019", "2023"):
            keys = [f"rita-{name}.key"]
            case(f"revoked-{name}-{year}", 11, f"revoked ({told})", sums, f"rita-{year}.sig", keys=keys)
    for name in ("superseded", "retired"):
        keys = [f"rita-{name}.key"]
        note = f"the key was revoked since: {name} on 2022-01-01"
        case(f"revoked-{name}-2019", 11, rita, sums, "rita-2019.sig", keys=keys, note=note)
        case(f"revoked-{name}-2023", 11, f"revoked ({name} on", sums, "rita-2023.sig", keys=keys)
    case("revoked-unreadable", 11, "cannot read", sums, "rita-2019.sig", keys=["rita-unreadable.key"])
    copies = ["rita.key", "rita-compromised.key"]
    case("revoked-in-another-copy", 11, "compromised", sums, "rita-2019.sig", keys=copies)
    case("revoked-in-the-first-copy", 11, "compromised", sums, "rita-2019.sig", keys=copies[::-1])
    both = made("rita-copies.key", copies[0], lambda s: s + text(copies[1]))
    case("revoked-in-a-copy-in-one-file", 11, "compromised", sums, "rita-2019.sig", keys=[both])

    behind = made("rita-revocation.asc", "rita.asc", lambda s: s + text("rita-compromised.asc"))
    case("revoked-behind-the-key", 11, "compromised", sums, "rita-2019.sig", keys=[behind])
    alone = ["rita.key", "rita-compromised.asc"]
    case("revoked-in-another-file", 11, "is not in this file", sums, "rita-2019.sig", keys=alone)
    mixed = made("ada-revocation.asc", "ada.asc", lambda s: s + text("rita-compromised.asc"))
    alone = ["rita.key", mixed]
    case("revoked-behind-another-key", 11, "is not in this file", sums, "rita-2019.sig", keys=alone)

    expired, extended = ["emil.key"], ["emil-extended.key"]
    note = "the key has expired since, on 2020-01-01"
    case("expired-since", 10, emil, sums, "emil-2019.sig", keys=expired, note=note)
    case("not-expired-then", 10, emil, sums, "emil-2019.sig", keys=expired, now="2019-06-01")
    case("signed-after-expiry", 10, "expired on 2020-01-01", sums, "emil-2021.sig", keys=expired)
    case("extended-signed-before", 10, emil, sums, "emil-2019.sig", keys=extended)
    case("extended-signed-between", 10, emil, sums, "emil-2021.sig", keys=extended)
    case("extended-minimal", 10, emil, sums, "emil-2019.sig", keys=["emil-minimal.key"])


def subkeys() -> None:
    """Add the cases of subkeys."""
    sums, sue, sam = "SHA256SUMS", ["Sue <sue@example.org>"], ["Sam <sam@example.org>"]
    case("subkey", 13, sue, sums, "sue.sig", keys=["sue.key"])
    case("subkey-unbound", 13, "not bound", sums, "sue.sig", keys=["sue-unbound.key"])
    case("subkey-without-back-signature", 13, "not bound", sums, "sue.sig", keys=["sue-no-back.key"])
    case("subkey-of-another-key", 13, "not bound", sums, "sue.sig", keys=["eve-with-subkey.key"])
    keys = ["eve-with-subkey.key", "sue.key"]
    case("subkey-of-another-key-too", 13, sue, sums, "sue.sig", keys=keys)
    case("no-user", 13, "says nothing of itself", sums, "sue.sig", keys=["sue-no-user.key"])
    case("subkey-revoked", 11, "revoked (compromised)", sums, "sue.sig", keys=["sue-2022-revoked.key"])
    note = "the key has expired since, on 2020-01-01"
    case("subkey-expired-since", 10, sam, sums, "sam-2019.sig", keys=["sam.key"], note=note)
    case("subkey-signed-after-expiry", 10, "expired on 2020-01-01", sums, "sam-2021.sig", keys=["sam.key"])
    case("key-may-not-sign", 13, "may not sign", sums, "uma.sig", keys=["uma.key"])


def main() -> None:
    """Write the table."""
    for add in (plain, several, key_files, signed_texts, keys_over_time, subkeys):
        add()
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in CASES)
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n", "utf-8")
    print(len(CASES), "cases")


if __name__ == "__main__":
    main()
