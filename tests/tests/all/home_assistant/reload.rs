//! A reload of the plugin in the middle of it all.

use super::*;

/// Changes an entity to rising numbers, in step with what the client sees, so that some are always on their way.
struct Numbers {
    client: Client,
    said: u64,
    heard: u64,
}

impl Numbers {
    async fn take(&mut self, home: &HomeAssistant, count: u64) {
        for _ in 0..count {
            while self.said < self.heard + 20 {
                self.said += 1;
                home.change("sensor.count", &self.said.to_string());
            }
            let event = self.client.next_on("entity/sensor.count/state").await;
            self.heard += 1;
            let expected = (self.heard.to_string(), (self.heard - 1).to_string());
            let text = |key: &str| event["data"][key].as_str().unwrap_or_default().to_owned();
            assert_eq!(
                (text("new_state"), text("old_state")),
                expected,
                "lost, doubled or out of order"
            );
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_and_home_assistant_sees_nothing_of_it() {
    let mut world = World::small(TOKEN);
    world.set("sensor.count", "0");
    let home = HomeAssistant::start(world).await;
    let (gateway, _) = start(&home, "").await;
    let _until_now = home.asked();
    let mut client = gateway.client().await;
    client
        .subscribe(json!({"topics": ["entity/#", "room/#", "adapter/#"]}))
        .await;
    let mut numbers = Numbers {
        client,
        said: 0,
        heard: 0,
    };
    let mut before = Value::Null;
    for variation in 1..=3 {
        numbers.take(&home, 300).await;
        gateway.install("home-assistant", variation);
        // The file is noticed, compiled and taken over while the numbers run.
        loop {
            numbers.take(&home, 20).await;
            let last = gateway.status("home").await["last_reload"].clone();
            if last != before {
                before = last;
                break;
            }
        }
        let kept = (&before["outcome"], &before["state"], &before["connections"]);
        assert_eq!(
            kept,
            (&json!("reloaded"), &json!("kept"), &json!(1)),
            "{before}"
        );
    }
    numbers.take(&home, 300).await;
    assert_eq!(home.logins(), 1);
    let asked: Vec<String> = home
        .asked()
        .into_iter()
        .filter(|command| command != "ping")
        .collect();
    assert_eq!(asked, [""; 0], "nothing was read anew");
    let others = numbers.client.take_kept().into_iter();
    let others: Vec<Value> = others
        .filter(|frame| frame["type"] != "heartbeat")
        .collect();
    assert_eq!(others, [Value::Null; 0], "and nothing else was told");
}

#[tokio::test]
async fn a_call_that_waits_is_answered_by_the_next_version() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    // Longer than a busy machine takes to compile the next version.
    let patient = source(
        "home",
        &home,
        "call-timeout = \"50s\"",
        "call-timeout = \"30s\"",
    );
    let gateway = setup(&patient).start().await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/#"]).await;
    synchronised(&mut client).await;
    home.mute(true);
    let toggle = json!({"type": "call_service", "id": "late", "data": {"domain": "light", "service": "toggle"}});
    client.send_text(toggle.to_string()).await;
    let request =
        hearthgate_tests::wait::until("the call arrives", || async { home.calls().pop() }).await;
    gateway.install("home-assistant", 1);
    let outcome = gateway.reload_after("home", &Value::Null).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    home.mute(false);
    home.say(
        &json!({"id": request["id"], "type": "result", "success": true, "result": {"response": 7}})
            .to_string(),
    );
    let reply = client.answer(&json!("late")).await;
    assert_eq!(
        (&reply["type"], &reply["data"]["response"]),
        (&json!("reply"), &json!(7)),
        "{reply}"
    );
}
