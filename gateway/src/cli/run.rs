//! `hearthgate run`: signals, logs and limits of the process around a gateway.

use super::config::{Checked, NoPlugin, load};
use super::output::complain;
use super::systemd::{self, Standing};
use super::{FAILED, OK, WRONG};
use crate::gateway::{Gateway, StartOptions};
use crate::telemetry::{logs, process};
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// File descriptors that are needed besides one for each client: plugins' sockets, files, the store.
const OWN_FILES: u64 = 256;

/// Runs until a signal stops it.
pub fn run(file: Option<PathBuf>) -> u8 {
    let checked = match load(file, NoPlugin::Awaited) {
        Ok(checked) => checked,
        Err(problems) => {
            complain(&problems);
            return WRONG;
        }
    };
    let logs = match logs::install(&checked.loaded.config.log) {
        Ok(logs) => logs,
        Err(error) => {
            complain(&error.to_string());
            return FAILED;
        }
    };
    for warning in &checked.warnings {
        tracing::warn!(%warning, "the configuration has something to look at");
    }
    check_file_limit(checked.loaded.config.connections.max_connections);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime can't be started");
            return FAILED;
        }
    };
    let code = runtime.block_on(serve(checked, logs));
    // What a second signal interrupted must not hold up the end of the process.
    runtime.shutdown_background();
    code
}

fn check_file_limit(max_connections: usize) {
    let needed = max_connections as u64 + OWN_FILES;
    if let Some(limit) = process::raise_file_limit().filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            max_connections,
            "the limit of open files is too low for connections.max-connections: raise it (LimitNOFILE, ulimit -n)"
        );
    }
}

/// The signals that the gateway knows.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal to stop; others are passed over.
    async fn stop(&mut self) -> &'static str {
        loop {
            if let Asked::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// What a signal asks for.
enum Asked {
    Reload,
    Stop(&'static str),
}

async fn serve(checked: Checked, logs: logs::LogControl) -> u8 {
    // Before the start, so that no signal finds the default action, which ends the process.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals can't be received");
            return FAILED;
        }
    };
    let options = StartOptions {
        file: checked.file,
        logs: Some(logs),
    };
    let starting = Gateway::start(checked.loaded.config, options);
    let gateway = tokio::select! {
        started = starting => match started {
            Ok(gateway) => gateway,
            Err(error) => {
                tracing::error!(%error, "the gateway can't start");
                return FAILED;
            }
        },
        signal = signals.stop() => {
            tracing::info!(signal, "stopped while starting");
            return OK;
        }
    };
    systemd::tell(Standing::Ready);
    let signal = until_stopped(&gateway, &mut signals).await;
    tracing::info!(signal, "a signal asks to stop; a second one stops at once");
    systemd::tell(Standing::Stopping);
    tokio::select! {
        () = gateway.stop() => OK,
        signal = signals.stop() => {
            tracing::warn!(signal, "a second signal: stopped at once");
            FAILED
        }
    }
}

/// Reloads on SIGHUP, until a signal asks to stop.
async fn until_stopped(gateway: &Gateway, signals: &mut Signals) -> &'static str {
    loop {
        match signals.next().await {
            Asked::Stop(signal) => return signal,
            Asked::Reload => {
                systemd::tell(Standing::Reloading);
                gateway.reload_file("signal").await;
                systemd::tell(Standing::Ready);
            }
        }
    }
}
