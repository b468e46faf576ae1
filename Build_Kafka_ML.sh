#!/usr/bin/env bash
# Builds Kafka-ML's images, and installs, rebuilds or removes Kafka-ML in a Kubernetes cluster. Without an action it shows a
# menu; --help lists the actions. Needs kubectl and one of docker, podman and buildah; bash 3.2 (macOS) is enough.
# On Windows, Build_Kafka_ML.bat runs this script in Git Bash or WSL.
set -euo pipefail

# The one list of images: component, what runs it (work: whatever the controller launches next), what it is.
images="backend deployment/backend API, controller and migrations
frontend deployment/frontend web UI
tfexecutor deployment/tfexecutor checks TensorFlow models
pthexecutor deployment/pthexecutor checks PyTorch models
kafka_control_logger deployment/kafka-control-logger registers announced streams
model_training_tensorflow work trains TensorFlow models
model_training_pytorch work trains PyTorch models
model_inference_tensorflow work serves TensorFlow models
model_inference_pytorch work serves PyTorch models"
default_tag=0.1.0
components=$(printf '%s\n' "$images" | cut -d' ' -f1 | tr '\n' ' ')
runner_of() {
  local component runner
  while read -r component runner _; do
    [ "$component" != "$1" ] || printf '%s' "$runner"
  done <<LIST
$images
LIST
}

usage() {
  cat <<'HELP'
Usage: ./Build_Kafka_ML.sh [ACTION] [OPTIONS]

Actions (without one: a menu)
  --install                 build all images and install Kafka-ML; another run updates what changed and keeps all data
  --rebuild COMPONENT       build one image and restart what runs it; repeat, or separate by commas, for more; or `all`
  --status                  show what is installed and its state
  --login-link              print a new link that logs in once
  --uninstall               remove Kafka-ML from the cluster, with its data
  --help                    print this text

Where
  --context NAME            context of kubectl's configuration (default: the current one)
  --kubeconfig FILE         configuration of kubectl (default: kubectl's own)
  --namespace NAME          namespace of the platform; models run in NAME-jobs (default: kafka-ml)
  --overlay NAME|FOLDER     k8s/overlays/NAME, or a folder of yours with a kustomization (default: local)
  --with NAME               also k8s/components/NAME; repeat, or separate by commas, for more

Images
  --registry HOST:PORT      tag images HOST:PORT/kafka-ml/COMPONENT:TAG and push them; nodes pull them from there
  --local-build             no registry: images stay in this machine's engine, or are loaded into the nodes
  --load HOW                how they are loaded: kind[:CLUSTER], minikube[:PROFILE], k3d[:CLUSTER], none, or a command of
                            yours in which {image} stands for a name and {archive} for a file with the image
                            (default: decided by the context's name)
  --engine NAME             docker, podman or buildah (default: the first that works)
  --tag TAG                 tag of the images (default: 0.1.0; with --gpu 0.1.0-gpu)
  --gpu                     images with GPU libraries, and overlay gpu
  --no-build                install with images that were built and pushed (or loaded) before

How
  --keep-data               with --uninstall: keep volumes (database, models, topics) and keys
  --yes                     do not ask for confirmation
  --timeout SECONDS         how long the platform may take to become ready (default: 600)
  --dry-run                 print every command and write the manifests to a file; nothing is changed, and the
                            cluster is not asked

Environment
  BUILD_OPTIONS             more options for the engine's build, e.g. "--network host -v /etc/ssl/ca.pem:/run/ca.pem:ro"
  PUSH_OPTIONS              more options for its push, e.g. "--tls-verify=false" (podman, buildah; a registry without TLS)

Examples
  ./Build_Kafka_ML.sh                                             the menu
  ./Build_Kafka_ML.sh --install --local-build                     kind, minikube, k3d, Docker Desktop, Rancher Desktop
  ./Build_Kafka_ML.sh --install --registry 192.168.1.10:5000      a cluster of several machines
  ./Build_Kafka_ML.sh --install --registry registry:5000 --gpu    with GPUs
  ./Build_Kafka_ML.sh --rebuild backend,frontend                  after an edit; images go to where --install put them
  ./Build_Kafka_ML.sh --install --local-build --load 'sudo ctr -n k8s.io images import {archive}'
  ./Build_Kafka_ML.sh --uninstall --keep-data
HELP
}

called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
here=$(pwd -P)
. scripts/kubernetes/speaking.sh
. scripts/kubernetes/images.sh
. scripts/kubernetes/manifests.sh
. scripts/kubernetes/cluster.sh

# --- Options ----------------------------------------------------------------------------------------------------------

action='' rebuild='' namespace=kafka-ml registry='' local_build=no load='' overlay='' with='' gpu='' tag='' engine=''
context='' kubeconfig='' dry_run=no keep_data=no yes=no build=yes timeout_seconds=600

act() {  # ACTION
  [ -z "$action" ] || [ "$action" = "$1" ] || usage_error "$option and another action were given: expected one action"
  action=$1
}

while [ $# -gt 0 ]; do
  option=$1 value=''
  shift
  case $option in
    --*=*) value=${option#*=} option=${option%%=*} ;;
    --rebuild | --context | --kubeconfig | --namespace | --overlay | --with | --registry | --load | --engine | --tag | --timeout)
      [ $# -gt 0 ] || usage_error "$option needs a value"
      value=$1
      shift
      ;;
  esac
  case $option in
    --install) act install ;;
    --rebuild)
      act rebuild
      rebuild="$rebuild ${value//,/ }"
      ;;
    --status) act status ;;
    --login-link) act login_link ;;
    --uninstall) act uninstall ;;
    --help | -h)
      usage
      exit
      ;;
    --context) context=$value ;;
    --kubeconfig) kubeconfig=$value ;;
    --namespace) namespace=$value ;;
    --overlay) overlay=$value ;;
    --with) with="$with ${value//,/ }" ;;
    --registry) registry=${value%/} ;;
    --local-build) local_build=yes ;;
    --load) load=$value ;;
    --engine) engine=$value ;;
    --tag) tag=$value ;;
    --gpu) gpu=yes ;;
    --no-build) build=no ;;
    --keep-data) keep_data=yes ;;
    --yes) yes=yes ;;
    --timeout) timeout_seconds=$value ;;
    --dry-run) dry_run=yes ;;
    *) usage_error "$option is not known" ;;
  esac
done

every_component="${components}and all"
[ "$action" != rebuild ] || [ -n "${rebuild// /}" ] || usage_error "--rebuild needs one of: $every_component"
for component in $rebuild; do
  [ "$component" = all ] || [ -n "$(runner_of "$component")" ] || usage_error "--rebuild $component: expected one of: $every_component"
done
case " $rebuild " in *' all '*) rebuild=$components ;; esac
matches() { [[ $1 =~ $2 ]]; }
# The name of the jobs' namespace has five characters more, and a name has 63 at most.
matches "$namespace" '^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$' ||
  usage_error "--namespace $namespace: expected at most 58 lower-case letters, digits and dashes, no dash first or last"
matches "$registry" '^([A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?)?$' || usage_error "--registry $registry: expected HOST:PORT"
[ -z "$registry" ] || [ $local_build = no ] || usage_error "--registry pushes images and --local-build does not: give one of them"
matches "$tag" '^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$' || usage_error "--tag $tag is not a valid image tag"
matches "$timeout_seconds" '^[0-9]+$' || usage_error "--timeout $timeout_seconds: expected a whole number of seconds"
case $engine in '' | docker | podman | buildah) ;; *) usage_error "--engine $engine: expected docker, podman or buildah" ;; esac

# The script's own paths stay relative to this folder, because kubectl.exe under Git Bash knows no others.
work=build/kubernetes/$namespace
[ $dry_run = no ] || work=build/kubernetes-dry-run/$namespace
kubectl=(kubectl)
case $kubeconfig in '' | /* | [A-Za-z]:*) ;; *) kubeconfig=$called_from/$kubeconfig ;; esac
[ -z "$kubeconfig" ] || kubectl+=(--kubeconfig "$kubeconfig")
[ -z "$context" ] || kubectl+=(--context "$context")

# --- Actions ----------------------------------------------------------------------------------------------------------

install() {
  local began=$SECONDS
  tag=${tag:-$default_tag${gpu:+-gpu}}
  [ -n "$overlay" ] || overlay=$([ "$gpu" = yes ] && printf gpu || printf 'local')
  choose_destination
  render
  if [ $dry_run = yes ]; then
    say "dry run: nothing is changed, and neither the engine nor the cluster is asked"
  else
    check_cluster
  fi
  if [ $build = yes ]; then
    choose_engine
    # shellcheck disable=SC2086
    build_images $components
    # Rendered again, now that the images' digests are known.
    render
  fi
  heading "Platform: overlay $overlay${with:+ with$with}, namespaces $namespace and $namespace-jobs"
  [ $dry_run = no ] || say "manifests: $work/manifests.yaml"
  apply
  await_all
  [ $dry_run = yes ] || heading "Kafka-ML is installed ($((SECONDS - began)) s)"
  addresses
  login_link
}

rebuild_components() {
  local began=$SECONDS component runner work_images=''
  remember_installation
  choose_destination
  choose_engine
  # shellcheck disable=SC2086
  build_images $rebuild
  heading "Platform: namespace $namespace"
  for component in $rebuild; do
    runner=$(runner_of "$component")
    if [ "$runner" = work ]; then
      work_images=yes
      continue
    fi
    give_image "$runner" "$component"
    deadline=$((SECONDS + timeout_seconds))
    await 1 1 "$runner"
  done
  [ -z "$work_images" ] ||
    say "New training runs and inferences use the new images. Running replicas keep theirs until they are replaced or the inference is started again."
  [ $dry_run = yes ] || heading "Rebuilt ($((SECONDS - began)) s)"
}

# The installed platform says where its images come from; other options would mix images of two places.
remember_installation() {
  local template was_registry was_tag
  if [ $dry_run = yes ]; then
    tag=${tag:-$default_tag${gpu:+-gpu}}
    return
  fi
  template=$(namespace_state "$namespace") || no_answer "$template"
  template=$(setting KML_KUBERNETES_IMAGE)
  [ -n "$template" ] || failed "Kafka-ML is not installed in namespace $namespace" "" "--install installs it; --namespace and --context choose another place"
  was_tag=${template##*:} was_registry=${template%%kafka-ml/\{component\}*}
  was_registry=${was_registry%/}
  if { [ -n "$registry" ] && [ "$registry" != "$was_registry" ]; } || { [ -n "$tag" ] && [ "$tag" != "$was_tag" ]; } ||
    { [ $local_build = yes ] && [ -n "$was_registry" ]; }; then
    failed "the installed platform takes its images from $template" "" \
      "leave --registry, --local-build and --tag out; to change where all images come from: --install"
  fi
  registry=$was_registry tag=$was_tag
  [ -n "$registry" ] || local_build=yes
  [ "$(installed_with accelerator)" != gpu ] || gpu=yes
  [ -n "$load" ] || load=$(installed_with load)
}
installed_with() {  # accelerator or load, as the manifests note it
  kube get namespace "$namespace" -o "jsonpath={.metadata.annotations.kafka-ml/$1}" 2>/dev/null || true
}

addresses() {
  local url port service hosts
  if [ $dry_run = yes ]; then url=$(sed -n 's/^  KML_BACKEND_URL: //p' "$work/manifests.yaml"); else url=$(setting KML_BACKEND_URL); fi
  port=$(printf '%s' "$url" | sed -nE 's;^http://(localhost|127[.]0[.]0[.]1):([0-9]+).*;\2;p')
  say "web UI: $url"
  # Behind an https address a forwarded port would only be redirected to that address.
  case $url in https:*) ;; *) say "  from this machine, with: $(quoted "${kubectl[@]}") --namespace $namespace port-forward service/frontend ${port:-8080}:80" ;; esac
  [ $dry_run = no ] || return 0
  service=$(in_platform get service frontend -o 'jsonpath={.spec.type} {.spec.ports[0].nodePort} {.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}' 2>/dev/null || true)
  case $service in
    NodePort*)
      hosts=$(kube get nodes -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}' 2>/dev/null || true)
      say "  at every node's address: http://${hosts:-NODE}:$(printf '%s' "$service" | cut -d' ' -f2)"
      ;;
    LoadBalancer*)
      hosts=$(printf '%s' "$service" | cut -d' ' -f3)
      say "  load balancer: ${hosts:-has no address yet}"
      ;;
  esac
  hosts=$(in_platform get ingresses -o 'jsonpath={range .items[*].spec.rules[*]}{.host} {end}' 2>/dev/null || true)
  [ -z "${hosts// /}" ] || say "  ingress: $hosts"
}

login_link() {
  local answer command
  command=("${kubectl[@]}" --namespace "$namespace" exec deployment/backend --container web -- python -m backend.manage login_link)
  if [ $dry_run = yes ]; then
    say "  + $(quoted "${command[@]}")"
    return
  fi
  answer=$("${command[@]}" 2>&1 </dev/null) || failed "no login link could be made" "$answer" "does the backend run? ./Build_Kafka_ML.sh --status"
  say "log in (once, within 15 minutes; --login-link prints another):"
  say "  $(printf '%s\n' "$answer" | tail -n 1)"
}

status() {
  local state
  state=$(namespace_state "$namespace") || no_answer "$state"
  [ -n "$state" ] || failed "Kafka-ML is not installed in namespace $namespace" "" "--install installs it; --namespace and --context choose another place"
  heading "Platform, namespace $namespace"
  say "images: $(setting KML_KUBERNETES_IMAGE)"
  in_platform get deployments,statefulsets,jobs,pods,persistentvolumeclaims 2>&1 || true
  heading "Models, namespace $namespace-jobs"
  kube --namespace "$namespace-jobs" get jobs,statefulsets,pods 2>&1 || true
  addresses
}

uninstall() {
  local began=$SECONDS state name what="database, models, topics and keys included"
  [ $keep_data = no ] || what="but not volumes and keys"
  if [ $dry_run = no ]; then
    for name in "$namespace" "$namespace-jobs"; do
      state=$(namespace_state "$name") || no_answer "$state"
      case $state in
        '' | *' kafka-ml') ;;
        *) failed "namespace $name does not belong to Kafka-ML: it has no label $part_of" "" "name the one to remove with --namespace" ;;
      esac
    done
  fi
  if [ $dry_run = no ] && ! agreed "Remove namespaces $namespace and $namespace-jobs with all that is in them, $what?"; then
    say "nothing was removed"
    exit 1
  fi
  deadline=$((SECONDS + timeout_seconds))
  stop_controller
  remove_namespace "$namespace-jobs"
  if [ $keep_data = yes ]; then remove_all_but_data; else remove_namespace "$namespace"; fi
  [ $dry_run = no ] || return 0
  check_gone
  heading "Kafka-ML is removed ($((SECONDS - began)) s)"
}

# --- The menu ---------------------------------------------------------------------------------------------------------

menu() {
  local choice number component what
  while :; do
    heading "Kafka-ML on Kubernetes: context $(current_context), namespace $namespace"
    say "  0) Fresh install: build all images and install (run again, it keeps all data)"
    number=0
    while read -r component _ what; do
      number=$((number + 1))
      say "  $number) Rebuild $component: $what"
    done <<LIST
$images
LIST
    say "  s) Status    l) Login link    u) Uninstall    q) Quit"
    printf '> '
    read -r choice || break
    case $choice in
      0)
        ask_for_registry
        perform install
        ;;
      s) perform status ;;
      l) perform login_link ;;
      u) perform uninstall ;;
      q) return ;;
      '') ;;
      *)
        case $choice in
          0* | *[!0-9]*) rebuild= ;;
          *) rebuild=$(printf '%s' "$components" | cut -d' ' -f"$choice") ;;
        esac
        if [ -n "$rebuild" ]; then
          perform rebuild_components
        else
          say "there is no $choice: 0 to $number, s, l, u or q"
        fi
        ;;
    esac
  done
  printf '\n'
}

ask_for_registry() {
  [ -z "$registry$load" ] && [ $local_build = no ] || return 0
  printf 'Registry (HOST:PORT) that this machine and all nodes reach; empty: none, images are kept or loaded: '
  read -r registry || true
  [ -n "$registry" ] || local_build=yes
}

# perform ACTION: runs it in a subshell, so that a failure ends the action rather than the menu.
perform() {
  set +e
  (
    set -e
    "$1"
  )
  set -e
}

case $action in
  install) install ;;
  rebuild) rebuild_components ;;
  status) status ;;
  login_link) login_link ;;
  uninstall) uninstall ;;
  *) menu ;;
esac
