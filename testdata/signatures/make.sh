#!/bin/sh
# Makes the signatures in this directory with ssh-keygen, minisign and signify-openbsd, and the
# keys in keys/ if they do not exist. The private keys are for tests only.
set -eu
cd "$(dirname "$0")"
export HOME=/nonexistent

ssh_keys="ed25519 ecdsa256 ecdsa384 ecdsa521 rsa2048 rsa3072 other"

make_ssh_key() {  # NAME TYPE BITS
    [ -e "keys/$1" ] || ssh-keygen -q -t "$2" -b "$3" -N '' -C "$1@example.org" -f "keys/$1"
}

sign_ssh() {  # KEY NAMESPACE OUTPUT [OPTION...]
    key=$1 namespace=$2 output=$3
    shift 3
    ssh-keygen -q -Y sign -f "keys/$key" -n "$namespace" "$@" < SHA256SUMS > "$output"
}

mkdir -p keys
[ -e keys/minisign.key ] || minisign -G -W -f -p keys/minisign.pub -s keys/minisign.key > /dev/null
[ -e keys/minisign2.key ] || minisign -G -W -f -p keys/minisign2.pub -s keys/minisign2.key > /dev/null
[ -e keys/signify.sec ] || signify-openbsd -G -n -c 'Ada' -p keys/signify.pub -s keys/signify.sec
make_ssh_key ed25519 ed25519 256
make_ssh_key other ed25519 256
make_ssh_key ecdsa256 ecdsa 256
make_ssh_key ecdsa384 ecdsa 384
make_ssh_key ecdsa521 ecdsa 521
make_ssh_key rsa2048 rsa 2048
make_ssh_key rsa3072 rsa 3072
make_ssh_key rsa1024 rsa 1024
chmod 600 keys/*

minisign -S -s keys/minisign.key -m SHA256SUMS -x hashed.minisig -t 'timestamp:1790000000	file:SHA256SUMS	hashed'
minisign -S -l -s keys/minisign.key -m SHA256SUMS -x legacy.minisig -t 'signed by Ada'
minisign -S -s keys/minisign2.key -m SHA256SUMS -x second.minisig -t 'release 2'
signify-openbsd -S -s keys/signify.sec -m SHA256SUMS -x signify.sig
signify-openbsd -S -e -s keys/signify.sec -m SHA256SUMS -x SHA256.sig

for key in $ssh_keys; do
    sign_ssh "$key" file "$key.sshsig"
done
sign_ssh ed25519 file ed25519-sha256.sshsig -O hashalg=sha256
sign_ssh rsa3072 file rsa3072-sha256.sshsig -O hashalg=sha256
sign_ssh rsa1024 file rsa1024.sshsig
sign_ssh ed25519 release release.sshsig
(cd ../../go && go run ../testdata/signatures/make_sk.go ../testdata/signatures)
