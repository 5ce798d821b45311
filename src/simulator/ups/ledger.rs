//! A file that keeps shipments over restarts: one line for each change, the last one of a shipment holds.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use super::state::Shipment;

/// Reads every line in order; a last line that was cut off is left out, a file that is missing is empty.
///
/// # Errors
/// When the file cannot be read, or a line before the last is not a shipment.
pub fn read(path: &Path) -> io::Result<Vec<Shipment>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines: Vec<String> = BufReader::new(file).lines().collect::<Result<_, _>>()?;
    let mut shipments = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(shipment) => shipments.push(shipment),
            Err(_) if index + 1 == lines.len() => {}
            Err(error) => return Err(io::Error::other(format!("{}:{}: {error}", path.display(), index + 1))),
        }
    }
    Ok(shipments)
}

/// Adds a line; it is on disk when this returns.
///
/// # Errors
/// When the file cannot be written.
pub fn append(path: &Path, shipment: &Shipment) -> io::Result<()> {
    let mut line = serde_json::to_vec(shipment)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&line)?;
    file.sync_data()
}
