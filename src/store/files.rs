//! Files that nobody else may read: how they are created, checked and replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Makes a directory that only we can read, or says why an existing one will not do. An empty one is closed to
/// others first: nobody can have read anything in it.
///
/// # Errors
/// A sentence with the cure.
pub fn private_directory(path: &Path) -> Result<(), String> {
    if !path.exists() {
        create_directory(path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
    }
    if !path.is_dir() {
        return Err(format!("{} is not a directory; move it away, or name another place", path.display()));
    }
    #[cfg(unix)]
    if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
        use std::os::unix::fs::PermissionsExt as _;
        // Somebody else's cannot be changed, which the check below puts into words.
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    }
    check_private(path)
}

/// Says why a file or directory will not do: others can read it, or it is somebody else's. Fine where it is missing.
///
/// # Errors
/// A sentence with the cure.
#[cfg(unix)]
pub fn check_private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot look at {shown}: {error}")),
    };
    if let Some(us) = effective_user().filter(|us| *us != metadata.uid()) {
        return Err(format!(
            "{shown} belongs to user {}, but this runs as user {us}; run it as its owner, or `chown {us} {shown}`",
            metadata.uid()
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let cure = if metadata.is_dir() { "700" } else { "600" };
        return Err(format!(
            "{shown} is open to other users (mode {mode:o}); run `chmod {cure} {shown}`, and change what it held if somebody may have read it"
        ));
    }
    Ok(())
}

/// Says why a file or directory will not do; this system has no modes to look at.
///
/// # Errors
/// None here.
#[cfg(not(unix))]
pub fn check_private(_path: &Path) -> Result<(), String> {
    Ok(())
}

/// Options that create a file which only we can read.
pub fn private_options() -> OpenOptions {
    #[allow(unused_mut, reason = "changed only where there are modes")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Replaces the content of `path` so that a crash leaves either the old or the new: a file beside it, synced, is
/// renamed over it, and the directory is synced.
///
/// # Errors
/// What the system says; the old content is untouched.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = private_options().write(true).create(true).truncate(true).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_parent(path)
}

/// Makes a creation, rename or removal in the directory of `path` durable.
///
/// # Errors
/// What the system says.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// The user whose rights we have; `None` where it cannot be told, and then owners are not compared.
#[cfg(unix)]
fn effective_user() -> Option<u32> {
    // Linux says it in a line such as `Uid: 1000 1000 1000 1000`: real, effective, saved, file system.
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        return line.split_whitespace().nth(1)?.parse().ok();
    }
    probe_user()
}

/// Finds out who we are by looking at whom a new file belongs to.
#[cfg(unix)]
fn probe_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let path = std::env::temp_dir().join(format!(".ml-connector-{}", crate::base::random::id()));
    let file = private_options().write(true).create_new(true).open(&path).ok()?;
    let user = file.metadata().ok().map(|metadata| metadata.uid());
    // A probe that stays behind is empty and harms nobody.
    let _ = fs::remove_file(&path);
    user
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn creates_what_only_we_can_read() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        private_directory(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        let file = directory.join("file");
        replace(&file, b"one").unwrap();
        replace(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn refuses_what_others_can_read() {
        let directory = tempfile::tempdir().unwrap();
        set_mode(directory.path(), 0o750);
        private_directory(directory.path()).unwrap();
        assert_eq!(
            fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777,
            0o700,
            "it was empty"
        );
        fs::write(directory.path().join("file"), "").unwrap();
        set_mode(directory.path(), 0o750);
        let sentence = private_directory(directory.path()).unwrap_err();
        assert!(sentence.contains("(mode 750); run `chmod 700 "), "{sentence}");
    }

    #[test]
    fn refuses_a_file_in_place_of_a_directory() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("state"), "").unwrap();
        let sentence = private_directory(&parent.path().join("state")).unwrap_err();
        assert!(sentence.contains("state is not a directory; move it away"), "{sentence}");
    }

    #[test]
    fn both_ways_to_tell_who_we_are_agree() {
        assert_eq!(effective_user(), probe_user());
    }
}
