#!/bin/sh
# Runs one of the mail servers that debian_mail_servers.sh unpacked, as its package sets it up, beside whatever mail server
# the machine has. To be started in namespaces of its own, where it sees its programs below /usr, and has /etc, /var and /run
# of its own; the machine's stay as they are:
#
#   unshare --mount --pid --fork --kill-child --mount-proc sh mail_server.sh SERVER UNPACKED OWN PORT NEXT
#
# SERVER     postfix, exim or opensmtpd
# UNPACKED   the folder of debian_mail_servers.sh
# OWN        an empty folder for its files. Before the start it may hold add/FILE: what is added to that file of its
#            configuration (main.cf, master.cf and transport of Postfix; routers and transports of Exim; pragati.toml)
# PORT       where it listens on this machine
# NEXT       the port on this machine to which it relays all mails
#
# GREYLIST   seconds for which postgrey puts an unknown sender off; none where unset
# PRAGATI    the program that bounces are piped to
#
# It ends, with all processes that it started, when standard input ends.
set -eu
umask 022
server=$1 unpacked=$2/$1 own=$3 port=$4 next=$5
name=mail.pragati.example

# Its users are in its own /etc/passwd alone.
user() {
    echo "$1:x:$2:$2::/nonexistent:/usr/sbin/nologin" >>"$own/etc/passwd"
    echo "$1:x:$2:" >>"$own/etc/group"
}

# Prints what a test adds to a file.
added() {
    if [ -f "$own/add/$1" ]; then cat "$own/add/$1"; fi
}

prepare() {
    mkdir -p "$own/etc/pragati" "$own/usr/local/bin" "$own/var/lib" "$own/var/log" "$own/var/mail" "$own/var/spool" "$own/var/tmp"
    chmod 755 "$own" && chmod 1777 "$own/var/tmp"
    ln -s /run "$own/var/run"
    : >"$own/usr/local/bin/pragati"
    for file in alternatives group hosts ld.so.cache ld.so.conf ld.so.conf.d localtime nsswitch.conf passwd perl protocols \
        resolv.conf services; do
        if [ -e "/etc/$file" ]; then cp -dR --preserve=mode "/etc/$file" "$own/etc/"; fi
    done
    cp -dR --preserve=mode "$unpacked/etc/." "$own/etc/"
    echo "$name" >"$own/etc/mailname"
    echo "postmaster: root" >"$own/etc/aliases"
    added pragati.toml >"$own/etc/pragati/pragati.toml"
    user postfix 60901
    user postdrop 60902
    user postgrey 60903
    user Debian-exim 60904
    user opensmtpd 60905
    user opensmtpq 60906
    user pragati 60907
}

enter() {
    # Else the machine would see these mounts where it shares them.
    mount --make-rprivate /
    mount -t overlay overlay -o "lowerdir=$own/usr:$unpacked/usr:/usr" /usr
    if [ -n "${PRAGATI:-}" ]; then mount --bind "$PRAGATI" /usr/local/bin/pragati; fi
    mount --bind "$own/etc" /etc
    mount --bind "$own/var" /var
    mount -t tmpfs tmpfs /run
}

# The answers to the package's questions for a mail server that relays through another one.
postfix() {
    {
        cat /usr/share/postfix/main.cf.debian
        cat <<END
myhostname = $name
mydestination = localhost
relayhost = [127.0.0.1]:$next
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
recipient_delimiter = +
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
alias_maps = hash:/etc/aliases
maillog_file = /var/log/mail.log
END
        added main.cf
        if [ -n "${GREYLIST:-}" ]; then
            echo "smtpd_recipient_restrictions = check_policy_service unix:postgrey/socket"
        fi
    } >/etc/postfix/main.cf
    {
        sed "s/^smtp      inet/127.0.0.1:$port inet/" /usr/share/postfix/master.cf.dist
        added master.cf
    } >/etc/postfix/master.cf
    cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/
    added transport >/etc/postfix/transport
    mkdir -p /var/lib/postfix /var/spool/postfix
    chown postfix: /var/lib/postfix
    if [ -n "${GREYLIST:-}" ]; then greylist; fi
    postmap /etc/postfix/transport
    postalias /etc/aliases
    sh /usr/lib/postfix/configure-instance.sh -
    command postfix start
}

greylist() {
    mkdir -p /var/lib/postgrey /var/spool/postfix/postgrey
    chown postgrey: /var/lib/postgrey /var/spool/postfix/postgrey
    # It listens where Postfix, which is in a chroot, sees it.
    (umask 0 && postgrey --unix=/var/spool/postfix/postgrey/socket --delay="$GREYLIST" >/var/log/postgrey.log 2>&1 &)
}

exim() {
    cat >/etc/exim4/update-exim4.conf.conf <<END
dc_eximconfig_configtype='satellite'
dc_other_hostnames=''
dc_local_interfaces='127.0.0.1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost='127.0.0.1::$next'
CFILEMODE='644'
dc_use_split_config='false'
dc_hide_mailname='false'
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
END
    echo "MAIN_HARDCODE_PRIMARY_HOSTNAME = $name" >/etc/exim4/exim4.conf.localmacros
    added routers >/run/routers
    added transports >/run/transports
    # `self`: the next server is on this machine, which Exim takes for a loop.
    sed -i -e '/^begin routers/r /run/routers' -e '/^begin transports/r /run/transports' \
        -e 's/^  route_list = \* DCsmarthost byname/&\n  self = send/' /etc/exim4/exim4.conf.template
    mkdir -p /var/lib/exim4 /var/log/exim4 /var/spool/exim4
    chown -R Debian-exim: /var/log/exim4 /var/spool/exim4
    update-exim4.conf
    exim4 -bdf -q30m -oX "$port" -oP /run/exim.pid &
}

opensmtpd() {
    sed -i -e "s/^listen on localhost/listen on 127.0.0.1 port $port/" \
        -e "s|^action \"relay\" relay|& host \"smtp://127.0.0.1:$next\"|" /etc/smtpd.conf
    mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
    chmod 711 /var/spool/smtpd
    smtpd -d >/var/log/smtpd.log 2>&1 &
}

prepare
enter
# Not by `exec`: the first process of a PID namespace ends all others of it.
"$server" >"$own/log" 2>&1 </dev/null
cat >/dev/null
