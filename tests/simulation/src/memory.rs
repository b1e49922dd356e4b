//! What the process holds in memory while a run goes on.

/// How many times what it held in its second quarter a long run may hold in its last. Its databases lie in memory too, some
/// 20 KiB an operation in all its places: a day of forty thousand makes three tenths more. Half as much again is something
/// that is never let go.
pub const MOST: f64 = 1.5;

/// KiB of this process that are in memory now; `None` where the system does not tell.
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// How many times the second quarter's median the last quarter's is; in the first one everything is still being made. `None`
/// of fewer than four samples.
pub fn growth(samples: &[u64]) -> Option<f64> {
    let quarter = samples.len() / 4;
    let median = |samples: &[u64]| {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map(|kib| *kib as f64)
    };
    Some(median(&samples[samples.len() - quarter..])? / median(&samples[quarter..2 * quarter])?)
}
