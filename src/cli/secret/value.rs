//! How a credential's value comes in: typed unseen, piped, from a file or from a variable; never as an argument.

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use crate::base::{Secret, environment};
use crate::cli::outcome::Trouble;

/// Longer than any key or certificate chain.
const LIMIT: u64 = 64 * 1024;

/// Where the value comes from; standard input unless given.
#[derive(Debug, clap::Args)]
pub struct ValueArgs {
    /// Reads the value from this file; a newline at its end is left away.
    #[arg(long, value_name = "PATH", conflicts_with = "from_env")]
    file: Option<PathBuf>,
    /// Reads the value from this environment variable.
    #[arg(long, value_name = "VAR")]
    from_env: Option<String>,
}

impl ValueArgs {
    /// The value of the credential called `name`.
    ///
    /// # Errors
    /// When there is none, or it is empty.
    pub fn read(&self, name: &str) -> Result<Secret, Trouble> {
        let text = match (&self.file, &self.from_env) {
            (Some(path), _) => std::fs::File::open(path)
                .and_then(limited)
                .map_err(|error| Trouble::usage(format!("{} cannot be read: {error}", path.display())))?,
            (None, Some(variable)) => environment::variable(variable)
                .map(Secret::new)
                .ok_or_else(|| Trouble::usage(format!("the variable {variable} is not set")))?,
            (None, None) if io::stdin().is_terminal() => console::Term::stderr()
                .write_str(&format!("Value of {name} (not shown): "))
                .and_then(|()| console::Term::stderr().read_secure_line())
                .map(Secret::new)
                .map_err(|error| {
                    Trouble::usage(format!("nothing could be read from the terminal: {error}"))
                })?,
            (None, None) => limited(io::stdin()).map_err(|error| {
                Trouble::usage(format!("nothing could be read from standard input: {error}"))
            })?,
        };
        trimmed(&text)
            .ok_or_else(|| Trouble::usage(format!("the value of {name} is empty; nothing was changed")))
    }
}

fn limited(source: impl Read) -> io::Result<Secret> {
    let mut text = String::new();
    source.take(LIMIT).read_to_string(&mut text)?;
    Ok(Secret::new(text))
}

/// Without the newline that editors and `echo` put at the end.
fn trimmed(text: &Secret) -> Option<Secret> {
    let text = text.expose().trim_end_matches(['\r', '\n']);
    (!text.trim().is_empty()).then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newline_at_the_end_goes() {
        let trim = |text: &str| trimmed(&Secret::new(text)).map(|secret| secret.expose().to_owned());
        assert_eq!(trim(" pass word \r\n").as_deref(), Some(" pass word "));
        assert_eq!(trim("-----BEGIN\nEND-----\n\n").as_deref(), Some("-----BEGIN\nEND-----"));
        assert_eq!(trim(" \n"), None);
    }

    #[test]
    fn values_come_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "s3cret\n").unwrap();
        let args = ValueArgs { file: Some(path), from_env: None };
        assert_eq!(args.read("a.b").unwrap().expose(), "s3cret");
        let missing = ValueArgs { file: None, from_env: Some("ML_CONNECTOR_NOT_SET".to_owned()) };
        assert!(missing.read("a.b").unwrap_err().message.contains("ML_CONNECTOR_NOT_SET is not set"));
    }
}
