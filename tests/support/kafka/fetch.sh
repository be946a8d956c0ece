#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# fetch.sh VERSION DIR - brings the jars of that Kafka into DIR/libs by Maven.
#
# Does nothing, and needs no network, when they are there already.

set -eu

version=$1
dir=$2
here=$(cd "$(dirname "$0")" && pwd)
pom=$here/pom-$version.xml

[ -f "$pom" ] || {
    echo "fetch.sh: no list of jars for Kafka $version ($pom)" >&2
    exit 64
}
[ ! -f "$dir/complete" ] || exit 0
command -v mvn >/dev/null || {
    echo "fetch.sh: mvn is missing; ./dev setup installs it" >&2
    exit 69
}

work=$dir.new.$$
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work"
cp "$pom" "$work/pom.xml"
if ! (cd "$work" && mvn -q -B -Dmaven.repo.local="$work/m2" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory=libs >maven.log 2>&1); then
    tail -n 5 "$work/maven.log" >&2
    echo "fetch.sh: Maven could not bring the jars of Kafka $version; is there a network?" >&2
    exit 69
fi
rm -rf "$work/m2"
touch "$work/complete"
rm -rf "$dir"
mv "$work" "$dir"
