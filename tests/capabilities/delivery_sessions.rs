//! Sessions and revoked links in the store, on SQLite and PostgreSQL: `delivery_store` runs these scenarios on both.

use chrono::{DateTime, TimeDelta, Utc};
use pragati::delivery::person::{Person, Roles};
use pragati::delivery::request::RequestId;
use pragati::delivery::store::{Database, LogoutAtIssuer, NewSession, SessionStart, Store};
use pragati::ids::UserId;
use pragati::language::Language;

use crate::delivery_store::{accepted, click, open, start};

const IDLE: TimeDelta = TimeDelta::minutes(30);

fn person() -> Person {
    Person {
        user_id: "आशा \"x\"".parse().expect("an id"),
        email: Some("asha@example.org".to_owned()),
        roles: Roles {
            platform_admin: true,
            tenant_admin_of: ["t'1".parse().expect("an id")].into(),
        },
        language: Some(Language::Odia),
    }
}

async fn begins(store: &Store, id_hash: &str, sign_in_hash: &str, at: DateTime<Utc>) -> bool {
    let begun = begins_in(store, id_hash, sign_in_hash, None, at).await;
    assert_ne!(begun, SessionStart::EndedAtIssuer);
    begun == SessionStart::Started
}

/// Begins a session that belongs to a session of the issuer.
async fn begins_in(
    store: &Store,
    id_hash: &str,
    sign_in_hash: &str,
    issuer_session_hash: Option<&str>,
    at: DateTime<Utc>,
) -> SessionStart {
    let session = NewSession {
        id_hash,
        sign_in_hash,
        issuer_session_hash,
        person: &person(),
        starts_at: at,
        ends_at: at + TimeDelta::minutes(120),
    };
    store.start_session(session).await.expect("an answer")
}

async fn who(store: &Store, id_hash: &str, now: DateTime<Utc>) -> Option<Person> {
    store.use_session(id_hash, IDLE, now).await.expect("an answer")
}

pub async fn a_session_is_whose_it_was_until_it_ends(database: Database) {
    let store = open(&database).await;
    let at = |minutes: i64| start() + TimeDelta::minutes(minutes);
    assert!(begins(&store, "h1", "s1", at(0)).await);
    assert!(!begins(&store, "h2", "s1", at(1)).await, "a sign-in makes one session");
    assert_eq!(who(&store, "h2", at(1)).await, None);
    assert_eq!(who(&store, "h1", at(0)).await, Some(person()));
    assert_eq!(who(&store, "H1", at(0)).await, None);
    // Used every 29 minutes, it lives for its two hours.
    for minutes in [29, 58, 87, 116] {
        assert_eq!(who(&store, "h1", at(minutes)).await, Some(person()), "{minutes}");
    }
    assert_eq!(who(&store, "h1", at(120)).await, None, "its time is over");
    assert!(begins(&store, "h3", "s3", at(0)).await);
    assert_eq!(who(&store, "h3", at(30)).await, None, "it was not used");
    assert!(begins(&store, "h4", "s4", at(0)).await);
    assert!(begins(&store, "h5", "s5", at(0)).await);
    store.end_session("h4", at(1)).await.expect("an answer");
    store.end_session("never was", at(1)).await.expect("an answer");
    assert_eq!(who(&store, "h4", at(2)).await, None, "its person signed out");
    assert_eq!(who(&store, "h5", at(2)).await, Some(person()));
    assert!(!begins(&store, "h6", "s4", at(3)).await, "not after it ended either");
    let other = "somebody".parse().expect("an id");
    assert_eq!(store.end_sessions_of(&other, at(3)).await.expect("an answer"), 0);
    // One that is not used any more counts as one until its time is over.
    let ended = store.end_sessions_of(&person().user_id, at(3)).await;
    assert_eq!(ended.expect("an answer"), 3);
    assert_eq!(who(&store, "h5", at(4)).await, None);
    assert_eq!(store.remove_old_sessions(at(179)).await.expect("an answer"), 0);
    assert_eq!(store.remove_old_sessions(at(180)).await.expect("an answer"), 4);
    store.close().await;
}

/// A logout a minute after the start.
fn logout<'a>(
    token_hash: &'a str,
    issuer_session_hash: Option<&'a str>,
    user: Option<&'a UserId>,
) -> LogoutAtIssuer<'a> {
    LogoutAtIssuer {
        token_hash,
        issuer_session_hash,
        user,
        at: start() + TimeDelta::minutes(1),
    }
}

async fn ended(store: &Store, logout: LogoutAtIssuer<'_>) -> Option<u64> {
    store.end_sessions_by_issuer(logout).await.expect("an answer")
}

/// Those of four sessions that have not ended.
async fn alive(store: &Store, now: DateTime<Utc>) -> Vec<&'static str> {
    let mut alive = Vec::new();
    for id in ["h0", "h1", "h2", "h3"] {
        alive.extend(who(store, id, now).await.map(|_| id));
    }
    alive
}

pub async fn a_logout_at_the_issuer_ends_what_it_names(database: Database) {
    let store = open(&database).await;
    let person = person().user_id;
    let other: UserId = "somebody".parse().expect("an id");
    let now = start() + TimeDelta::minutes(1);
    for (number, issuer_session) in [Some("i1"), Some("i1"), Some("i2"), None].into_iter().enumerate() {
        let (id, sign_in) = (format!("h{number}"), format!("s{number}"));
        let begun = begins_in(&store, &id, &sign_in, issuer_session, start()).await;
        assert_eq!(begun, SessionStart::Started);
    }
    assert_eq!(ended(&store, logout("t1", Some("unknown"), None)).await, Some(0));
    assert_eq!(
        ended(&store, logout("t2", None, Some(&other))).await,
        Some(0),
        "another person"
    );
    assert_eq!(alive(&store, now).await, ["h0", "h1", "h2", "h3"]);
    assert_eq!(ended(&store, logout("t3", Some("i1"), None)).await, Some(2));
    assert_eq!(alive(&store, now).await, ["h2", "h3"]);
    // A token that was used before ends nothing, whatever it names.
    assert_eq!(ended(&store, logout("t3", None, Some(&person))).await, None);
    assert_eq!(alive(&store, now).await, ["h2", "h3"]);
    // Of a session that names no issuer's session, only its person is known.
    assert_eq!(ended(&store, logout("t4", Some("i3"), Some(&person))).await, Some(1));
    assert_eq!(alive(&store, now).await, ["h2"]);
    assert_eq!(ended(&store, logout("t5", None, Some(&person))).await, Some(1));
    assert!(alive(&store, now).await.is_empty());
    assert_eq!(
        ended(&store, logout("t6", None, Some(&person))).await,
        Some(0),
        "all have ended"
    );
    // A sign-in that was under way in a session that has ended makes none; one in another session does.
    let late = begins_in(&store, "h4", "s4", Some("i1"), now).await;
    assert_eq!(late, SessionStart::EndedAtIssuer);
    assert_eq!(who(&store, "h4", now).await, None);
    let other_session = begins_in(&store, "h4", "s4", Some("i2"), now).await;
    assert_eq!(other_session, SessionStart::Started);
    // Of one token that comes many times at once, one is taken.
    let uses: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { ended(&store, logout("t7", Some("i1"), None)).await.is_some() })
        })
        .collect();
    let mut taken = 0;
    for one in uses {
        taken += usize::from(one.await.expect("no panic"));
    }
    assert_eq!(taken, 1);
    // The ids of tokens are kept for an hour; no token is valid for so long.
    store
        .remove_old_sessions(now + TimeDelta::minutes(59))
        .await
        .expect("an answer");
    assert_eq!(ended(&store, logout("t1", Some("i1"), None)).await, None);
    store
        .remove_old_sessions(now + TimeDelta::minutes(60))
        .await
        .expect("an answer");
    assert_eq!(ended(&store, logout("t1", Some("i1"), None)).await, Some(0));
    store.close().await;
}

pub async fn a_session_that_many_use_at_once_is_one(database: Database) {
    let store = open(&database).await;
    assert!(begins(&store, "h1", "s1", start()).await);
    let later = start() + TimeDelta::minutes(10);
    let uses: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { who(&store, "h1", later).await })
        })
        .collect();
    for one in uses {
        assert_eq!(one.await.expect("no panic"), Some(person()));
    }
    // Of fifty sign-ins with one code, one goes through.
    let begun: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { begins(&store, &format!("n{number}"), "s2", start()).await })
        })
        .collect();
    let mut sessions = 0;
    for one in begun {
        sessions += usize::from(one.await.expect("no panic"));
    }
    assert_eq!(sessions, 1);
    store.close().await;
}

pub async fn a_revoked_link_stays_revoked(database: Database) {
    let store = open(&database).await;
    let request = accepted(&store, click("u1", "b1")).await;
    let other = accepted(&store, click("u1", "b2")).await;
    assert!(!store.is_link_revoked(request.id).await.expect("an answer"));
    for _ in 0..2 {
        assert!(store.revoke_link(request.id, start()).await.expect("an answer"));
    }
    assert!(store.is_link_revoked(request.id).await.expect("an answer"));
    assert!(!store.is_link_revoked(other.id).await.expect("an answer"));
    assert!(!store.revoke_link(RequestId::new(), start()).await.expect("an answer"));
    store.close().await;
}
