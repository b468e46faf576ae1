# Messages, failures and questions of Build_Kafka_ML.sh, and `change`, by which it makes every change. Sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154  # Build_Kafka_ML.sh sets the variables of its options

bold='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' red=$'\033[31m' plain=$'\033[0m'; fi
say() { printf '%s\n' "$*"; }
heading() { printf '%s%s%s\n' "$bold" "$*" "$plain"; }

# failed WHAT WHY FIX...: prints the failure and ends. WHY may have several lines, or none.
failed() {
  local what=$1 why=$2
  shift 2
  printf '%sfailed:%s %s\n' "$red" "$plain" "$what"
  [ -z "$why" ] || printf '%s\n' "$why" | sed 's/^/  | /'
  printf '  what to do: %s\n' "$@"
  exit 1
} >&2

usage_error() {
  printf '%s%s%s\n%s\n' "$red" "$*" "$plain" "./Build_Kafka_ML.sh --help lists all actions and options."
  exit 2
} >&2

# quoted WORD...: prints the words as a user could type them.
quoted() {
  local word line=''
  for word; do
    case $word in *[!A-Za-z0-9_./:=,@%+-]* | '') word="'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'" ;; esac
    line="$line $word"
  done
  printf '%s' "${line# }"
}

# change LOG WHAT FIX COMMAND...: runs a command that alters an image, a registry or a cluster. The output goes to a file,
# whose last lines are shown when the command fails. A dry run prints the command instead.
change() {
  local log=$work/logs/$1.log what=$2 fix=$3
  shift 3
  if [ "$dry_run" = yes ]; then
    say "  + $(quoted "$@")"
    return
  fi
  [ -d "$work/logs" ] || mkdir -p "$work/logs"
  say "+ $(quoted "$@")" >"$log"
  if ! "$@" >>"$log" 2>&1 </dev/null; then
    printf '\n'
    failed "$what" "$(tail -n 15 "$log")" "$fix" "its whole output is in $log"
  fi
}

# begin WORDS starts a line, and finish WORDS ends it when the step is done. A dry run lists commands below it.
begin() {
  if [ "$dry_run" = yes ]; then say "$*"; else printf '%s ... ' "$*"; fi
}
finish() { [ "$dry_run" = yes ] || say "$*"; }

# agreed QUESTION: true when the answer is yes.
agreed() {
  [ "$yes" = no ] || return 0
  local answer=''
  printf '%s [y/N] ' "$1"
  read -r answer || printf '\n'
  case $answer in [yY] | [yY][eE][sS]) return 0 ;; esac
  return 1
}
