//! The machine that was measured on, without its name.

use std::fs;
use std::io::Write;
use std::time::Instant;

use nuanfang_tests::figures::{Tried, median, target};

/// Cores, processor, memory, kernel, and what one synchronised write costs on the disk that the figures use.
pub fn describe() -> Tried<String> {
    let cores = std::thread::available_parallelism()?;
    let about = |file: &str, key: &str| -> Tried<String> {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        Ok(line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default())
    };
    let model = about("/proc/cpuinfo", "model name")?;
    let kilobytes: f64 = about("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{cores} cores ({model}), {:.0} GiB, Linux {}, 4 KB append + fdatasync {:.2} ms (median)",
        kilobytes / 1024.0 / 1024.0,
        kernel.trim(),
        synced_write()?
    ))
}

/// Milliseconds.
fn synced_write() -> Tried<f64> {
    let path = target().join("bench-sync");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    Ok(median(&times))
}
