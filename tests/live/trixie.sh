#!/bin/sh
# Unpack the Orthanc of Debian 13 (1.12.7, with the Python plugin) beside this machine's own, so that
# the live tests run against both. Nothing of it is installed or started on the machine: the tests
# run its binary with its own loader and libraries (tests/support/orthanc.py).
#
#   tests/live/trixie.sh [FOLDER [SUITE]]      default: $GATEHOUSE_TRIXIE, else .cache/trixie
#
# The tests also take what is in .cache/sid: `tests/live/trixie.sh .cache/sid sid` unpacks the newest
# Orthanc that Debian has (1.13.0 at the time of writing). Not by default, because it changes.
#
# Takes about a minute and 400 MB the first time, and no time after that. Where it can't be done
# it prints the reason and ends with 3: the tests then run against the machine's Orthanc only.
set -eu
cd "$(dirname "$0")/../.."

folder=${1:-${GATEHOUSE_TRIXIE:-.cache/trixie}}
suite=${2:-trixie}
finished=$folder/.complete

give_up() {
    echo "trixie: no second Orthanc to test against: $*" >&2
    exit 3
}

[ -e "$finished" ] && exit 0
command -v debootstrap >/dev/null || give_up "debootstrap is not installed"
[ "$(id -u)" -eq 0 ] || give_up "debootstrap needs root"

mkdir -p "$(dirname "$folder")"
# Made under another name first: what is there under its own name is complete.
making=$(mktemp -d "$folder.making.XXXXXX")
trap 'rm -rf "$making"' EXIT
trap 'exit 1' HUP INT TERM
log=$(mktemp)
echo "trixie: unpacking the Orthanc of Debian's $suite into $folder" >&2
if ! debootstrap --variant=minbase --include=orthanc,orthanc-python,orthanc-dicomweb \
    "$suite" "$making" >"$log" 2>&1; then
    tail -n 3 "$log" >&2
    rm -f "$log"
    give_up "debootstrap failed"
fi
rm -rf "$log" "$making/var/cache/apt" "$making/var/lib/apt/lists" "$making/usr/share/doc" \
    "$making/usr/share/locale"
chmod 755 "$making"
touch "$making/.complete"
mv "$making" "$folder"
trap - EXIT
