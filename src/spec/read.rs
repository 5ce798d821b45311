//! Reads files as far as they are safe to read: regular, not too large, UTF-8 text, inside their directory.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folders::yaml_files;
use crate::diagnostics::{Diagnostic, Sources, Span};

/// The most bytes a file may have.
pub const MAX_BYTES: u64 = 1_000_000;

/// A file's text, under the name that findings call it by.
pub struct Text {
    /// The file as the author knows it.
    pub file: Arc<str>,
    /// Its text, without a byte order mark.
    pub text: Arc<str>,
}

/// Reads the file at `path`. With a `root`, the file must be inside it once symbolic links are followed.
pub fn read(
    path: &Path,
    root: Option<&Path>,
    sources: &mut Sources,
    findings: &mut Vec<Diagnostic>,
) -> Option<Text> {
    let name = path.to_string_lossy();
    match bytes(path, root).and_then(text) {
        Ok(text) => Some(keep(&name, text.into(), sources)),
        Err((code, headline, help)) => {
            let file = sources.add(&name, "");
            findings.push(Diagnostic::error(code, Span::whole(&file), headline).help(help));
            None
        }
    }
}

/// The YAML files of a directory, sorted; none inside where there is no directory, none where it cannot be read.
pub fn files(
    directory: &Path,
    sources: &mut Sources,
    findings: &mut Vec<Diagnostic>,
) -> Option<Vec<PathBuf>> {
    let unreadable = |error| {
        let file = sources.add(&directory.to_string_lossy(), "");
        let headline = format!("this directory cannot be read: {error}");
        let help = "check that it is a directory, and that you may read it";
        findings.push(Diagnostic::error("unreadable-file", Span::whole(&file), headline).help(help));
    };
    yaml_files(directory).map_err(unreadable).ok()
}

/// Takes a text that need not be read.
pub fn keep(name: &str, text: Arc<str>, sources: &mut Sources) -> Text {
    Text { file: sources.add(name, Arc::clone(&text)), text }
}

type Refusal = (&'static str, String, String);

fn bytes(path: &Path, root: Option<&Path>) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: std::io::Error| {
        let help = "check the name, and that you may read it".to_owned();
        ("unreadable-file", format!("this file cannot be read: {error}"), help)
    };
    // Looked at before it is opened: opening a FIFO would wait for its writer.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(("not-a-file", format!("this is {what}"), "name a YAML file".to_owned()));
    }
    if let Some(root) = root {
        let (root, file) =
            (root.canonicalize().map_err(unreadable)?, path.canonicalize().map_err(unreadable)?);
        if !file.starts_with(&root) {
            let headline = "this link leads out of its directory".to_owned();
            return Err(("outside-directory", headline, "put a copy of the file there instead".to_owned()));
        }
    }
    let too_large = || {
        let headline = format!("this file has more than {MAX_BYTES} bytes");
        ("file-too-large", headline, "check that it is the right file, or write it as several".to_owned())
    };
    if metadata.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .map_err(unreadable)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES { Err(too_large()) } else { Ok(bytes) }
}

fn text(bytes: Vec<u8>) -> Result<String, Refusal> {
    let not_text = |at: usize| {
        let headline = format!("this file is not UTF-8 text (byte {at})");
        ("not-utf8", headline, "save it as UTF-8".to_owned())
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(not_text(at));
    }
    let text = String::from_utf8(bytes).map_err(|error| not_text(error.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
