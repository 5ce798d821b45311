#!/usr/bin/env bash
# Passes every test on a fresh machine. Needs cargo (https://rustup.rs; rust-toolchain.toml names the version); the rest
# it installs. CI runs this same script.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

install() {
  say "installing $*"
  local sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "$@"
}

command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs and run this again"; exit 1; }
# The cryptography library has parts in C.
command -v cc >/dev/null || install gcc libc6-dev

say "format"
cargo fmt --check

say "lints"
cargo clippy --locked --all-targets -- -D warnings

say "tests"
# A test that hangs is a failed test.
timeout 1800 cargo test --locked

say "the program on its own files"
ml() { cargo run --quiet --locked -- "$@"; }
ml validate --deny-warnings mappings examples
ml schema --check schemas
ml test mappings examples

say "the main job"
cargo build --release --locked
./target/release/ml-connector demo --orders 200

say "a storm of events, with a kill in the middle of it"
tests/event-storm.sh

say "all passed"
