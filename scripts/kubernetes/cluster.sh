# Checks whether the cluster is ready for Kafka-ML, applies objects, waits for them and removes them. Sourced by
# Build_Kafka_ML.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # Build_Kafka_ML.sh sets the variables of its options

kube() { "${kubectl[@]}" "$@"; }
in_platform() { kube --namespace "$namespace" "$@"; }
part_of=app.kubernetes.io/part-of=kafka-ml

no_answer() {  # WHAT IT SAID
  failed "the cluster does not answer" "$(printf '%s\n' "$1" | grep -v '^[ {}]' | tail -n 3)" \
    "see which clusters kubectl knows: kubectl config get-contexts; --context names one, --kubeconfig a file"
}

# namespace_state NAME: prints the namespace's phase and what it is part of; nothing where it does not exist.
namespace_state() {
  kube get namespace "$1" --ignore-not-found -o 'jsonpath={.status.phase} {.metadata.labels.app\.kubernetes\.io/part-of}' 2>&1
}

# --- Is it ready? -----------------------------------------------------------------------------------------------------

problems=''
problem() {  # WHAT FIX
  problems="$problems$1
  -> $2
"
}

check_version() {
  local answer major minor
  answer=$(kube version -o json 2>&1) || no_answer "$answer"
  # The first version in the output is the client's, which does not count.
  answer=$(printf '%s' "$answer" | tr -d ' \n' | sed -n 's/.*"serverVersion":{//p')
  major=$(printf '%s' "$answer" | sed 's/.*"major":"\([0-9]*\).*/\1/')
  minor=$(printf '%s' "$answer" | sed 's/.*"minor":"\([0-9]*\).*/\1/')
  cluster_version=$major.$minor
  [ "$major" -gt 1 ] || [ "$minor" -ge 28 ] || problem "Kubernetes $cluster_version is too old: replicas are distinguished by a label that exists since 1.28" \
    "upgrade the cluster to 1.28 or newer"
}

check_storage() {
  grep -qE '^kind: PersistentVolumeClaim|^  volumeClaimTemplates:' "$work/manifests.yaml" || return 0
  ! grep -q 'storageClassName: ' "$work/manifests.yaml" || return 0
  kube get storageclasses -o 'jsonpath={range .items[*]}{.metadata.annotations.storageclass\.kubernetes\.io/is-default-class}{"\n"}{end}' 2>/dev/null |
    grep -q true ||
    problem "no storage class is the default: volumes would wait forever" \
      "kubectl get storageclass; then kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true. Where there is none, install a provisioner, e.g. local-path-provisioner"
}

check_rights() {
  local api kind where resource verb
  [ "$(kube auth can-i '*' '*' --all-namespaces 2>/dev/null || true)" != yes ] || return 0
  while read -r api kind where; do
    resource=$(printf '%s' "$kind" | tr '[:upper:]' '[:lower:]')
    case $api in */*) resource=$resource.${api%/*} ;; esac
    for verb in create patch; do
      if [ "$where" = - ]; then
        [ "$(kube auth can-i $verb "$resource" 2>/dev/null || true)" = yes ] || problem "you may not $verb $resource" "$ask_administrator"
      else
        [ "$(kube --namespace "$where" auth can-i $verb "$resource" 2>/dev/null || true)" = yes ] ||
          problem "you may not $verb $resource in $where" "$ask_administrator"
      fi
    done
  done <<OBJECTS
$(rendered_objects | awk '{ print $1, $2, $3 }' | sort -u)
OBJECTS
}
ask_administrator="ask the cluster's administrator for that right, or to run this script"

check_namespaces() {
  local name state
  for name in "$namespace" "$namespace-jobs"; do
    state=$(namespace_state "$name") || no_answer "$state"
    case $state in
      '' | 'Active kafka-ml') ;;
      Terminating*) problem "namespace $name is still being removed" "wait until kubectl get namespace $name finds nothing" ;;
      *) problem "namespace $name exists and does not belong to Kafka-ML" "give another one with --namespace, or give this one to Kafka-ML: kubectl label namespace $name $part_of" ;;
    esac
  done
}

# Everything that would stop an installation half-way is checked before anything is changed.
check_cluster() {
  check_version
  check_storage
  check_rights
  check_namespaces
  [ -z "$problems" ] || failed "the cluster is not ready for Kafka-ML" "${problems%
}" "fix these and run the same again; nothing was changed"
  say "cluster: Kubernetes $cluster_version, context $(current_context); version, storage, rights and namespaces are fine"
}

# --- Applying and waiting ---------------------------------------------------------------------------------------------

# A Job cannot be changed, so an existing one that differs is deleted first. The Secret that it made stays.
remove_changed_jobs() {
  local name
  for name in $(objects_named Job); do
    [ -n "$(in_platform get job "$name" --ignore-not-found -o name 2>/dev/null)" ] || continue
    rendered_object Job "$name" >"$work/job.yaml"
    kube diff --server-side --force-conflicts --field-manager=kafka-ml -f "$work/job.yaml" >/dev/null 2>&1 ||
      change "remove-$name" "removing the earlier Job $name" "run the same again" \
        "${kubectl[@]}" --namespace "$namespace" delete job "$name" --ignore-not-found --timeout=60s
  done
}

apply() {
  local began=$SECONDS
  begin "applying $(rendered_objects | wc -l | tr -d ' ') objects"
  [ "$dry_run" = yes ] || remove_changed_jobs
  change apply "applying the manifests" "fix what the lines above say and run the same again: what is in the cluster stays as it is" \
    "${kubectl[@]}" apply --server-side --force-conflicts --field-manager=kafka-ml -f "$work/manifests.yaml"
  finish "$((SECONDS - began)) s"
}

# Prints a line per pod: its name, and for each container the reason why it waits.
waiting_containers='{range .items[*]}{.metadata.name}{range .status.initContainerStatuses[*]} {.name}={.state.waiting.reason}{end}{range .status.containerStatuses[*]} {.name}={.state.waiting.reason}{end}{"\n"}{end}'

# Pods for which waiting does not help, because their image or configuration is missing.
stuck_pods() {
  in_platform get pods -o "jsonpath=$waiting_containers" 2>/dev/null |
    grep -E '=(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CreateContainerConfigError)' || true
}

is_ready() {  # OBJECT SECONDS
  case $1 in
    # A Job that does not exist counts as ready, because a finished one is soon deleted automatically.
    job/*)
      in_platform wait --for=condition=complete --timeout="$2s" "$1" >/dev/null 2>&1 ||
        { [ -z "$(in_platform get "$1" --ignore-not-found -o name 2>&1)" ]; }
      ;;
    *) in_platform rollout status --timeout="$2s" "$1" >/dev/null 2>&1 ;;
  esac
}

# await NUMBER OF OBJECT: waits until OBJECT is ready, at most until `deadline`. Gives up when pods are stuck for two rounds.
await() {
  local object=$3 began=$SECONDS left round stuck earlier=''
  begin "[$1/$2] $object"
  if [ "$dry_run" = yes ]; then
    case $object in
      job/*) change wait "" "" "${kubectl[@]}" --namespace "$namespace" wait --for=condition=complete --timeout="${timeout_seconds}s" "$object" ;;
      *) change wait "" "" "${kubectl[@]}" --namespace "$namespace" rollout status --timeout="${timeout_seconds}s" "$object" ;;
    esac
    return
  fi
  while :; do
    round=$SECONDS left=$((deadline - SECONDS))
    [ $left -le 15 ] || left=15
    [ $left -ge 1 ] || left=1
    if is_ready "$object" $left; then
      finish "$((SECONDS - began)) s"
      return
    fi
    stuck=$(stuck_pods)
    [ -z "$stuck" ] || [ "$stuck" != "$earlier" ] || break
    [ $SECONDS -lt "$deadline" ] || break
    earlier=$stuck
    # A pause keeps a request that fails at once, as without a connection, from being repeated at once.
    [ $((SECONDS - round)) -gt 1 ] || sleep 1
  done
  say "not ready after $((SECONDS - began)) s"
  explain_pods
  failed "$object does not become ready" "" "fix the cause above and run the same again; what was made is kept" \
    "more to read: kubectl -n $namespace describe pods; more time: --timeout $((timeout_seconds * 2))"
}

await_all() {
  local object number=0
  deadline=$((SECONDS + timeout_seconds))
  # shellcheck disable=SC2046
  set -- $(objects_named Job | sed 's|^|job/|') $(objects_named StatefulSet | sed 's|^|statefulset/|') $(objects_named Deployment | sed 's|^|deployment/|')
  for object; do
    number=$((number + 1))
    await $number $# "$object"
  done
}

# Prints why pods do not run and what usually helps, for users who do not know Kubernetes.
explain_pods() {
  local pods events pod container
  pods=$(in_platform get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{range .status.conditions[?(@.status=="False")]}{"\n    "}{.type} {.reason} {.message}{end}{range .status.initContainerStatuses[*]}{"\n    "}{.name} {.state.waiting.reason} {.state.waiting.message} {.lastState.terminated.reason}{end}{range .status.containerStatuses[*]}{"\n    "}{.name} {.state.waiting.reason} {.state.waiting.message} {.lastState.terminated.reason}{end}{"\n"}{end}' 2>&1) || true
  events=$(in_platform get events --field-selector type=Warning --sort-by=.lastTimestamp -o custom-columns=OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message 2>&1 | tail -n 12) || true
  say "pods of $namespace:"
  printf '%s\n' "$pods" | sed 's/^/  /'
  say "latest warnings:"
  printf '%s\n' "$events" | sed 's/^/  /'
  pod=$(in_platform get pods -o "jsonpath=$waiting_containers" 2>/dev/null | grep '=CrashLoopBackOff' | head -n 1) || true
  if [ -n "$pod" ]; then
    container=$(printf '%s' "$pod" | tr ' ' '\n' | sed -n 's/=CrashLoopBackOff//p' | head -n 1)
    say "last lines of the log of ${pod%% *}, container $container:"
    in_platform logs "${pod%% *}" --container "$container" --previous --tail=15 2>&1 | sed 's/^/  | /' || true
  fi
  local images="the nodes do not have the images: --load says how they get them, --registry uses a registry"
  [ -z "$registry" ] || images="the nodes cannot pull from $registry: docs/distributed-cluster.md shows how to let nodes pull from a registry"
  hint "$pods $events" 'ErrImage|ImagePullBackOff|InvalidImageName' "$images"
  hint "$pods $events" 'nsufficient (cpu|memory)' "no node has room: free some, add a node, or lower the requests (docs/production.md)"
  hint "$pods $events" '[Pp]ersistent[Vv]olume[Cc]laim' "a volume is missing: kubectl -n $namespace get pvc; does the storage class work?"
  hint "$pods $events" 'violates PodSecurity' "a pod asks for more than the restricted profile allows: remove that from the overlay"
  hint "$pods $events" 'OOMKilled' "a container needs more memory than its limit: raise the limit in an overlay of yours"
  hint "$pods $events" 'CreateContainerConfigError|secret "[^"]*" not found' "a Secret or ConfigMap is missing: kubectl -n $namespace get secrets,configmaps; the Job make-secrets makes platform-secrets"
}
hint() {  # TEXT PATTERN WORDS
  if printf '%s' "$1" | grep -qE "$2"; then say "hint: $3"; fi
}

# --- What is installed ------------------------------------------------------------------------------------------------

# setting NAME: prints a setting of the running platform. The ConfigMap's name ends in a hash of its content.
setting() {
  local name
  name=$(in_platform get deployment backend --ignore-not-found -o 'jsonpath={.spec.template.spec.containers[0].envFrom[0].configMapRef.name}' 2>/dev/null) || true
  [ -z "$name" ] || in_platform get configmap "$name" -o "jsonpath={.data.$1}" 2>/dev/null || true
}

# give_image DEPLOYMENT COMPONENT: replaces the pods by new ones from the image that was just built.
give_image() {
  local identity image patch
  identity=$(identity_of "$2")
  image=$(cluster_image "$2"):$tag
  patch='"kubectl.kubernetes.io/restartedAt":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"'
  if [ -z "$registry" ]; then
    [ -z "$identity" ] || patch=$patch',"kafka-ml/image":"'$identity'"'
    patch='"metadata":{"annotations":{'$patch'}}'
  else
    [ -z "$identity" ] || image=$(cluster_image "$2")@$identity
    patch='"metadata":{"annotations":{'$patch'}},"spec":{"initContainers":['$(images_of "$1" initContainers "$image")'],"containers":['$(images_of "$1" containers "$image")']}'
  fi
  change "restart-${1#*/}" "giving $1 its new image" "is Kafka-ML installed? ./Build_Kafka_ML.sh --status" \
    "${kubectl[@]}" --namespace "$namespace" patch "$1" --field-manager=kafka-ml --patch '{"spec":{"template":{'"$patch"'}}}'
}
images_of() {  # DEPLOYMENT FIELD IMAGE: every container of it with this image, as JSON
  [ "$dry_run" = no ] || return 0
  in_platform get "$1" -o "jsonpath={range .spec.template.spec.$2[*]}{.name}{\"\\n\"}{end}" 2>/dev/null |
    sed -n "s|.\{1,\}|{\"name\":\"&\",\"image\":\"$3\"}|p" | tr '\n' ',' | sed 's/,$//'
}

# --- Removing ---------------------------------------------------------------------------------------------------------

stop_controller() {
  # There is nothing to stop if an installation failed before it made the deployment.
  if [ "$dry_run" = no ] && [ -z "$(in_platform get deployment backend --ignore-not-found -o name 2>/dev/null)" ]; then return; fi
  begin "stopping the controller, so that it launches nothing more"
  change stop "stopping the controller" "run the same again" "${kubectl[@]}" --namespace "$namespace" scale deployment/backend --replicas=0
  change stopped "waiting for the controller's end" "run the same again" \
    "${kubectl[@]}" --namespace "$namespace" wait --for=delete pod --selector app.kubernetes.io/name=backend --timeout="${timeout_seconds}s"
  finish "stopped"
}

remove_namespace() {
  local state
  begin "removing namespace $1"
  change "remove-$1" "removing namespace $1" "run the same again" "${kubectl[@]}" delete namespace "$1" --ignore-not-found --wait=false
  [ "$dry_run" = no ] || return 0
  # A missing answer means that the state is unknown.
  until state=$(namespace_state "$1") && [ -z "$state" ]; do
    if [ $SECONDS -ge "$deadline" ]; then
      printf '\n'
      state=$(kube get namespace "$1" -o 'jsonpath={range .status.conditions[?(@.status=="True")]}{.message}{"\n"}{end}' 2>&1) || true
      failed "namespace $1 is not gone after $timeout_seconds s" "$state" "what is named above holds it: remove that, or wait, and run the same again"
    fi
    sleep 1
  done
  finish "gone"
}

remove_all_but_data() {
  local kinds=deployments,statefulsets,jobs,pods,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,ingresses,resourcequotas,limitranges
  begin "removing all but volumes and keys from $namespace"
  change remove "removing the platform" "run the same again" \
    "${kubectl[@]}" --namespace "$namespace" delete "$kinds" --selector "$part_of" --timeout="${timeout_seconds}s"
  finish "gone"
}

# Prints the volumes that claims of the two namespaces had, a line "name policy phase" for each.
volumes_left() {
  kube get persistentvolumes -o 'jsonpath={range .items[*]}{.spec.claimRef.namespace} {.metadata.name} {.spec.persistentVolumeReclaimPolicy} {.status.phase}{"\n"}{end}' 2>/dev/null |
    awk -v platform="$namespace" -v work="$namespace-jobs" '$1 == platform || $1 == work { print "persistentvolume/" $2, $3, $4 }' || true
}

# A cluster may confirm a deletion that it has not done, so remaining objects are looked for.
check_gone() {
  local left
  if [ "$keep_data" = yes ]; then
    say "kept in $namespace:"
    in_platform get persistentvolumeclaims,secrets -o name 2>/dev/null | sed 's/^/  /' || true
    left=$(in_platform get all --selector "$part_of" -o name 2>/dev/null || true)
  else
    # Provisioners remove volumes some seconds after their claims, where the policy says so.
    while left=$(volumes_left) && printf '%s' "$left" | grep -q ' Delete ' && [ $SECONDS -lt "$deadline" ]; do sleep 1; done
  fi
  [ -z "$left" ] || failed "Kafka-ML's pods are gone, but these are left" "$left" \
    "a volume whose policy is Retain keeps its data until you remove it: kubectl delete persistentvolume NAME"
}
