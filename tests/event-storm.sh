#!/usr/bin/env bash
# Pushes 20,000 events at 500 a second to the program, kills it (SIGKILL) in the middle, starts it again, and asks the sender
# and the books what became of them. Other figures can be given: tests/event-storm.sh 100000 1000 5 (events, rate, kills).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked --quiet
export ML_CONNECTOR_STORM_EVENTS="${1:-20000}" ML_CONNECTOR_STORM_RATE="${2:-500}" ML_CONNECTOR_STORM_KILLS="${3:-1}"
export ML_CONNECTOR_STORM_PROGRAM="$PWD/target/release/ml-connector"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
# The sender is the test; what is measured is the release build.
if cargo test --locked --test it storm:: -- --nocapture >"$log" 2>&1; then
  grep '^storm:' "$log" | sed 's/^storm:/PASSED:/'
else
  cat "$log"
  echo "FAILED: $(grep '^storm:' "$log" || echo 'it did not come to an end; see above')"
  exit 1
fi
