#!/usr/bin/env bash
# Builds the Debian package with the program, its manual pages, completions and systemd units: target/debian/pragati_*.deb.
#
#   deploy/deb.sh              builds it (cargo-deb is needed: cargo install cargo-deb --locked)
#   deploy/deb.sh --try        and installs it on this machine, as root, tries it, and removes it again
#
# `FEATURES=cluster,delta deploy/deb.sh` builds with these features.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deb --version >/dev/null 2>&1; then
    echo "error: cargo-deb is missing; install it by: cargo install cargo-deb --locked" >&2
    exit 1
fi
export CARGO_TARGET_DIR="$PWD/target"
cargo build --release --locked --features "${FEATURES:-}"

made=target/package
rm -rf "$made"
mkdir -p "$made/completions"
target/release/pragati man --out "$made/man1"
# Debian's pages are compressed, and the same each time.
gzip -9 --no-name "$made"/man1/*
for shell in bash zsh fish; do
    target/release/pragati completions "$shell" >"$made/completions/$shell"
done
package="$(cargo deb --no-build --no-strip | tail -n 1)"
echo "$package: $(du -h "$package" | cut -f1)"

if [ "${1:-}" != --try ]; then
    exit 0
fi
if dpkg-query --show --showformat '${Status}' pragati 2>/dev/null | grep -q ' installed$'; then
    echo "error: pragati is installed already; remove it first, or try the package on another machine" >&2
    exit 1
fi
apt-get install --yes --no-install-recommends "$(realpath "$package")"
trap 'apt-get remove --yes pragati' EXIT
work="$(mktemp -d)"
(
    cd "$work"
    pragati --version
    pragati sample --quiet --users 100 --enrolments 500 --batches 5 --days 2 --out exports
    pragati config check --exports exports
    pragati nightly --exports exports --out reports
)
rm -rf "$work"
getent passwd pragati
for unit in pragati-serve.service pragati-nightly.service pragati-nightly.timer; do
    test -f "/usr/lib/systemd/system/$unit"
done
if command -v systemd-analyze >/dev/null; then
    systemd-analyze verify --man=no pragati-serve.service pragati-nightly.service pragati-nightly.timer
fi
test -f /usr/share/man/man1/pragati-nightly.1.gz
test -f /usr/share/bash-completion/completions/pragati
echo "the package works"
