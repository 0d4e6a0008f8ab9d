//! Shards against real sockets on loopback: what a reading client gets, and what one that does not read gets.

mod peer;

use super::*;
use crate::config::Terms;
use crate::event::Audience;
use crate::protocol::frame;
use crate::protocol::request::Policy;
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use peer::{Peer, connect, connect_heard_at, connect_with, event, sized};

const PATIENCE: Duration = Duration::from_secs(20);

fn settings() -> config::Connections {
    config::Connections {
        shards: 1,
        ..config::Connections::default()
    }
}

/// Little room, so that a slow client is soon noticed.
fn terms() -> Terms {
    Terms {
        outbox_frames: 8,
        ..Terms::default()
    }
}

/// Publishes, and waits until every shard has handled it: to how many connections it went.
async fn publish(shards: &Shards, events: Vec<Arc<Event>>) -> u32 {
    let (report, answers) = Report::new(shards.count());
    let room = shards.reserve().await.expect("running shards");
    room.send(&Batch::Events(events.into(), Some(report)));
    answers.total().await
}

fn seq(message: &Value) -> u64 {
    message["seq"]
        .as_u64()
        .unwrap_or_else(|| panic!("not an event: {message}"))
}

#[tokio::test]
async fn an_event_comes_once_however_many_subscriptions_match() {
    let shards = Shards::start(&settings());
    let mut peer = connect(&shards, "a").await;
    peer.subscribe(1, "a/#", Policy::All, None).await;
    peer.subscribe(2, "+/b", Policy::All, None).await;
    assert_eq!(
        publish(
            &shards,
            vec![event(1, "a/b", 1), event(2, "c", 1), event(3, "a", 1)]
        )
        .await,
        2
    );
    assert_eq!(seq(&peer.next().await.expect("an event")), 1);
    assert_eq!(seq(&peer.next().await.expect("an event")), 3);
    peer.link.unsubscribe(1).await;
    peer.link.unsubscribe(2).await;
    peer.subscribe(3, "d", Policy::All, None).await;
    assert_eq!(publish(&shards, vec![event(4, "a/b", 1)]).await, 0);
}

#[tokio::test]
async fn an_audience_is_held_against_each_connection() {
    let shards = Shards::start(&settings());
    let (mut one, mut other) = (
        connect(&shards, "one").await,
        connect(&shards, "other").await,
    );
    one.subscribe(1, "#", Policy::All, None).await;
    other.subscribe(1, "#", Policy::All, None).await;
    let only = vec![Audience::parse("client:one").expect("an audience")];
    let events = vec![sized(1, "a", 1, only), event(2, "a", 1)];
    assert_eq!(publish(&shards, events).await, 3);
    assert_eq!(seq(&one.next().await.expect("an event")), 1);
    assert_eq!(seq(&other.next().await.expect("an event")), 2);
}

#[tokio::test]
async fn a_snapshot_comes_first_then_what_follows_it_without_a_hole_or_a_double() {
    let shards = Shards::start(&settings());
    let mut peer = connect(&shards, "a").await;
    publish(&shards, vec![event(1, "a", 1), event(2, "b", 1)]).await;
    // The bus is ahead of the shard: 3 is in the snapshot already and must not come again.
    let opening: Opening = Box::new(|position| {
        assert_eq!(position, 2);
        Opened {
            retained: vec![event(2, "b", 1), event(3, "a", 1)],
            after: 3,
        }
    });
    let answer = peer.subscribe(1, "#", Policy::All, Some(opening)).await;
    assert_eq!(answer, serde_json::json!({ "seq": 3, "replayed": 2 }));
    publish(&shards, vec![event(3, "a", 1), event(4, "a", 1)]).await;
    for expected in [2, 3, 4] {
        assert_eq!(seq(&peer.next().await.expect("an event")), expected);
    }
}

/// Publishes large events until the client's socket is full, and then as many again.
async fn fill(shards: &Shards, peer: &Peer, topics: &[&str]) -> u64 {
    let mut last = 0;
    while peer.status.dropped() < 20 {
        last += 1;
        let topic = topics[usize::try_from(last).expect("small") % topics.len()];
        if publish(shards, vec![event(last, topic, 30_000)]).await == 0 {
            break;
        }
        assert!(last < 10_000, "the socket never fills up");
    }
    last
}

#[tokio::test]
async fn a_slow_reader_loses_the_oldest_and_is_told() {
    let shards = Shards::start(&settings());
    let (mut slow, mut quick) = (
        connect(&shards, "slow").await,
        connect(&shards, "quick").await,
    );
    slow.subscribe(1, "#", Policy::All, None).await;
    quick.subscribe(1, "other", Policy::All, None).await;
    let last = fill(&shards, &slow, &["a"]).await;
    let (mut before, mut missed) = (0, 0);
    while before < last {
        let message = slow.next().await.expect("an event or a gap");
        if message["type"] == "gap" {
            let gap = &message["data"];
            assert_eq!(
                (gap["reason"].as_str(), gap["policy"].as_str()),
                (Some("slow"), Some("all"))
            );
            let (first, end) = (gap["first_seq"].as_u64(), gap["last_seq"].as_u64());
            assert_eq!(
                first,
                Some(before + 1),
                "the gap begins behind the last event"
            );
            missed += gap["dropped"].as_u64().expect("a number");
            before = end.expect("a number");
        } else {
            assert_eq!(seq(&message), before + 1, "no hole without a gap");
            before += 1;
        }
    }
    assert_eq!(missed, slow.status.dropped());
    publish(&shards, vec![event(last + 1, "other", 1)]).await;
    assert_eq!(seq(&quick.next().await.expect("an event")), last + 1);
}

#[tokio::test]
async fn who_asked_for_the_latest_gets_the_newest_of_each_topic() {
    let shards = Shards::start(&settings());
    let mut slow = connect(&shards, "slow").await;
    slow.subscribe(1, "#", Policy::Latest, None).await;
    let last = fill(&shards, &slow, &["a", "b", "c"]).await;
    let (mut before, mut told) = (0, false);
    let mut newest = std::collections::BTreeSet::new();
    while before < last {
        let message = slow.next().await.expect("an event or a gap");
        if message["type"] == "gap" {
            told = true;
            assert_eq!(message["data"]["policy"], "latest");
            continue;
        }
        assert!(seq(&message) > before, "numbers rise");
        before = seq(&message);
        if before + 3 > last {
            newest.insert(message["topic"].as_str().expect("a topic").to_owned());
        }
    }
    assert!(told);
    assert_eq!(newest.len(), 3, "the last of each topic came");
}

#[tokio::test]
async fn who_does_not_read_control_frames_in_time_is_closed() {
    let hurried = Terms {
        write_timeout: Duration::from_millis(40),
        heartbeat_interval: Some(Duration::from_millis(40)),
        ..terms()
    };
    let shards = Shards::start(&settings());
    let mut slow = connect_with(&shards, "slow", hurried).await;
    slow.subscribe(1, "#", Policy::All, None).await;
    fill(&shards, &slow, &["a"]).await;
    // Not reading: a heartbeat comes due, can't be written, and the connection is cut off.
    let cut_off = async {
        loop {
            match slow.next().await {
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    };
    let waits = is_cut_off(&shards).await;
    assert!(waits, "the shard lets it go");
    let end = timeout(PATIENCE, cut_off).await.expect("an end");
    assert!(end == 0 || end == 4408, "ended with {end}");
}

/// Waits until nothing reaches the connection any more.
async fn is_cut_off(shards: &Shards) -> bool {
    for seq in 100_000..200_000 {
        if publish(shards, vec![event(seq, "a", 1)]).await == 0 {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_silent_client_is_closed_and_a_heard_one_is_not() {
    let hurried = Terms {
        pong_timeout: Some(Duration::from_millis(60)),
        ping_interval: Some(Duration::from_millis(20)),
        ..terms()
    };
    let shards = Shards::start(&settings());
    let mut silent = connect_with(&shards, "silent", hurried.clone()).await;
    let message = silent.next().await.expect("a farewell");
    assert_eq!(message["type"], "disconnect");
    assert_eq!(message["data"]["code"], 4409);
    assert!(message["data"]["reconnect"]["after_ms_max"].is_u64());
    assert_eq!(silent.next().await, Err(4409));
    let mut heard = connect_heard_at(&shards, "heard", u64::MAX, hurried).await;
    let pings = async {
        for _ in 0..10 {
            let mut frame = [0; 2];
            heard.stream.read_exact(&mut frame).await.expect("a ping");
            assert_eq!(frame, [0x89, 0]);
        }
    };
    timeout(PATIENCE, pings).await.expect("pings go on");
}

#[tokio::test]
async fn closing_all_writes_out_what_waits() {
    let shards = Shards::start(&settings());
    let mut peer = connect(&shards, "a").await;
    peer.subscribe(1, "#", Policy::All, None).await;
    publish(&shards, (1..=5).map(|n| event(n, "a", 20_000)).collect()).await;
    let closing = |frames| Closing {
        code: 1012,
        frames,
        at_once: false,
    };
    let native = closing(vec![
        frame::text("{\"type\":\"disconnect\"}"),
        frame::close(1012, ""),
    ]);
    shards.close_all(native, closing(Vec::new())).await;
    for expected in 1..=5 {
        assert_eq!(seq(&peer.next().await.expect("an event")), expected);
    }
    assert_eq!(peer.next().await.expect("a farewell")["type"], "disconnect");
    assert_eq!(peer.next().await, Err(1012));
    assert_eq!(peer.next().await, Err(0), "our side is shut");
}

#[tokio::test]
async fn heartbeats_tell_how_many_there_are() {
    let hurried = Terms {
        heartbeat_interval: Some(Duration::from_millis(20)),
        ..terms()
    };
    let shards = Shards::start(&settings());
    assert!(shards.population().try_add(2) && shards.population().try_add(2));
    assert!(!shards.population().try_add(2), "the limit holds");
    let mut peer = connect_with(&shards, "a", hurried).await;
    let message = peer.next().await.expect("a heartbeat");
    assert_eq!(
        (
            message["type"].as_str(),
            message["data"]["clients"].as_u64()
        ),
        (Some("heartbeat"), Some(2))
    );
}

#[tokio::test]
async fn publishers_wait_while_a_shard_is_full() {
    let tight = config::Connections {
        shard_queue: 1,
        shards: 2,
        ..settings()
    };
    let shards = Shards::start(&tight);
    let held = shards.reserve().await.expect("room");
    let mut second = Box::pin(shards.reserve());
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(
        second.as_mut().poll(&mut context).is_pending(),
        "no room while it is held"
    );
    drop(held);
    assert!(
        timeout(PATIENCE, second)
            .await
            .expect("room again")
            .is_some()
    );
}

#[tokio::test]
async fn a_client_without_a_pulse_is_closed_with_the_code_of_its_dialect() {
    let drowsy = Terms {
        idle_timeout: Some(Duration::from_millis(60)),
        idle_close: 4000,
        pong_timeout: None,
        ..terms()
    };
    let shards = Shards::start(&settings());
    let mut idle = connect_with(&shards, "idle", drowsy.clone()).await;
    let message = idle.next().await.expect("a farewell");
    assert_eq!(
        (&message["type"], &message["data"]["code"]),
        (&"disconnect".into(), &4000.into())
    );
    assert_eq!(idle.next().await, Err(4000));
    // Another one that is never closed for it, on the same shard, is told of an event after that.
    let mut patient = connect_with(
        &shards,
        "patient",
        Terms {
            idle_timeout: None,
            ..drowsy
        },
    )
    .await;
    patient.subscribe(1, "a", Policy::All, None).await;
    publish(&shards, vec![event(1, "a", 1)]).await;
    assert_eq!(seq(&patient.next().await.expect("an event")), 1);
}

#[tokio::test]
async fn a_change_of_terms_reaches_open_connections() {
    let shards = Shards::start(&settings());
    let mut peer = connect(&shards, "a").await;
    let hurried = Terms {
        heartbeat_interval: Some(Duration::from_millis(20)),
        ..terms()
    };
    peer.terms.store(Arc::new(hurried));
    shards.refresh().await;
    let message = peer.next().await.expect("a heartbeat");
    assert_eq!(message["type"], "heartbeat");
}
