# Builds images with one of three engines and brings them to where the nodes of a cluster find them. Sourced by
# Build_Kafka_ML.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # Build_Kafka_ML.sh sets the variables of its options

engine_works() {
  command -v "$1" >/dev/null 2>&1 || return 1
  # docker and podman count only if `info` works, because a client is often installed without its server.
  case $1 in
    buildah) buildah images >/dev/null 2>&1 ;;
    *) "$1" info >/dev/null 2>&1 ;;
  esac
}

choose_engine() {
  local candidate
  if [ "$dry_run" = yes ]; then
    engine=${engine:-docker}
    return
  fi
  for candidate in ${engine:-docker podman buildah}; do
    if engine_works "$candidate"; then
      engine=$candidate
      return
    fi
  done
  failed "no container engine works here" "$("${engine:-docker}" info 2>&1 | tail -n 3)" \
    "start docker (or Docker Desktop), or install podman or buildah; --engine names one" \
    "if the images are in a registry already: --no-build --registry HOST:PORT"
}

current_context() { printf '%s' "${context:-$(kube config current-context 2>/dev/null || true)}"; }

# Decides how images get to the nodes: as the options say, otherwise by the name of the context, which kind, minikube
# and others choose.
choose_destination() {
  local current=$context
  if [ -n "$registry" ]; then
    load=none
    return
  fi
  [ -z "$load" ] || return 0
  [ "$dry_run" = yes ] || current=$(current_context)
  case $current in
    kind-*) load=kind:${current#kind-} ;;
    k3d-*) load=k3d:${current#k3d-} ;;
    minikube) load=minikube ;;
    docker-desktop | rancher-desktop | orbstack | colima*) load=none ;;
    *)
      load=none
      [ "$local_build" = no ] && [ "$dry_run" = no ] || return 0
      failed "how do the nodes of this cluster get the images?" "the context's name, ${current:-(none)}, does not show it" \
        "--registry HOST:PORT: a registry that this machine and all nodes reach" \
        "--local-build --load HOW: bring images to the nodes without one (--help)" \
        "--local-build alone: the nodes share this machine's engine"
      ;;
  esac
}

# cluster_image COMPONENT: prints the image's name as pods have it, without the tag.
cluster_image() { printf '%s' "${registry:+$registry/}kafka-ml/$1"; }

# engine_image COMPONENT: prints the image's name as the engine has it.
engine_image() {
  # podman and buildah would put localhost/ in front of a short name, and no node would find the image by that.
  if [ -z "$registry" ] && [ "$engine" != docker ]; then printf 'docker.io/'; fi
  printf '%s' "$(cluster_image "$1"):$tag"
}

# Sets load_command, which brings an image into the nodes, and save_command where that needs a file.
choose_load_command() {
  local image=$1 file=$work/image.tar kind=${load%%:*} name=''
  case $load in *:*) name=${load#*:} ;; esac
  save_command=("$engine" save --output "$file" "$image")
  [ "$engine" != buildah ] || save_command=(buildah push "$image" "docker-archive:$file:$image")
  case $load in
    *' '* | *'{'*)
      case $load in *'{archive}'*) ;; *) save_command=() ;; esac
      name=${load//\{image\}/$image}
      load_command=(bash -c "${name//\{archive\}/$file}")
      return
      ;;
  esac
  # The programs below take docker's images by name, and images of the other engines as a file.
  local source=$file
  if [ "$engine" = docker ]; then save_command=() source=$image; fi
  case $kind in
    kind)
      load_command=(kind load image-archive "$source" --name "${name:-kind}")
      [ "$engine" != docker ] || load_command=(kind load docker-image "$source" --name "${name:-kind}")
      ;;
    minikube) load_command=(minikube --profile "${name:-minikube}" image load "$source") ;;
    k3d) load_command=(k3d image import "$source" --cluster "${name:-k3s-default}") ;;
    *) usage_error "--load $load: expected kind, minikube, k3d, none, or a command with {image} or {archive} in it" ;;
  esac
}

# build_image NUMBER OF COMPONENT
build_image() {
  local component=$3 image began=$SECONDS built outcome options push_options identity=''
  image=$(engine_image "$component")
  begin "[$1/$2] $component"
  # The variables are split into words on purpose, because they hold several options.
  # shellcheck disable=SC2206
  options=(${BUILD_OPTIONS:-}) push_options=(${PUSH_OPTIONS:-})
  [ "$engine" != buildah ] || options=(--layers ${options[@]+"${options[@]}"})
  [ "$engine" = docker ] || push_options+=(--digestfile "$work/images/$component.digest")
  [ "$gpu" != yes ] || options+=(--build-arg ACCELERATOR=gpu)
  change "build-$component" "building $component" \
    "fix what the lines above say and run the same again; what was built is kept, and the cluster was not touched" \
    "$engine" build --target "$component" --tag "$image" --iidfile "$work/images/$component.id" --file Dockerfile \
    ${options[@]+"${options[@]}"} .
  built=$SECONDS
  outcome="$((built - began)) s"
  if [ -n "$registry" ]; then
    change "push-$component" "pushing $component to $registry" \
      "is $registry a registry that this machine reaches? $engine login $registry; one without TLS: docs/distributed-cluster.md" \
      "$engine" push ${push_options[@]+"${push_options[@]}"} "$image"
    outcome="$outcome, pushed in $((SECONDS - built)) s"
  elif [ "$load" != none ]; then
    choose_load_command "$image"
    # The old archive is removed, because saving in docker's archive format does not overwrite a file.
    rm -f "$work/image.tar"
    [ ${#save_command[@]} = 0 ] || change "save-$component" "writing $component to a file" "is the disk full? df -h $work" "${save_command[@]}"
    change "load-$component" "loading $component into the cluster's nodes" "check that --load $load fits this cluster, and run the same again" \
      "${load_command[@]}"
    rm -f "$work/image.tar"
    outcome="$outcome, loaded in $((SECONDS - built)) s"
  fi
  [ "$dry_run" = no ] || return 0
  if [ -n "$registry" ]; then
    identity=$(pushed_digest "$component")
  elif [ -s "$work/images/$component.id" ]; then
    identity=$(tr -d ' \n' <"$work/images/$component.id")
  fi
  printf '%s %s\n' "$(cluster_image "$component"):$tag" "$identity" >"$work/images/$component"
  rm -f "$work/images/$component.id" "$work/images/$component.digest"
  finish "$outcome"
}

# pushed_digest COMPONENT: prints sha256:..., or nothing where the engine does not report it.
pushed_digest() {
  if [ "$engine" = docker ]; then
    # docker has no option that writes the digest to a file, so its log is searched.
    sed -n 's/.*digest: \(sha256:[0-9a-f]*\) .*/\1/p' "$work/logs/push-$1.log" | tail -n 1
  else
    cat "$work/images/$1.digest" 2>/dev/null || true
  fi
}

# identity_of COMPONENT: prints what distinguishes the image that was built last from earlier ones. This is its digest in
# the registry, or its id where there is no registry. Prints nothing where this folder has not built an image of that name.
identity_of() {
  local name='' identity=''
  [ -f "$work/images/$1" ] || return 0
  read -r name identity <"$work/images/$1" || true
  [ "$name" != "$(cluster_image "$1"):$tag" ] || printf '%s' "$identity"
}

# build_images COMPONENT...
build_images() {
  local number=0 component where="loaded by $load"
  [ "$load" != none ] || where="kept in this engine"
  [ -z "$registry" ] || where="pushed to $registry"
  heading "Images: $engine, $where${gpu:+, for GPUs}"
  mkdir -p "$work/images" "$work/logs"
  for component; do
    number=$((number + 1))
    build_image $number $# "$component"
  done
}
