#!/bin/sh
# Installs the system packages that the tests need, where apt-get may; says what is missing otherwise.
# strace: the durability tests watch the order of reads, fdatasync and answers of a running server.
# openssl: its s_client is the other end in the tests of TLS.
set -eu
missing=""
command -v strace >/dev/null 2>&1 || missing="$missing strace"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
python="${PYTHON:-python3.11}"
"$python" -c 'import ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing system packages:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
else
  echo "These system packages are missing and cannot be installed from here:$missing"
  echo "Install them with your package manager (as root: apt-get install$missing), then run make again."
  exit 1
fi
