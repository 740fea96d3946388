#!/bin/sh
# Makes a Debian, or a system like it, ready for tools/prove.py: qemu, Wine, an arm64 Python in build/arm64, and one
# with musl in build/musl.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends debian-archive-keyring debootstrap qemu-user-static wine wine64 \
    gcc make musl-tools pkg-config xz-utils bzip2
debootstrap --foreign --arch=arm64 --variant=minbase --include=python3 bookworm build/arm64
# What the second stage would do by running arm64 programs in a chroot: there, nothing but files is needed.
for package in build/arm64/var/cache/apt/archives/*.deb; do
    dpkg-deb -x "$package" build/arm64
done
tools/musl_python.sh
