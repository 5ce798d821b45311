//! A process that is watched: how long it ran, what it used of the processors, and its largest memory.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often memory is looked at; the kernel keeps the peak.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// `/proc` counts processor time in hundredths of a second, whatever the kernel's own tick.
const TICKS_A_SECOND: f64 = 100.0;

/// What a process used.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_kib: u64,
}

/// Runs a process to its end.
pub fn watch(mut command: Command) -> Result<Usage, String> {
    let begun = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let id = child.id();
    let mut peak_kib = 0;
    // What has ended stays in /proc until somebody asks for its exit code.
    while running(id) {
        peak_kib = peak(id).unwrap_or(peak_kib);
        std::thread::sleep(LOOK_EVERY);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_seconds = cpu(id);
    let status = child.wait().map_err(|error| error.to_string())?;
    status.success().then_some(Usage { seconds, cpu_seconds, peak_kib }).ok_or_else(|| status.to_string())
}

/// Seconds of processor time that a process has used so far, by itself and in the kernel.
pub fn cpu(id: u32) -> f64 {
    let fields = stat(id);
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_A_SECOND
}

fn running(id: u32) -> bool {
    stat(id)[0] != "Z"
}

/// The fields of `/proc/ID/stat` from the state on; the name before it may hold anything.
fn stat(id: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(')').unwrap();
    fields.split_whitespace().map(str::to_owned).collect()
}

fn peak(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
