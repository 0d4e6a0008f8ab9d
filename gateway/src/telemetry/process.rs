//! Figures of the process itself, under the names that every Prometheus client library uses.

use std::fmt::Write;

/// The figures as Prometheus text; empty where the system has no `/proc`.
#[must_use]
pub fn render() -> String {
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        );
    };
    let status = std::fs::read_to_string("/proc/self/stat").ok();
    let fields = status.as_deref().map(stat_fields).unwrap_or_default();
    let tick = |index: usize| fields.get(index)?.parse::<f64>().ok();
    let cpu = tick(UTIME).zip(tick(STIME));
    add(
        "process_cpu_seconds_total",
        "counter",
        "Processor time of the gateway, plugins included.",
        cpu.map(|(user, system)| (user + system) / TICKS_PER_SECOND),
    );
    add(
        "process_resident_memory_bytes",
        "gauge",
        "Memory that is in use and in RAM.",
        tick(RSS).map(|pages| pages * page_size()),
    );
    add("process_threads", "gauge", "Threads.", tick(THREADS));
    let open = std::fs::read_dir("/proc/self/fd").ok();
    add(
        "process_open_fds",
        "gauge",
        "Open file descriptors.",
        // One of them is the folder that is being read.
        open.map(|fds| fds.count().saturating_sub(1) as f64),
    );
    add(
        "process_max_fds",
        "gauge",
        "Most open file descriptors (RLIMIT_NOFILE).",
        crate::telemetry::process::file_limit().map(|(soft, _)| soft as f64),
    );
    text
}

// proc(5), /proc/pid/stat, counted from the field after the command's name.
const UTIME: usize = 11;
const STIME: usize = 12;
const THREADS: usize = 17;
const RSS: usize = 21;
/// `sysconf(_SC_CLK_TCK)` on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

fn stat_fields(stat: &str) -> Vec<&str> {
    // The command's name may contain spaces and parentheses, so the fields begin after the last one.
    let after = stat.rfind(')').map_or("", |end| &stat[end + 1..]);
    after.split_whitespace().collect()
}

fn page_size() -> f64 {
    // SAFETY: sysconf reads a constant and touches no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    size.max(1) as f64
}

/// The limit of open files: (soft, hard).
#[must_use]
pub fn file_limit() -> Option<(u64, u64)> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes into a struct of the right type that lives for the whole call.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    (got == 0).then_some((limit.rlim_cur, limit.rlim_max))
}

/// Raises the soft limit of open files to the hard one, and returns what holds now.
pub fn raise_file_limit() -> Option<u64> {
    let (soft, hard) = file_limit()?;
    if soft < hard {
        let limit = libc::rlimit {
            rlim_cur: hard,
            rlim_max: hard,
        };
        // SAFETY: the kernel only reads the struct, which lives for the whole call.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    file_limit().map(|(soft, _)| soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_command_name_does_not_shift_the_fields() {
        let stat = "1 (a) b (c) S 2 3 4";
        assert_eq!(stat_fields(stat), ["S", "2", "3", "4"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_figures_are_those_of_this_process() {
        let text = render();
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|l| l.starts_with(&format!("{name} ")));
            let value = line.and_then(|l| l.rsplit(' ').next());
            value.expect(name).parse().expect("a number")
        };
        assert!(value("process_resident_memory_bytes") > 1e6, "{text}");
        assert!(value("process_open_fds") >= 3.0, "{text}");
        assert!(value("process_threads") >= 1.0, "{text}");
        assert!(
            value("process_max_fds") >= value("process_open_fds"),
            "{text}"
        );
    }
}
