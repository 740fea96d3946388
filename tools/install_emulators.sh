#!/bin/sh
# Prepares a Debian-like system for tools/check_wheels.py: installs qemu and Wine, and puts Pythons for arm64, musl and
# Windows into build/.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends debian-archive-keyring debootstrap qemu-user-static wine wine64 \
    bzip2 gcc make maven musl-tools pkg-config xz-utils
debootstrap --foreign --arch=arm64 --variant=minbase --include=python3 bookworm build/arm64
# Instead of the second stage, which runs arm64 programs in a chroot, only unpack the files.
for package in build/arm64/var/cache/apt/archives/*.deb; do
    dpkg-deb -x "$package" build/arm64
done
tools/build_musl_python.sh
tools/fetch_windows_python.sh
