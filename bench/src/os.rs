//! What the standard library does not offer of the system: clocks, cores, limits, a process's time and memory.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// Nanoseconds of CLOCK_MONOTONIC: the same in every process of this machine.
pub fn monotonic_ns() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC always exists")
}

/// Lets time pass: between two looks at another process, which tells nobody when it is done.
#[expect(
    clippy::disallowed_methods,
    reason = "no executor runs here, and what is waited for has no event"
)]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Processor time that all threads of a process have used, in nanoseconds, ended threads included.
///
/// # Errors
/// When the process is gone or belongs to another user.
pub fn process_cpu_ns(pid: u32) -> Result<u64> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is to a live local of the right type.
    let code = unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &raw mut clock) };
    if code != 0 {
        bail!(
            "the processor clock of process {pid}: {}",
            io::Error::from_raw_os_error(code)
        );
    }
    read_clock(clock).with_context(|| format!("reading the processor clock of process {pid}"))
}

fn read_clock(clock: libc::clockid_t) -> io::Result<u64> {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the call fills the structure when it returns 0, and only then is it read.
    let time = unsafe {
        if libc::clock_gettime(clock, time.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        time.assume_init()
    };
    Ok(time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned())
}

/// The cores this process may use.
pub fn allowed_cores() -> Vec<usize> {
    // SAFETY: a zeroed cpu_set_t is an empty set; the call writes at most its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        let most = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
        (0..most)
            .filter(|core| libc::CPU_ISSET(*core, &set))
            .collect()
    }
}

/// Keeps the calling thread, and what it starts, on one core.
///
/// # Errors
/// When the core does not exist or is not allowed.
pub fn pin(core: usize) -> io::Result<()> {
    // SAFETY: as above; `core` is within the set, for it came from `allowed_cores`.
    let code = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Makes a child run on one core, and die when this process does, however it ends.
pub fn bind_child(command: &mut Command, core: Option<usize>) {
    // SAFETY: between fork and exec only two system calls are made, both safe there.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            core.map_or(Ok(()), pin)
        });
    }
}

/// Raises the limit of open files as far as it goes, for this process and its children; returns it.
pub fn raise_open_files() -> u64 {
    // SAFETY: the structure is plain numbers and outlives both calls.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        limit.rlim_cur
    }
}

/// Whether a process of this id exists.
pub fn is_alive(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or(false)
}

/// A process's resident memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// All pages that are in memory.
    pub resident: u64,
    /// The same, with shared pages divided among those who share them.
    pub proportional: u64,
}

/// Reads the resident memory of a process.
///
/// # Errors
/// When the process is gone, or the kernel does not tell.
pub fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let field = |name: &str| -> Result<u64> {
        let line = text.lines().find_map(|l| l.strip_prefix(name));
        let kib = line.and_then(|l| l.split_whitespace().next());
        let kib: u64 = kib
            .with_context(|| format!("{path} has no {name}"))?
            .parse()?;
        Ok(kib * 1024)
    };
    Ok(Memory {
        resident: field("Rss:")?,
        proportional: field("Pss:")?,
    })
}
