#!/usr/bin/env bash
# Stands for every program that Build_Kafka_ML.sh calls, under its name: notes the call, and behaves as the program would
# with a cluster that is a folder. What is set as FAKE_... by a test goes wrong. `kubectl kustomize` is the real one.
set -u
program=${0##*/}
line=$program
for word; do line="$line ${word//$'\n'/ }"; done
printf '%s\n' "$line" >>"$FAKE_STATE/calls"
applied=$FAKE_STATE/applied.yaml

digest_of() {  # TEXT: a digest of it, made without starting a program
  local hex='' index letter
  for ((index = 0; index < ${#1}; index++)); do
    printf -v letter '%02x' "'${1:index:1}"
    hex=$letter$hex
  done
  printf 'sha256:%.64s' "$hex$(printf '%064d' 0)"
}

refuse() {
  printf '%s\n' "$*" >&2
  exit 1
}

engine() {
  case " ${FAKE_ENGINES-docker} " in *" $program "*) ;; *) refuse "Cannot connect to $program" ;; esac
  local component='' file=''
  case $1 in
    build)
      while [ $# -gt 0 ]; do
        case $1 in --target) component=$2 ;; --iidfile) file=$2 ;; esac
        shift
      done
      [ "${FAKE_BROKEN_BUILD:-}" != "$component" ] || refuse "step 7: no matching distribution for numpy"
      digest_of "$component ${FAKE_SOURCE:-}" >"$file"
      ;;
    push)
      [ -z "${FAKE_BROKEN_REGISTRY:-}" ] || refuse "connection refused"
      if [ "$2" = --digestfile ]; then digest_of "$* ${FAKE_SOURCE:-}" >"$3" && return; fi
      echo "0.1.0: digest: $(digest_of "$* ${FAKE_SOURCE:-}") size: 1234"
      ;;
  esac
}

kubectl() {
  while [ $# -gt 0 ]; do
    case $1 in --context | --kubeconfig | --namespace) shift 2 ;; *) break ;; esac
  done
  case $1 in
    kustomize)
      # Rendering is what takes the time here: what was asked before is answered as before.
      local rendered
      rendered=$FAKE_RENDERED/$(sha256sum <"$2/kustomization.yaml" | cut -d' ' -f1)
      [ -f "$rendered" ] || { "$REAL_KUBECTL" "$@" >"$rendered.$$" && mv "$rendered.$$" "$rendered"; } || return
      cat "$rendered"
      return
      ;;
  esac
  case $* in "config current-context") echo "${FAKE_CONTEXT-kind-test}" && return ;; esac
  [ -z "${FAKE_UNREACHABLE:-}" ] || refuse "The connection to the server 10.0.0.1:6443 was refused"
  case $* in
    version*) echo '{"clientVersion":{"major":"1","minor":"20"},"serverVersion":{"major":"1","minor":"'"${FAKE_MINOR:-36}"'+"}}' ;;
    "get storageclasses"*) echo "${FAKE_DEFAULT_CLASS-true}" ;;
    "auth can-i"*)
      if [ -n "${FAKE_FORBIDDEN:-}" ]; then
        case "$* " in *"* *"* | *" $FAKE_FORBIDDEN "*) echo no && return 1 ;; esac
      fi
      echo yes
      ;;
    "get namespace "*annotations*) sed -n "s|^    kafka-ml/$(printf '%s' "$*" | sed 's/.*kafka-ml.\([a-z]*\)}.*/\1/'): *||p" "$applied" | tr -d "\"'" ;;
    "get namespace "*conditions*) echo "content remains: pods 1" ;;
    "get namespace "*) [ ! -f "$FAKE_STATE/namespaces/$3" ] || cat "$FAKE_STATE/namespaces/$3" ;;
    "delete namespace "*) [ -n "${FAKE_STUCK:-}" ] || rm -f "$FAKE_STATE/namespaces/$3" ;;
    apply*)
      [ -z "${FAKE_REFUSED:-}" ] || refuse "error validating data: $FAKE_REFUSED"
      mkdir -p "$FAKE_STATE/namespaces"
      cp "${*: -1}" "$applied"
      awk '/^kind: /{kind=$2} /^  name: /&&kind=="Namespace"{print $2}' "$applied" | while read -r each; do
        printf 'Active kafka-ml' >"$FAKE_STATE/namespaces/$each"
      done
      ;;
    "get job "*) [ -z "${FAKE_OLD_JOB:-}" ] || echo job/make-secrets ;;
    diff*) return "${FAKE_OLD_JOB:-0}" ;;
    "get deployment backend"*configMapRef*) [ ! -f "$applied" ] || awk '/^kind: /{kind=$2} /^  name: platform-/&&kind=="ConfigMap"{print $2}' "$applied" ;;
    "get deployment backend"*) [ ! -f "$applied" ] || echo deployment/backend ;;
    "get deployment/"*initContainers*) [ "$2" != deployment/backend ] || echo set-up ;;
    "get deployment/"*) if [ "$2" = deployment/backend ]; then printf 'web\ncontroller\n'; else echo only; fi ;;
    "get configmap "*) sed -n "s|^  $(printf '%s' "$*" | sed 's/.*{.data.\(.*\)}/\1/'): ||p" "$applied" ;;
    "get service frontend"*) echo "${FAKE_SERVICE:-ClusterIP  }" ;;
    "get nodes"*) echo 192.168.1.10 ;;
    "get persistentvolumes"*) [ -z "${FAKE_VOLUME:-}" ] || echo "$FAKE_VOLUME" ;;
    "get pods"*) echo "${FAKE_PODS:-}" ;;
    "get events"*) echo "${FAKE_EVENTS:-}" ;;
    "rollout status"*)
      case "$* " in *"${FAKE_NOT_READY:-nothing} "*) refuse "timed out waiting for the condition" ;; esac
      ;;
    exec*) echo "http://localhost:8080/login/once" ;;
    logs*) echo "KeyError: KML_SECRET" ;;
  esac
}

case $program in
  kubectl) kubectl "$@" ;;
  docker | podman | buildah) engine "$@" ;;
esac
