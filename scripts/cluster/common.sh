# What the programs of this folder share: where things are kept, how they speak, how a missing tool is found. Sourced, never run.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-ml

say() { printf '\033[36m==>\033[0m %s\n' "$*" >&2; }
die() { printf '\033[31m%s\033[0m\n' "$*" >&2; exit 1; }

# need PROGRAM=PACKAGE...: programs that must be there. What is missing is installed where that is possible, otherwise named.
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

# lend FOLDER: sets `lent_options`, with which a build by buildah reaches package registries as this machine does; files for
# it are put into FOLDER. What is lent is mounted for the build alone, and nothing of it stays in the image.
lend() {
  local folder=$1 bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  # runc: crun refuses a kernel that has both kinds of control groups mounted.
  lent_options=(--runtime "$(command -v runc || echo /usr/sbin/runc)" --layers --network host)
  printf '[global]\n' >"$folder/pip.conf"
  printf 'fund=false\naudit=false\n' >"$folder/npmrc"
  if [ -r "$bundle" ]; then
    # One file, not the folder: a read-only /etc/ssl/certs breaks packages that write there.
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
