//! Readiness of many sockets, and a precise timer: Linux's epoll and timerfd.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The token of the timer.
pub const TIMER: u64 = u64::MAX;

/// Waits for sockets and for a timer.
pub struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    ready: Vec<libc::epoll_event>,
}

impl Poll {
    /// A poll with its timer, not yet armed.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: both calls return a descriptor of our own, or -1, which `owned` refuses.
        let (epoll, timer) = unsafe {
            (
                owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
                owned(libc::timerfd_create(
                    libc::CLOCK_MONOTONIC,
                    libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
                ))?,
            )
        };
        let poll = Self {
            epoll,
            timer,
            ready: Vec::with_capacity(1024),
        };
        poll.add(&poll.timer, TIMER)?;
        Ok(poll)
    }

    /// Watches a socket for something to read, level-triggered.
    ///
    /// # Errors
    /// When the socket is watched already or the limit of watches is reached.
    pub fn add(&self, socket: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN.cast_unsigned(),
            u64: token,
        };
        self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &mut event)
    }

    fn control(&self, what: i32, fd: RawFd, event: &mut libc::epoll_event) -> io::Result<()> {
        // SAFETY: the event is a live local; the kernel copies it.
        let code = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, event) };
        check(code.into()).map(drop)
    }

    /// Lets [`Poll::wait`] return the [`TIMER`] at this moment of CLOCK_MONOTONIC, until it is armed anew.
    ///
    /// # Errors
    /// Never for a moment after 0.
    pub fn wake_at(&self, moment_ns: u64) -> io::Result<()> {
        let at = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: (moment_ns / 1_000_000_000).cast_signed(),
                tv_nsec: (moment_ns % 1_000_000_000).cast_signed(),
            },
        };
        // SAFETY: `at` is a live local; the old value is not asked for.
        let code = unsafe {
            libc::timerfd_settime(
                self.timer.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &raw const at,
                std::ptr::null_mut(),
            )
        };
        check(code.into()).map(drop)
    }

    /// Waits until something is ready and appends the tokens of all that is.
    ///
    /// # Errors
    /// When the kernel refuses, never for an interruption by a signal.
    pub fn wait(&mut self, tokens: &mut Vec<u64>) -> io::Result<()> {
        let room = i32::try_from(self.ready.capacity()).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most `room` events into the vector's capacity, and `count` of them are then initialised.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.ready.as_mut_ptr(), room, -1) };
        let count = match check(count.into()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            other => usize::try_from(other?).unwrap_or(0),
        };
        // SAFETY: see above.
        unsafe { self.ready.set_len(count) };
        tokens.extend(self.ready.iter().map(|event| event.u64));
        Ok(())
    }
}

fn owned(fd: i32) -> io::Result<OwnedFd> {
    check(fd.into())?;
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn check(code: i64) -> io::Result<i64> {
    if code < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(code)
    }
}
