//! Where the admin socket is: in the state directory, or at a short private path when that one is too long.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::base::{environment, json};

/// The longest path a Unix socket can have, less the final zero.
const LONGEST: usize = 107;

/// The file beside the wanted socket that says where the socket really is.
const POINTER: &str = "admin.path";

/// Where a socket wanted at `wanted` is to be bound. Makes the private directory of a short path and leaves a
/// pointer to it beside the wanted place.
///
/// # Errors
/// When the private directory cannot be made, or belongs to somebody else.
pub fn choose(wanted: &Path) -> io::Result<PathBuf> {
    if wanted.as_os_str().len() <= LONGEST {
        return Ok(wanted.to_owned());
    }
    let directory = private_directory(wanted)?;
    let short = directory.join("admin.sock");
    fs::write(pointer(wanted), short.as_os_str().as_bytes())?;
    Ok(short)
}

/// Where the socket wanted at `wanted` is; `None` when none was ever bound.
pub fn find(wanted: &Path) -> Option<PathBuf> {
    if wanted.as_os_str().len() <= LONGEST {
        return Some(wanted.to_owned());
    }
    let text = fs::read_to_string(pointer(wanted)).ok()?;
    Some(PathBuf::from(text))
}

fn pointer(wanted: &Path) -> PathBuf {
    wanted.with_file_name(POINTER)
}

/// A directory that only we can enter, the same one for the same wanted path.
fn private_directory(wanted: &Path) -> io::Result<PathBuf> {
    let owner = fs::metadata(wanted.parent().unwrap_or(Path::new(".")))?.uid();
    let name = &json::sha256_hex(wanted.as_os_str().as_bytes())[..16];
    let directory = match environment::variable("XDG_RUNTIME_DIR") {
        Some(runtime) if !runtime.is_empty() && runtime.len() < 60 => {
            PathBuf::from(runtime).join(format!("ml-connector-{name}"))
        }
        _ => PathBuf::from("/tmp").join(format!("ml-connector-{name}")),
    };
    match fs::DirBuilder::new().mode(0o700).create(&directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(&directory)?;
    if !found.is_dir() || found.uid() != owner || found.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other(format!(
            "{} is not a directory that only we can enter; remove it",
            directory.display()
        )));
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_private_one() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let wanted = deep.join("admin.sock");
        assert_eq!(find(&wanted), None);
        let short = choose(&wanted).unwrap();
        assert!(short.as_os_str().len() <= LONGEST);
        assert_eq!(find(&wanted), Some(short.clone()));
        assert_eq!(choose(&wanted).unwrap(), short, "the same each time");
        let mode = fs::metadata(short.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::remove_dir_all(short.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_short_path_is_taken_as_it_is() {
        let wanted = Path::new("/var/lib/ml-connector/admin.sock");
        assert_eq!(choose(wanted).unwrap(), wanted);
        assert_eq!(find(wanted).unwrap(), wanted);
    }
}
