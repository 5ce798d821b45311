//! The one place that reads the process environment.

/// The value of an environment variable; `None` when it is unset or not Unicode.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
