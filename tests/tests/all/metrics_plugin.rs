//! The main job: a client sees the real figures of the machine.

use hearthgate_tests::Setup;

#[tokio::test]
async fn real_figures_arrive_once_a_second() {
    let source = "[sources.metrics]\nplugin = \"metrics\"\ngrants = { publish = [\"metrics/#\"], system = true }\n";
    let gateway = Setup::new().plugin("metrics").toml(source).start().await;
    let mut client = gateway.client().await;
    client.watch(&["metrics/host"]).await;
    let first = client.next_of("metrics.sample").await;
    let second = client.next_of("metrics.sample").await;
    for sample in [&first, &second] {
        assert_eq!(
            (sample["topic"].as_str(), sample["source"].as_str()),
            (Some("metrics/host"), Some("metrics"))
        );
    }
    let figures = &second["data"]["metrics"];
    let figure = |name: &str| {
        figures[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name}: {second}"))
    };
    let memory = std::fs::read_to_string("/proc/meminfo").expect("Linux");
    let total = memory
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1));
    let total: f64 = total.and_then(|kib| kib.parse().ok()).expect("MemTotal");
    assert_eq!(
        figure("memory.total"),
        total * 1024.0,
        "the machine's memory"
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for core in 0..cores {
        assert!((0.0..=100.0).contains(&figure(&format!("cpu.core.{core}.percent"))));
    }
    for name in [
        "cpu.percent",
        "load.1",
        "uptime",
        "processes",
        "memory.used",
        "swap.total",
    ] {
        assert!(figure(name) >= 0.0, "{name}");
        assert!(
            second["data"]["units"][name].is_string(),
            "the unit of {name}"
        );
    }
    assert_ne!(first["data"], second["data"], "figures move");
}
