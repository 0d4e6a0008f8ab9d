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
    let data = &second["data"];
    let memory = std::fs::read_to_string("/proc/meminfo").expect("Linux");
    let total: u64 = memory
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .expect("MemTotal");
    let text = data.to_string();
    assert!(
        text.contains(&(total * 1024).to_string()),
        "the machine's {total} KiB of memory are in {text}"
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = data["cpu"]["cores"]
        .as_array()
        .or_else(|| data["cpu"]["per_core"].as_array());
    assert!(cpu.is_some_and(|list| list.len() >= cores), "{text}");
    assert_ne!(first["data"], second["data"], "figures move");
}
