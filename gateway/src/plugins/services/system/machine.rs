//! Reading the machine's figures.

use serde::Serialize;
use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};
use sysinfo::{Components, Disks, Networks, System};

/// What the figures are read with; kept, because processors' shares are differences.
pub(super) struct Machine {
    system: System,
    disks: Option<Disks>,
    networks: Option<Networks>,
    components: Option<Components>,
}

/// A snapshot; the module above documents its shape.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    taken_at: u64,
    host: Option<String>,
    os: Option<String>,
    kernel: Option<String>,
    arch: String,
    uptime_seconds: Option<u64>,
    processes: Option<usize>,
    cpu: Cpu,
    load: Option<Load>,
    memory: Memory,
    swap: Swap,
    disks: Vec<Disk>,
    networks: Vec<Network>,
    temperatures: Vec<Temperature>,
}

#[derive(Debug, Serialize)]
struct Cpu {
    percent: f64,
    cores: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Load {
    one: f64,
    five: f64,
    fifteen: f64,
}

#[derive(Debug, Serialize)]
struct Memory {
    total: u64,
    used: u64,
    available: u64,
}

#[derive(Debug, Serialize)]
struct Swap {
    total: u64,
    used: u64,
}

#[derive(Debug, Serialize)]
struct Disk {
    mount: String,
    device: String,
    file_system: String,
    total: u64,
    available: u64,
}

#[derive(Debug, Serialize)]
struct Network {
    interface: String,
    received: u64,
    sent: u64,
    receive_errors: u64,
    send_errors: u64,
}

#[derive(Debug, Serialize)]
struct Temperature {
    label: String,
    celsius: f64,
    critical: Option<f64>,
}

impl Machine {
    pub(super) fn new() -> Result<Self, String> {
        let mut system = System::new().map_err(|error| format!("no figures: {error:?}"))?;
        system.refresh_cpu_usage();
        Ok(Self {
            system,
            disks: Disks::new().ok(),
            networks: Networks::new().ok(),
            components: Components::new().ok(),
        })
    }

    pub(super) fn figures(&mut self) -> Figures {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let system = &self.system;
        let load = System::load_average().ok();
        let taken_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Figures {
            taken_at: u64::try_from(taken_at.as_millis()).unwrap_or(u64::MAX),
            host: System::host_name().ok(),
            os: System::long_os_version().ok(),
            kernel: System::kernel_version().ok(),
            arch: System::cpu_arch(),
            uptime_seconds: System::uptime().ok(),
            processes: processes(),
            cpu: Cpu {
                percent: tidy(system.global_cpu_usage()),
                cores: system
                    .cpus()
                    .iter()
                    .map(|core| tidy(core.usage()))
                    .collect(),
            },
            load: load.map(|load| Load {
                one: load.one,
                five: load.five,
                fifteen: load.fifteen,
            }),
            memory: Memory {
                total: system.total_memory(),
                used: system.used_memory(),
                available: system.available_memory(),
            },
            swap: Swap {
                total: system.total_swap(),
                used: system.used_swap(),
            },
            disks: self.disks(),
            networks: self.networks(),
            temperatures: self.temperatures(),
        }
    }

    fn disks(&mut self) -> Vec<Disk> {
        let Some(disks) = &mut self.disks else {
            return Vec::new();
        };
        disks.refresh(true);
        let disk = |disk: &sysinfo::Disk| Disk {
            mount: disk.mount_point().to_string_lossy().into_owned(),
            device: disk.name().to_string_lossy().into_owned(),
            file_system: disk.file_system().to_string_lossy().into_owned(),
            total: disk.total_space(),
            available: disk.available_space(),
        };
        disks.iter().map(disk).collect()
    }

    fn networks(&mut self) -> Vec<Network> {
        let Some(networks) = &mut self.networks else {
            return Vec::new();
        };
        networks.refresh(true);
        let network = |(name, data): (&OsString, &sysinfo::NetworkData)| Network {
            interface: name.to_string_lossy().into_owned(),
            received: data.total_received(),
            sent: data.total_transmitted(),
            receive_errors: data.total_errors_on_received(),
            send_errors: data.total_errors_on_transmitted(),
        };
        let mut all: Vec<Network> = networks.iter().map(network).collect();
        all.sort_by(|a, b| a.interface.cmp(&b.interface));
        all
    }

    fn temperatures(&mut self) -> Vec<Temperature> {
        let Some(components) = &mut self.components else {
            return Vec::new();
        };
        components.refresh(true);
        let temperature = |component: &sysinfo::Component| {
            let celsius = component
                .temperature()
                .filter(|celsius| celsius.is_finite())?;
            Some(Temperature {
                label: component.label().to_owned(),
                celsius: tidy(celsius),
                critical: component.critical().filter(|c| c.is_finite()).map(tidy),
            })
        };
        components.iter().filter_map(temperature).collect()
    }
}

/// One decimal: more is noise.
fn tidy(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}

/// The number of processes: counted by name in `/proc`, because reading each one costs a hundred times as much.
#[cfg(target_os = "linux")]
fn processes() -> Option<usize> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let is_process =
        |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    Some(
        entries
            .filter(|entry| is_process(&entry.file_name()))
            .count(),
    )
}

/// The number of processes, where nothing cheap tells it.
#[cfg(not(target_os = "linux"))]
fn processes() -> Option<usize> {
    None
}
