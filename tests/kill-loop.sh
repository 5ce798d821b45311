#!/usr/bin/env bash
# Kills the program (SIGKILL) ten times while it ships 500 orders, lets it finish, and asks both simulators what happened.
# Kills and orders can be given: tests/kill-loop.sh 100 2000. The seed is printed; ML_CONNECTOR_KILL_SEED repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."

export ML_CONNECTOR_KILL_ROUNDS="${1:-10}" ML_CONNECTOR_KILL_ORDERS="${2:-500}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if cargo test --release --locked --test it kill:: -- --nocapture >"$log" 2>&1; then
  grep '^kill loop:' "$log" | sed 's/^kill loop:/PASSED:/'
else
  cat "$log"
  echo "FAILED: $(grep '^kill loop:' "$log" || echo 'it did not come to an end; see above')"
  exit 1
fi
