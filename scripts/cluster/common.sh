# Functions that the programs of this folder share: where files are kept, how messages look, how a missing tool is
# found. Sourced, never run.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-ml

say() { printf '\033[36m==>\033[0m %s\n' "$*" >&2; }
die() { printf '\033[31m%s\033[0m\n' "$*" >&2; exit 1; }

# need PROGRAM=PACKAGE...: makes sure that the programs exist. A missing one is installed where possible; otherwise it
# is named.
need() {
  local pair program packages=() where=(/usr/sbin /sbin /usr/lib/cni)
  for pair in "$@"; do
    program=${pair%%=*}
    command -v "$program" >/dev/null && continue
    for folder in "${where[@]}"; do [ -x "$folder/$program" ] && continue 2; done
    packages+=("${pair#*=}")
  done
  [ ${#packages[@]} = 0 ] && return
  local command="apt-get install -y --no-install-recommends ${packages[*]}"
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "missing programs; install them first: $command (as root, or the like of it on your system)"
  say "Installing ${packages[*]}"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive $command; } >/dev/null || die "could not install what is missing: $command"
}
need_root() { [ "$(id -u)" = 0 ] || die "$(basename "$0") needs root: $1"; }

# lend FOLDER: sets `lent_options`, the options by which a build with buildah reaches package registries as this machine
# does. Files for the build are put into FOLDER. They are mounted during the build only, and nothing of them stays in
# the image.
lend() {
  local folder=$1 bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  # Builds use runc, because crun refuses a kernel that has both kinds of control groups mounted.
  lent_options=(--runtime "$(command -v runc || echo /usr/sbin/runc)" --layers --network host)
  printf '[global]\n' >"$folder/pip.conf"
  printf 'fund=false\naudit=false\n' >"$folder/npmrc"
  if [ -r "$bundle" ]; then
    # Only one file is mounted, because a read-only folder /etc/ssl/certs breaks packages that write there.
    lent_options+=(-v "$(readlink -f "$bundle"):/run/host-ca.crt:ro")
    printf 'cert = /run/host-ca.crt\n' >>"$folder/pip.conf"
    printf 'cafile=/run/host-ca.crt\n' >>"$folder/npmrc"
  fi
  if [ -d "${PIP_FIND_LINKS:-}" ]; then
    lent_options+=(-v "$(readlink -f "$PIP_FIND_LINKS"):/run/host-wheels:ro")
    printf 'find-links = /run/host-wheels\n' >>"$folder/pip.conf"
  fi
  chmod -R a+rX "$folder"
  lent_options+=(-v "$folder/pip.conf:/etc/pip.conf:ro" -v "$folder/npmrc:/root/.npmrc:ro")
}
