//! Where a demo's configuration and state are: a directory that is gone afterwards, or one that is kept.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::base::random;
use crate::cli::outcome::Trouble;

/// Says that a directory is a demo's, so that it may be started over.
const MARK: &str = ".ml-connector-demo";

/// A directory for demos.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    kept: bool,
}

impl Directory {
    /// An empty directory: `wanted`, where an earlier demo is removed, or one that is removed when this is dropped.
    ///
    /// # Errors
    /// When it holds something else, or cannot be made.
    pub fn prepare(wanted: Option<&Path>) -> Result<Self, Trouble> {
        let kept = wanted.is_some();
        let path = wanted.map_or_else(
            || std::env::temp_dir().join(format!("ml-connector-demo-{}", random::id())),
            Path::to_owned,
        );
        let failed =
            |error: io::Error| Trouble::cannot_start(format!("{} cannot be used: {error}", path.display()));
        if is_strange(&path).map_err(failed)? {
            return Err(Trouble::usage(format!(
                "{} holds something that is not a demo; name an empty or a new directory",
                path.display()
            )));
        }
        if path.join(MARK).is_file() {
            fs::remove_dir_all(&path).map_err(failed)?;
        }
        private(&path).map_err(failed)?;
        fs::write(path.join(MARK), "A demo of ml-connector; `ml-connector demo --dir` starts it over.\n")
            .map_err(failed)?;
        Ok(Self { path, kept })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.kept {
            // A demo's leftovers in the system's temporary directory hold nothing real.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether there is something that no demo has made.
fn is_strange(path: &Path) -> io::Result<bool> {
    if path.join(MARK).is_file() {
        return Ok(false);
    }
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_is_started_over_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("demo");
        let directory = Directory::prepare(Some(&path)).unwrap();
        fs::write(directory.path().join("old"), "").unwrap();
        drop(directory);
        assert!(path.join("old").exists(), "kept until the demo is started over");
        Directory::prepare(Some(&path)).unwrap();
        assert!(!path.join("old").exists());
        let strange = root.path().join("strange");
        fs::create_dir(&strange).unwrap();
        fs::write(strange.join("thesis.txt"), "").unwrap();
        assert!(Directory::prepare(Some(&strange)).unwrap_err().message.contains("not a demo"));
    }

    #[test]
    fn what_is_not_kept_is_removed() {
        let directory = Directory::prepare(None).unwrap();
        let path = directory.path().to_owned();
        assert!(path.is_dir());
        drop(directory);
        assert!(!path.exists());
    }
}
