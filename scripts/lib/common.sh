# What the scripts share: where the checkout is, and how a missing package gets onto a Debian machine.
# Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
# A login shell has it on the path, a build agent often has not.
PATH=$PATH:$HOME/.cargo/bin

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "cannot run as root: $*"
  fi
}

has_package() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# Installs those of the named Debian packages that are missing. Elsewhere it trusts the machine to have them.
need_packages() {
  command -v dpkg-query >/dev/null || return 0
  local missing=() name
  for name in "$@"; do
    has_package "$name" || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends)
  as_root "${install[@]}" "${missing[@]}" >&2 && return 0
  # The package lists of a fresh machine are empty or old.
  as_root apt-get update --quiet >&2 && as_root "${install[@]}" "${missing[@]}" >&2
}

need_build() {
  need_packages build-essential pkg-config libssl-dev || die "the build needs a C compiler, pkg-config and OpenSSL's headers"
  command -v cargo >/dev/null || die "the build needs Rust 1.95 or newer: https://rustup.rs"
}
