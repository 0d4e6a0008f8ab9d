//! What the log says at the start about who may do what without a token, and that it is true.

use hearthgate_tests::{Issuer, Setup};

#[tokio::test]
async fn the_log_says_what_is_open_and_what_is_not() {
    let issuer = Issuer::default();
    let setup = Setup::new().plugin("parrot");
    let section = issuer.section(setup.folder());
    let routes = r#"routes = [
    { path = "/ws", dialect = "native" },
    { path = "/closed", dialect = "native", authentication = "required" },
    { path = "/api", plugin = "polly" },
]"#;
    let access = "[access]\npublic = [\"metrics/#\", \"device/+\"]\n[handlers.polly]\nplugin = \"parrot\"\ngrants = { handle = [\"parrot\"] }\n";
    let setup = setup.toml(&section).listener(routes).access(access);
    let closed = setup.variable("HEARTHGATE_ADMIN__REQUIRE_TOKEN", "true");
    let gateway = closed.start().await;
    let lines = gateway.journal.lines();
    let serving = lines.iter().filter(|line| line.message == "serving");
    let told: Vec<_> = serving.map(|line| line.field("without_a_token")).collect();
    assert_eq!(
        told,
        [
            "may read metrics/#, device/+ and send nothing",
            "refused",
            "may ask, unless a rule of [access] names the path",
            "health only",
        ]
    );
    assert!(!gateway.journal.text().contains("without authentication"));
    assert_eq!(gateway.admin().get("/api/v1/stats").await.status, 401);
    let open = Setup::new().start().await;
    let lines = open.journal.lines();
    let admin = lines.iter().rev().find(|line| line.message == "serving");
    let told = admin.map(|line| line.field("without_a_token"));
    assert_eq!(
        told.as_deref(),
        Some("everything, for whoever reaches this address")
    );
    assert_eq!(open.admin().get("/api/v1/stats").await.status, 200);
}
