//! The store on a real disk.

use super::*;
use crate::plugins::services::Rights;

fn store(database: &Database, instance: &str, quota: u64) -> Store {
    let mut rights = Rights::default();
    rights.limits.store = quota;
    let rights = Current::new(arc_swap::ArcSwap::from_pointee(rights));
    database.store(&InstanceName::parse(instance).expect("a name"), &rights)
}

#[tokio::test]
async fn values_survive_and_instances_are_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    {
        let database = Database::open(directory.path());
        let (a, b) = (store(&database, "a", 1000), store(&database, "b", 1000));
        a.set("k", b"of a").await.expect("set");
        a.set("gone", b"x").await.expect("set");
        a.delete("gone").await.expect("deleted");
        a.delete("never").await.expect("no error");
        assert_eq!(b.get("k").await, Ok(None));
        b.set("k", b"of b").await.expect("set");
    }
    let database = Database::open(directory.path());
    let (a, b) = (store(&database, "a", 1000), store(&database, "b", 1000));
    assert_eq!(a.get("k").await, Ok(Some(Bytes::from_static(b"of a"))));
    assert_eq!(b.get("k").await, Ok(Some(Bytes::from_static(b"of b"))));
    assert_eq!(a.get("gone").await, Ok(None));
}

#[tokio::test]
async fn keys_are_listed_in_order_by_prefix_and_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = Database::open(directory.path());
    let (a, b) = (store(&database, "a", 1000), store(&database, "ab", 1000));
    for key in ["x/2", "x/1", "x/3", "y", "w"] {
        a.set(key, b"").await.expect("set");
        b.set(&format!("{key}b"), b"").await.expect("set");
    }
    for (prefix, after, limit, expected) in [
        ("", None, 9, &["w", "x/1", "x/2", "x/3", "y"][..]),
        ("x/", None, 9, &["x/1", "x/2", "x/3"]),
        ("x/", None, 2, &["x/1", "x/2"]),
        ("x/", Some("x/2"), 2, &["x/3"]),
        ("x/", Some("a"), 1, &["x/1"]),
        ("x/", Some("z"), 9, &[]),
        ("z", None, 9, &[]),
        ("", None, 0, &[]),
    ] {
        let keys = a.keys(prefix, after, limit).await.expect("keys");
        assert_eq!(keys, expected, "{prefix:?} {after:?} {limit}");
    }
}

#[tokio::test]
async fn the_quota_counts_keys_and_values_and_outlives_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = Database::open(directory.path());
    let small = store(&database, "a", 100);
    small.set("key1", &[0; 46]).await.expect("50 bytes");
    assert_eq!(
        small.set("key2", &[0; 47]).await,
        Err(StoreError::Quota(100))
    );
    small.set("key2", &[0; 46]).await.expect("100 bytes");
    assert_eq!(small.set("k", b"").await, Err(StoreError::Quota(100)));
    small.set("key1", &[0; 40]).await.expect("less");
    assert_eq!(
        small.set("big", &[0; 1000]).await,
        Err(StoreError::Quota(100))
    );
    drop((small, database));
    let database = Database::open(directory.path());
    let small = store(&database, "a", 100);
    assert_eq!(
        small.set("key3", &[0; 3]).await,
        Err(StoreError::Quota(100))
    );
    small.set("key3", &[0; 2]).await.expect("100 bytes");
    // A lowered quota: only what makes it smaller is taken.
    let lowered = store(&database, "a", 60);
    assert_eq!(
        lowered.set("key1", &[0; 41]).await,
        Err(StoreError::Quota(60))
    );
    lowered.set("key1", &[0; 30]).await.expect("smaller");
    assert_eq!(
        lowered
            .get("key3")
            .await
            .map(|value| value.map(|v| v.len())),
        Ok(Some(2))
    );
}

#[tokio::test]
async fn keys_are_checked() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = Database::open(directory.path());
    let store = store(&database, "a", 10_000);
    for key in ["", "a\n", "ä", "\u{7f}", &"k".repeat(257)] {
        assert_eq!(
            store.set(key, b"").await,
            Err(StoreError::InvalidKey),
            "{key:?}"
        );
        assert_eq!(store.get(key).await, Err(StoreError::InvalidKey), "{key:?}");
        assert_eq!(
            store.delete(key).await,
            Err(StoreError::InvalidKey),
            "{key:?}"
        );
    }
    store.set(&"k".repeat(256), b"").await.expect("the longest");
    store.set("a b~!", b"").await.expect("printable");
}

#[tokio::test]
async fn many_writers_at_once_are_all_durable() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = Database::open(directory.path());
    let write = |n: u32| {
        let store = store(&database, &format!("i{}", n % 7), 100_000);
        async move { store.set(&format!("k{n}"), &n.to_le_bytes()).await }
    };
    let written = futures_util::future::join_all((0..500).map(write)).await;
    assert!(written.iter().all(Result::is_ok));
    drop(database);
    let database = Database::open(directory.path());
    for n in 0..500_u32 {
        let value = store(&database, &format!("i{}", n % 7), 1)
            .get(&format!("k{n}"))
            .await;
        assert_eq!(value, Ok(Some(Bytes::copy_from_slice(&n.to_le_bytes()))));
    }
}

#[tokio::test]
async fn a_broken_file_is_moved_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.redb");
    drop(Database::open(directory.path()));
    let whole = std::fs::read(&path).expect("a file");
    for broken in [
        b"not a database".to_vec(),
        whole[..whole.len() / 3].to_vec(),
        vec![0xff; whole.len()],
    ] {
        std::fs::write(&path, &broken).expect("written");
        let database = Database::open(directory.path());
        let store = store(&database, "a", 1000);
        store.set("k", b"v").await.expect("a store that works");
        assert_eq!(store.get("k").await, Ok(Some(Bytes::from_static(b"v"))));
    }
    let names = std::fs::read_dir(directory.path())
        .expect("a directory")
        .flatten();
    let aside = names
        .filter(|entry| entry.file_name().to_string_lossy().contains(".broken-"))
        .count();
    assert_eq!(aside, 3);
}

#[tokio::test]
async fn an_unusable_place_is_unavailable_until_it_is_usable() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().join("state");
    std::fs::write(&place, b"a file where the folder should be").expect("written");
    let database = Database::open(&place);
    let store = store(&database, "a", 1000);
    assert!(matches!(
        store.set("k", b"v").await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        store.get("k").await,
        Err(StoreError::Unavailable(_))
    ));
    std::fs::remove_file(&place).expect("removed");
    store.set("k", b"v").await.expect("it works now");
}
