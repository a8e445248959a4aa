#!/bin/sh
# A domain with a policy and a command in it, and what is refused there: with curl, as root.
set -e
socket=${ACTPLANE_SOCKET:-/run/actplane/actplane.sock}
api() {
  method=$1 path=$2
  shift 2
  curl -sS --unix-socket "$socket" -X "$method" -H 'content-type: application/json' "http://actplane$path" "$@"
}
# The first value of that name.
field() { grep -o "\"$1\":[^,}]*" | head -n 1 | sed 's/[^:]*://; s/"//g'; }

made=$(api POST /v1/domains -d @- <<'JSON'
{
  "name": "agent",
  "policy": {"text": "rule no-push: block exec \"git\" \"push\" because \"a person pushes\""},
  "argv": ["sh", "-c", "git push; sleep 1"]
}
JSON
)
id=$(printf %s "$made" | field id)
test -n "$id" || { echo "$made" >&2; exit 1; }
feedback=$(api GET "/v1/domains/$id/feedback?after=0&wait=10")
printf 'refused: %s: %s\n' "$(printf %s "$feedback" | field target)" "$(printf %s "$feedback" | field because)"
api POST "/v1/domains/$id/feedback/ack" -d "{\"seq\": $(printf %s "$feedback" | field next)}" >/dev/null
api DELETE "/v1/domains/$id?kill=1"
