#!/bin/sh
# Unpacks Debian's packages of mail servers into a folder, each with those of its libraries that this machine lacks:
# FOLDER/postfix (with postgrey), FOLDER/exim, FOLDER/opensmtpd. Nothing is installed, since these packages exclude each
# other, and a machine has one mail server or none. Needs apt with lists (`apt-get update`), and no root.
#
#   tests/servers/debian_mail_servers.sh FOLDER
set -eu
umask 022
folder=$(realpath "$1")

# What an installation of these packages would add to the machine; what it would replace is there already.
with_missing_libraries() {
    for package; do
        echo "$package"
        apt-get --simulate --no-install-recommends install "$package" | sed -n 's/^Inst \([^ ]*\) (.*/\1/p'
    done | sort -u
}

unpack() {
    name=$1
    shift
    mkdir -p "$folder/packages/$name" "$folder/$name/usr" "$folder/$name/etc"
    with_missing_libraries "$@" >"$folder/packages/$name/list"
    (cd "$folder/packages/$name" && xargs apt-get -qq -o APT::Sandbox::User=root download <list >&2)
    for file in "$folder/packages/$name"/*.deb; do
        dpkg-deb --extract "$file" "$folder/$name"
    done
    # /lib is /usr/lib.
    if [ -d "$folder/$name/lib" ]; then
        cp -a "$folder/$name/lib/." "$folder/$name/usr/lib/"
    fi
}

unpack postfix postfix postgrey
unpack exim exim4-daemon-light
unpack opensmtpd opensmtpd
rm -r "$folder/packages"
