//! Revocation, users who log in, and what a path makes of credentials.

use super::*;
use std::time::Duration;

#[tokio::test]
async fn a_revoked_token_is_refused() {
    let given = with_secret("");
    let revocation = Revocation {
        what: revocation::What::Jti("one".into()),
        until: None,
        issued_before: None,
        revoked_at: Timestamp::now(),
    };
    given
        .auth
        .revocations()
        .add(revocation)
        .await
        .expect("kept");
    check(&given, "revoked", &hs256(&good()), Err(AuthError::Revoked)).await;
    let other = but(json!({"jti": "two"}));
    check(&given, "another one", &hs256(&other), Ok("alice")).await;
}

#[tokio::test]
async fn users_log_in_and_their_tokens_end_with_them() {
    let hash = password::hash(b"correct horse").expect("hashed");
    let users = format!(
        "[auth.users.alice]\npassword-hash = '{hash}'\nroles = [\"admin\"]\n[auth.login]\nattempts = 3\nper = \"1h\""
    );
    let given = given(|_| {}, &users);
    let auth = &given.auth;
    let login = |name: &'static str, password: &str, address: &'static str| {
        let password = zeroize::Zeroizing::new(password.to_owned());
        async move { auth.login(name, password, address).await }
    };
    let session = login("alice", "correct horse", "192.0.2.1")
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    check(&given, "access", &session.access_token, Ok("alice")).await;
    check(
        &given,
        "refresh is not access",
        &session.refresh_token,
        Err(AuthError::Audience),
    )
    .await;
    assert!(
        auth.refresh(&session.access_token).await.is_err(),
        "access is not refresh"
    );
    let again = auth
        .refresh(&session.refresh_token)
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    check(&given, "refreshed", &again.access_token, Ok("alice")).await;
    for _ in 0..3 {
        assert_eq!(
            login("alice", "wrong", "192.0.2.2").await.err(),
            Some(LoginError::InvalidCredentials)
        );
    }
    let throttled = |error: Option<LoginError>| matches!(error, Some(LoginError::Throttled(_)));
    assert!(
        throttled(login("bob", "wrong", "192.0.2.2").await.err()),
        "the address"
    );
    assert!(
        throttled(login("alice", "correct horse", "192.0.2.3").await.err()),
        "the user"
    );
    // A user who is taken out of the configuration is nobody any more.
    let verified = auth
        .verify(&session.access_token)
        .await
        .expect("still valid");
    assert!(auth.still_holds(&verified));
    auth.apply(
        &crate::config::Auth::default(),
        &crate::config::Access::default(),
    )
    .expect("applied");
    assert!(!auth.still_holds(&verified));
    assert!(auth.verify(&session.access_token).await.is_err());
    let key = SigningKey::usual_place(given._folder.path());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(key).expect("made").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn credentials_are_judged_by_the_paths_policy() {
    use crate::config::{Authentication, Requirement};
    let given = with_secret("");
    let address = std::net::IpAddr::from([127, 0, 0, 1]);
    let admit = async |requirement, token: Option<&str>| {
        let mut headers = hyper::HeaderMap::new();
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a header");
            headers.insert(hyper::header::AUTHORIZATION, value);
        }
        let policy = Authentication {
            requirement,
            reject_status: 403,
            query_token: false,
        };
        match given.auth.admit(&headers, None, &policy, address).await {
            Ok(Caller::Anonymous) => "anonymous".to_owned(),
            Ok(Caller::Invalid(_)) => "invalid".to_owned(),
            Ok(Caller::Identified(who)) => who.identity.subject.clone(),
            Err(refused) => format!("{} {}", refused.status, refused.presented),
        }
    };
    let good = hs256(&good());
    for (requirement, token, expected) in [
        (Requirement::Optional, None, "anonymous"),
        (Requirement::Optional, Some("bad"), "403 true"),
        (Requirement::Optional, Some(&*good), "alice"),
        (Requirement::Required, None, "403 false"),
        (Requirement::Required, Some("bad"), "403 true"),
        (Requirement::Required, Some(&*good), "alice"),
        (Requirement::Lenient, None, "anonymous"),
        (Requirement::Lenient, Some("bad"), "invalid"),
        (Requirement::Lenient, Some(&*good), "alice"),
    ] {
        assert_eq!(
            admit(requirement, token).await,
            expected,
            "{requirement:?} {token:?}"
        );
    }
}

/// What a token costs beyond its signature is bounded by what is parsed; this only shows that nothing is quadratic.
#[tokio::test]
async fn the_longest_token_is_judged_at_once() {
    let given = with_secret("");
    let claims = but(json!({ "x": "a".repeat(5000) }));
    let token = hs256(&claims);
    assert!(token.len() < 8192);
    let begun = std::time::Instant::now();
    check(&given, "long", &token, Ok("alice")).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn of_several_issuers_each_signs_for_itself() {
    let write = |dir: &Path| {
        std::fs::write(dir.join("a"), SECRET).expect("written");
        std::fs::write(dir.join("b"), SECRET.to_uppercase()).expect("written");
    };
    let given = given(
        write,
        "[[auth.issuer]]\nissuer = \"a\"\nkey = { file = \"DIR/a\" }\n[[auth.issuer]]\nissuer = \"b\"\nroles-claim = \"realm.roles\"\nsubject-claim = \"name\"\nkey = { file = \"DIR/b\" }",
    );
    let key = |secret: &str| EncodingKey::from_secret(secret.as_bytes());
    let header = Header::new(Algorithm::HS256);
    let of_b = but(json!({"iss": "b", "name": "bob", "realm": {"roles": "one two"}}));
    let (a, b) = (key(SECRET), key(&SECRET.to_uppercase()));
    check(
        &given,
        "a",
        &sign(&header, &but(json!({"iss": "a"})), &a),
        Ok("alice"),
    )
    .await;
    check(&given, "b", &sign(&header, &of_b, &b), Ok("bob")).await;
    check(
        &given,
        "b by a's key",
        &sign(&header, &of_b, &a),
        Err(AuthError::Signature),
    )
    .await;
    check(
        &given,
        "nobody's",
        &sign(&header, &but(json!({"iss": "c"})), &a),
        Err(AuthError::Issuer),
    )
    .await;
    let roles = given
        .auth
        .verify(&sign(&header, &of_b, &b))
        .await
        .expect("valid");
    assert_eq!(roles.identity.roles, ["one", "two"]);
}

#[tokio::test]
async fn a_login_is_recorded_however_many_are_turned_away() {
    let hash = password::hash(b"correct horse").expect("hashed");
    let text = format!("[auth.users.alice]\npassword-hash = '{hash}'\n");
    let config = crate::config::Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    let folder = tempfile::tempdir().expect("a folder");
    let (audit, mut records) = Audit::new();
    let auth = Auth::start(&config.auth, &config.access, folder.path(), audit);
    let auth = auth.expect("it starts");
    assert!(auth.refresh("junk").await.is_err());
    let first = records.recv().await.expect("a record");
    assert_eq!((first.action, first.outcome), ("refresh", "refused"));
    let junk = Token::new("hgt_junk");
    for _ in 0..1000 {
        assert!(auth.authenticate(&junk, "192.0.2.9").await.is_err());
    }
    let password = zeroize::Zeroizing::new("correct horse".to_owned());
    let session = auth.login("alice", password, "192.0.2.1").await;
    assert!(session.is_ok());
    let mut found = false;
    while let Ok(record) = records.try_recv() {
        found |= record.action == "login" && record.outcome == "done";
    }
    assert!(found, "the login is not in the audit log");
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_password() {
    let user = |password: &[u8]| {
        let hash = password::hash(password).expect("hashed");
        let text = format!("[auth.users.alice]\npassword-hash = '{hash}'\n");
        let config = crate::config::Config::parse(&text);
        config.unwrap_or_else(|e| panic!("{e}"))
    };
    let (before, after) = (user(b"correct horse"), user(b"battery staple"));
    let folder = tempfile::tempdir().expect("a folder");
    let auth = Auth::start(&before.auth, &before.access, folder.path(), Audit::new().0);
    let auth = auth.expect("it starts");
    let password = zeroize::Zeroizing::new("correct horse".to_owned());
    let session = auth.login("alice", password, "192.0.2.1").await;
    let session = session.unwrap_or_else(|e| panic!("{e}"));
    auth.apply(&before.auth, &before.access).expect("applied");
    let token = session.refresh_token;
    assert!(auth.refresh(&token).await.is_ok(), "another reload");
    auth.apply(&after.auth, &after.access).expect("applied");
    assert_eq!(
        auth.refresh(&token).await.err(),
        Some(LoginError::InvalidCredentials)
    );
}

#[tokio::test]
async fn who_is_not_in_the_configuration_any_more_is_let_go() {
    let (token, hash) = api_tokens::generate();
    let (_, other) = api_tokens::generate();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), SECRET).expect("written");
    let config = |hash: &str, more: &str, issuers: &[&str]| {
        let key = folder.path().join("key").display().to_string();
        let issuer = |name: &&str| {
            format!("[[auth.issuer]]\nissuer = {name:?}\nkey = {{ file = {key:?} }}\n")
        };
        let issuers: String = issuers.iter().map(issuer).collect();
        let text = format!("[auth.tokens.ci]\nhash = {hash:?}\n{more}\n{issuers}");
        crate::config::Config::parse(&text).unwrap_or_else(|e| panic!("{e}"))
    };
    let end = "expires = \"2099-01-01T00:00:00Z\"";
    let first = config(&hash, end, &["one", "two"]);
    let auth = Auth::start(&first.auth, &first.access, folder.path(), Audit::new().0);
    let auth = auth.expect("it starts");
    let robot = auth.verify(&token).await.expect("known");
    let person = auth.verify(&hs256(&but(json!({"iss": "two"})))).await;
    let person = person.expect("known");
    for (what, config, expected) in [
        (
            "the same",
            config(&hash, end, &["one", "two"]),
            (true, true),
        ),
        ("another hash", config(&other, end, &["two"]), (false, true)),
        (
            "a sooner end",
            config(&hash, "expires = \"2020-01-01T00:00:00Z\"", &["two"]),
            (false, true),
        ),
        (
            "a later end",
            config(&hash, "expires = \"2100-01-01T00:00:00Z\"", &["two"]),
            (true, true),
        ),
        ("no end", config(&hash, "", &["two"]), (true, true)),
        (
            "no such issuer",
            config(&hash, end, &["one"]),
            (true, false),
        ),
    ] {
        auth.apply(&config.auth, &config.access).expect("applied");
        let found = (auth.still_holds(&robot), auth.still_holds(&person));
        assert_eq!(found, expected, "{what}");
    }
}
