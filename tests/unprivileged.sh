#!/bin/sh
# Runs a command as an ordinary user without any privilege, from root: `unprivileged.sh PYTHON_PREFIX COMMAND...`.
# Where the interpreter lies in a folder of root's alone, a mount namespace shows just that folder to the user.
set -eu
prefix=$1
shift
if [ -z "${KML_TEST_UNSHARED:-}" ]; then
    KML_TEST_UNSHARED=1 exec unshare --mount --propagation private "$0" "$prefix" "$@"
fi
case $prefix in
/root/*)
    mount --bind "$prefix" /mnt
    mount -t tmpfs -o mode=755 hidden /root
    mkdir -p "$prefix"
    mount --move /mnt "$prefix"
    ;;
esac
exec env -u KML_TEST_UNSHARED setpriv --reuid 4242 --regid 4242 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
