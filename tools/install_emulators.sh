#!/bin/sh
# Makes a Debian, or a system like it, ready for tools/check_wheels.py: qemu and Wine, and Pythons for arm64, for musl and
# for Windows in build/.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends debian-archive-keyring debootstrap qemu-user-static wine wine64 \
    bzip2 gcc make maven musl-tools pkg-config xz-utils
debootstrap --foreign --arch=arm64 --variant=minbase --include=python3 bookworm build/arm64
# What the second stage would do by running arm64 programs in a chroot: there, nothing but files is needed.
for package in build/arm64/var/cache/apt/archives/*.deb; do
    dpkg-deb -x "$package" build/arm64
done
tools/build_musl_python.sh
tools/fetch_windows_python.sh
