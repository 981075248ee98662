#!/bin/sh
# Make the virtual environment $1 and install hierdsl into it, with all extras at the versions of
# constraints.txt. Installs Debian's python3-venv and graphviz where they are missing and that needs no
# question (root and apt-get); says in one line what to do where it does.
set -eu
venv=$1
cd "$(dirname "$0")/.."

apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "installing $* with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        return 1
    }
    rm -f "$log"
}

python=
for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "hierdsl needs Python 3.11 or newer: set PYTHON=/path/to/python3" >&2; exit 1; }

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    apt_install python3-venv || apt_install "python$version-venv" ||
        { echo "$python cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; }
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing hierdsl and what it needs into $venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'

command -v dot >/dev/null || apt_install graphviz ||
    echo "pictures of trees need graphviz's program 'dot': sudo apt install graphviz"
touch "$venv/.hierdsl"
