#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# debian-chroot.sh RELEASE [COMMAND] - proves this tree on a fresh Debian.
#
# Makes a minimal system of that release (bookworm, trixie) with debootstrap, copies the
# tree into it, and runs COMMAND there in the tree's folder; default: ./dev test --quick.
# Needs root, debootstrap, a network and about 2 GB under TMPDIR. Ends with the status of
# COMMAND; the system is removed again, unless KEEP=1 is set: then its folder is printed.
# Jars of Kafka that lie in WEIR_CACHE_DIR (default: .cache in the tree) are copied along.

set -eu

release=${1:?usage: debian-chroot.sh RELEASE [COMMAND]}
command=${2:-./dev test --quick}
# The archive that this machine installs from, unless MIRROR names another.
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null |
    grep -E '/debian/?$' | head -n 1)}
source=$(cd "$(dirname "$0")/../.." && pwd)

[ -n "$mirror" ] || {
    echo "debian-chroot.sh: set MIRROR to an archive of Debian" >&2
    exit 1
}
[ "$(id -u)" -eq 0 ] || {
    echo "debian-chroot.sh: needs root" >&2
    exit 1
}
command -v debootstrap >/dev/null || {
    echo "debian-chroot.sh: debootstrap is missing: apt-get install debootstrap" >&2
    exit 1
}

root=$(mktemp -d)
# A TMPDIR of this machine is no folder in there.
unset TMPDIR

finish() {
    for mount in dev/shm dev proc; do
        ! mountpoint -q "$root/$mount" || umount "$root/$mount"
    done
    if [ "${KEEP:-0}" = 1 ]; then
        echo "kept: $root"
    elif mountpoint -q "$root/dev" || mountpoint -q "$root/proc"; then
        echo "debian-chroot.sh: $root is still mounted, not removed" >&2
    else
        rm -rf "$root"
    fi
}
trap finish EXIT
trap 'exit 130' INT TERM

echo "==> a minimal $release in $root"
debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$mirror"
# Names and certificates as the machine around it has them.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
if [ -d /usr/local/share/ca-certificates ]; then
    cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
    chroot "$root" update-ca-certificates >/dev/null
fi
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"

mkdir "$root/weir"
tar -C "$source" --exclude=./.git --exclude=./.cache --exclude=./build --exclude='./build-*' -c . |
    tar -C "$root/weir" -x
jars=${WEIR_CACHE_DIR:-$source/.cache}/kafka
if [ -d "$jars" ]; then
    mkdir "$root/weir/.cache"
    cp -r "$jars" "$root/weir/.cache/"
fi
echo "==> $command"
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    TERM="${TERM:-dumb}" LANG=C.UTF-8 sh -c "cd /weir && $command"
