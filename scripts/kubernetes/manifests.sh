# Makes manifests: an overlay of k8s/ with the requested names of namespaces and images. Sourced by Build_Kafka_ML.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # Build_Kafka_ML.sh sets the variables of its options

# kustomize takes relative paths only; $work lies three folders below this one.
overlay_path() {
  local folder
  if [ -f "k8s/overlays/$overlay/kustomization.yaml" ]; then
    printf '%s' "../../../k8s/overlays/$overlay"
    return
  fi
  folder=$(cd "$called_from" && cd "$overlay" 2>/dev/null && pwd -P) ||
    usage_error "--overlay $overlay is neither a folder nor one of: $(cd k8s/overlays && echo *)"
  case $folder in
    "$here"/*) printf '%s' "../../../${folder#"$here"/}" ;;
    *) printf '%s' "$(printf '%s' "$here/$work" | sed 's|/[^/]*|../|g')${folder#/}" ;;
  esac
}

# patch KIND NAME [OPTION]: prints an entry of a kustomization's patches. The patch is read from standard input.
patch() {
  printf -- '- target: {kind: %s, name: %s}\n' "$1" "$2"
  [ $# = 2 ] || printf '  options: {%s: true}\n' "$3"
  printf '  patch: |-\n'
  sed 's/^/    /'
}

# Annotates pods with the identity of their image, so that only those whose image changed under its tag are restarted.
image_annotations() {
  local component runner identity
  for component in $components; do
    runner=$(runner_of "$component") identity=$(identity_of "$component")
    if [ -z "$identity" ] || [ "$runner" = work ]; then continue; fi
    patch Deployment "${runner#*/}" <<PATCH
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${runner#*/}}
spec: {template: {metadata: {annotations: {kafka-ml/image: "$identity"}}}}
PATCH
  done
}

rename_namespaces() {
  local old new
  for old in kafka-ml kafka-ml-jobs; do
    new=$namespace${old#kafka-ml}
    printf '[{"op": "replace", "path": "/metadata/name", "value": "%s"}]\n' "$new" | patch Namespace "$old" allowNameChange
    printf -- '- target: {namespace: %s}\n  patch: |-\n    [{"op": "replace", "path": "/metadata/namespace", "value": "%s"}]\n' "$old" "$new"
  done
  # Every account that gets rights is in the platform's namespace.
  printf '[{"op": "replace", "path": "/subjects/0/namespace", "value": "%s"}]\n' "$namespace" | patch RoleBinding '.*'
}

# Writes $work/kustomization.yaml, which `kubectl apply -k` would take as well.
write_kustomization() {
  local path component identity pull_policy=IfNotPresent name
  path=$(overlay_path)
  # Nodes always pull from a registry. A tag may move there, and a node may have kept an older image of that tag.
  [ -z "$registry" ] || pull_policy=Always
  {
    say 'apiVersion: kustomize.config.k8s.io/v1beta1'
    say 'kind: Kustomization'
    say "resources: [$path]"
    [ -z "$with" ] || say 'components:'
    for name in $with; do say "- ../../../k8s/components/$name"; done
    say 'images:'
    for component in $components; do
      identity=$(identity_of "$component")
      say "- name: kafka-ml/$component"
      say "  newName: $(cluster_image "$component")"
      if [ -n "$registry" ] && [ -n "$identity" ]; then say "  digest: $identity"; else say "  newTag: \"$tag\""; fi
    done
    say 'patches:'
    patch ConfigMap platform <<PATCH
apiVersion: v1
kind: ConfigMap
metadata: {name: platform}
data:
  KML_KUBERNETES_IMAGE: "$(cluster_image '{component}'):$tag"
  KML_KUBERNETES_IMAGE_PULL_POLICY: $pull_policy
PATCH
    # Annotations keep the options that --rebuild needs later.
    patch Namespace kafka-ml <<PATCH
apiVersion: v1
kind: Namespace
metadata:
  name: kafka-ml
  annotations:
    kafka-ml/accelerator: "${gpu:+gpu}"
    kafka-ml/load: '$(printf '%s' "$load" | sed "s/'/''/g")'
PATCH
    [ -n "$registry" ] || image_annotations
    [ "$namespace" = kafka-ml ] || rename_namespaces
  } >"$work/kustomization.yaml"
}

# Writes $work/manifests.yaml: every object, as the cluster will get it.
render() {
  local left name
  for name in $with; do
    [ -f "k8s/components/$name/kustomization.yaml" ] || usage_error "--with $name is not one of: $(cd k8s/components && echo *)"
  done
  command -v kubectl >/dev/null 2>&1 || failed "kubectl is missing" "" "install it: https://kubernetes.io/docs/tasks/tools/"
  mkdir -p "$work/logs" "$work/images"
  write_kustomization
  kubectl kustomize "$work" >"$work/manifests.yaml" 2>"$work/logs/kustomize.log" ||
    failed "rendering overlay $overlay" "$(tail -n 10 "$work/logs/kustomize.log")" \
      "fix the overlay; or update kubectl, 1.28 or newer is needed"
  [ "$namespace" != kafka-ml ] || return 0
  left=$(grep -nE 'namespace: kafka-ml(-jobs)?$|\.kafka-ml(-jobs)?([.:/,"]|$)' "$work/manifests.yaml" || true)
  [ -z "$left" ] || failed "overlay $overlay names the namespace kafka-ml in its own texts" "$left" \
    "write host names in it without a namespace, or with \$(POD_NAMESPACE)"
}

# rendered_objects: prints a line "apiVersion kind namespace name" for each object, with - for no namespace.
rendered_objects() {
  # kubectl writes keys in alphabetical order and indents by two, whatever the overlay's files look like.
  awk '
    function flush() {
      if (kind) print version, kind, (namespace ? namespace : "-"), name
      kind = namespace = name = ""; inside = 0
    }
    /^---/ { flush(); next }
    /^apiVersion: / { version = $2 }
    /^kind: / { kind = $2 }
    /^[a-z]/ { inside = ($1 == "metadata:") }
    inside && /^  name: / { name = $2 }
    inside && /^  namespace: / { namespace = $2 }
    END { flush() }' "$work/manifests.yaml"
}

# objects_named KIND: prints the names of the rendered objects of KIND.
objects_named() { rendered_objects | awk -v kind="$1" '$2 == kind { print $4 }'; }

# rendered_object KIND NAME: prints the object's YAML.
rendered_object() {
  awk -v kind="kind: $1" -v name="  name: $2" '
    function flush() { if (is_kind && is_name) printf "%s", text; text = ""; is_kind = is_name = inside = 0 }
    /^---/ { flush(); next }
    { text = text $0 "\n" }
    $0 == kind { is_kind = 1 }
    /^[a-z]/ { inside = ($1 == "metadata:") }
    inside && $0 == name { is_name = 1 }
    END { flush() }' "$work/manifests.yaml"
}
