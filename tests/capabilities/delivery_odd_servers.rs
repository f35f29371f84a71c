//! Reports by mail through servers with odd habits: what their answers mean, and in which form a report goes out.

use std::time::{Duration, Instant};

use pragati::config::MailConfig;
use pragati::delivery::mail::{Mailer, SendError};
use pragati::report::ReportFormat;

use crate::delivery_mail::{Delivery, mailer, noise, words};
use crate::odd_mail_server::{At, Habit, OddServer, SILENCE};

const MEGABYTE: usize = 1_000_000;

type OddAnswers = &'static [(At, &'static [u8])];

/// A CSV of 900 kB, which is 1.2 MB in a mail and packs to a few kB.
fn csv() -> Delivery {
    Delivery::new(&"a,b,c\n".repeat(150_000).into_bytes()).with_link()
}

/// A spreadsheet of that size, which does not pack smaller.
fn xlsx() -> Delivery {
    let mut delivery = Delivery::new(&noise(900_000)).with_link();
    delivery.request.format = ReportFormat::Xlsx;
    delivery.file.name = "course-progress_Batch-1_2026-11-22.xlsx".to_owned();
    delivery
}

#[tokio::test]
async fn ehlo_is_sent_once_per_connection() {
    let server = OddServer::start(Habit {
        odd: &[(At::SecondEhlo, b"503 5.5.1 Duplicate EHLO")],
        ..Habit::NONE
    })
    .await;
    let mailer = mailer(&server.config());
    for _ in 0..2 {
        csv().send(&mailer).await.expect("sent");
    }
    assert_eq!((server.heard("EHLO"), server.heard("HELO")), (1, 0));
    assert_eq!(server.brought(), ["csv", "csv"]);
}

#[tokio::test]
async fn a_server_with_only_helo_accepts_mails() {
    let server = OddServer::start(Habit {
        odd: &[
            (At::Ehlo, b"502 5.5.1 what?"),
            (At::SizeParameter, b"555 no parameters"),
        ],
        ..Habit::NONE
    })
    .await;
    csv().send(&mailer(&server.config())).await.expect("sent");
    assert_eq!((server.heard("HELO"), server.heard("MAIL")), (1, 1));
}

#[tokio::test]
async fn the_number_after_size_bounds_the_ladder() {
    let habit = Habit {
        ehlo: &["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 1000000"],
        limit: MEGABYTE,
        odd: &[
            (At::TooLargeSender, b"552 5.3.4 Message size exceeds fixed limit"),
            (At::TooLargeContent, b"552 5.3.4 Error: message file too big"),
        ],
        ..Habit::NONE
    };
    let server = OddServer::start(habit).await;
    let mailer = mailer(&server.config());
    for delivery in [csv(), xlsx(), csv()] {
        delivery.send(&mailer).await.expect("sent");
        assert_eq!(delivery.handovers(), 1);
    }
    assert_eq!(server.brought(), ["zip", "link", "zip"]);
    // What is too large by its own word is not offered.
    assert_eq!(server.heard("MAIL"), 3);
}

#[tokio::test]
async fn a_refusal_for_size_at_any_step_takes_the_next_form() {
    let cases: [(OddAnswers, usize); 7] = [
        (&[(At::TooLargeSender, b"552 5.3.4 too large")], 0),
        (&[(At::TooLargeSender, b"554 5.3.4 too large")], 0),
        (&[(At::TooLargeRecipient, b"552 5.3.4 too large")], 0),
        (&[(At::TooLargeRecipient, b"550 5.2.3 too large for this mailbox")], 0),
        (&[(At::TooLargeContent, b"552 5.3.4 message file too big")], 1),
        (&[(At::TooLargeContent, b"554 5.3.4 message file too big")], 1),
        (&[(At::WithinContent, b"552 5.3.4 enough")], 1),
    ];
    for (odd, begun_in_vain) in cases {
        let server = OddServer::start(Habit {
            // It wants to know sizes, and has no limit of its own.
            ehlo: &["8BITMIME", "SIZE"],
            limit: MEGABYTE / 2,
            odd,
            ..Habit::NONE
        })
        .await;
        let mailer = mailer(&server.config());
        for (delivery, form) in [(csv(), "zip"), (xlsx(), "link")] {
            delivery.send(&mailer).await.expect("sent");
            let brought = server.brought();
            assert_eq!(brought.last().map(String::as_str), Some(form), "{odd:?}");
            assert!(delivery.handovers() <= begun_in_vain + 1, "{odd:?}");
            assert_eq!(delivery.taken_back() + 1, delivery.handovers(), "{odd:?}");
        }
        assert_eq!(server.brought().len(), 2, "{odd:?}");
    }
}

#[tokio::test]
async fn a_learned_size_limit_is_remembered() {
    let server = OddServer::start(Habit {
        ehlo: &["8BITMIME"],
        limit: MEGABYTE / 2,
        odd: &[(At::TooLargeContent, b"552 5.3.4 message file too big")],
        ..Habit::NONE
    })
    .await;
    let mailer = mailer(&server.config());
    csv().send(&mailer).await.expect("sent");
    assert_eq!(server.heard("DATA"), 2);
    let second = csv();
    second.send(&mailer).await.expect("sent");
    assert_eq!((server.heard("DATA"), second.handovers()), (3, 1));
    assert_eq!(server.brought(), ["zip", "zip"]);
}

#[tokio::test]
async fn a_full_mailbox_sets_no_size_limit_for_others() {
    let server = OddServer::start(Habit {
        ehlo: &["8BITMIME"],
        limit: MEGABYTE / 2,
        odd: &[(
            At::TooLargeContent,
            b"552 Requested mail action aborted: exceeded storage allocation",
        )],
        times: 1,
        ..Habit::NONE
    })
    .await;
    let mailer = mailer(&server.config());
    for _ in 0..2 {
        csv().send(&mailer).await.expect("sent");
    }
    assert_eq!(server.brought(), ["zip", "csv"]);
}

#[tokio::test]
async fn a_mail_that_is_too_large_even_as_a_link_is_refused() {
    let server = OddServer::start(Habit {
        limit: 10,
        odd: &[(At::TooLargeContent, b"552 5.3.4 too big")],
        ..Habit::NONE
    })
    .await;
    let delivery = csv();
    let words = words("refused", delivery.send(&mailer(&server.config())).await);
    assert!(words.starts_with("552 5.3.4 too big"), "{words}");
    assert_eq!((delivery.handovers(), delivery.taken_back()), (3, 2));
}

#[tokio::test]
async fn sizes_are_declared_to_servers_with_the_size_extension() {
    let server = OddServer::start(Habit {
        ehlo: &["8BITMIME", "ENHANCEDSTATUSCODES"],
        odd: &[(At::SizeParameter, b"555 5.5.4 Unsupported option: SIZE")],
        ..Habit::NONE
    })
    .await;
    csv().send(&mailer(&server.config())).await.expect("sent");
    assert_eq!(server.brought(), ["csv"]);
}

#[tokio::test]
async fn answers_in_any_bytes_are_understood_by_their_code() {
    let server = OddServer::start(Habit {
        odd: &[(At::Taken, b"250 2.0.0 Message accept\xe9")],
        ..Habit::NONE
    })
    .await;
    csv().send(&mailer(&server.config())).await.expect("sent");
    assert_eq!(server.brought().len(), 1);

    let server = OddServer::start(Habit {
        odd: &[(At::Recipient, b"550 5.1.1 Utilisateur inconnu: bo\xeete supprim\xe9e")],
        ..Habit::NONE
    })
    .await;
    let words = words("refused", csv().send(&mailer(&server.config())).await);
    assert!(words.contains("boîte supprimée"), "{words}");
}

#[tokio::test]
async fn a_configuration_error_is_recognised_and_can_be_corrected() {
    let cases: [(At, &[u8]); 5] = [
        (At::Sender, b"530 5.7.0 Authentication required"),
        (At::Recipient, b"554 5.7.1 Client host rejected: Access denied"),
        (
            At::Sender,
            b"550 5.7.1 Sender address rejected: not owned by this client",
        ),
        (
            At::Recipient,
            b"504 5.5.2 Helo command rejected: need fully-qualified hostname",
        ),
        (At::Recipient, b"550 relay not permitted"),
    ];
    for (at, answer) in cases {
        let server = OddServer::start(Habit {
            odd: Box::leak(Box::new([(at, answer)])),
            // The one that waits is refused once, and the new one that is tried then.
            times: 2,
            ..Habit::NONE
        })
        .await;
        let mailer = mailer(&server.config());
        let code = String::from_utf8_lossy(&answer[..3]).into_owned();
        let mut tries = 0;
        while let Err(error) = csv().send(&mailer).await {
            let SendError::Misconfigured(refusal) = &error else {
                panic!("{error}");
            };
            assert_eq!(refusal.may_be_of_mailbox, at == At::Recipient, "{error}");
            assert!(error.to_string().starts_with(&code), "{error}");
            tries += 1;
            assert!(tries < 3);
        }
        assert!(tries > 0);
        assert_eq!(server.brought(), ["csv"]);
    }
}

#[tokio::test]
async fn the_name_in_hello_is_qualified() {
    let server = OddServer::start(Habit {
        odd: &[(
            At::UnqualifiedRecipient,
            b"504 5.5.2 Helo command rejected: need fully-qualified hostname",
        )],
        ..Habit::NONE
    })
    .await;
    csv().send(&mailer(&server.config())).await.expect("sent");
    let named = MailConfig {
        helo_name: Some("reports.pragati.example".to_owned()),
        ..server.config()
    };
    csv().send(&mailer(&named)).await.expect("sent");
    assert_eq!(server.heard("EHLO reports.pragati.example"), 1);
}

#[tokio::test]
async fn a_greylisted_mail_is_retried() {
    for (odd, closes) in [
        (b"451 4.7.1 Greylisted, please try again later".as_slice(), false),
        (b"421 4.3.2 Service shutting down".as_slice(), true),
    ] {
        let server = OddServer::start(Habit {
            odd: Box::leak(Box::new([(At::Recipient, odd)])),
            times: 1,
            closes,
            ..Habit::NONE
        })
        .await;
        let mailer = mailer(&server.config());
        words("unavailable", csv().send(&mailer).await);
        csv().send(&mailer).await.expect("sent");
        assert_eq!(server.brought(), ["csv"]);
    }
}

/// A send that must end at once, without a connection to the server.
async fn is_left_alone(mailer: &Mailer) {
    let began = Instant::now();
    words("unavailable", csv().send(mailer).await);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_silent_server_is_not_tried_by_every_mail() {
    let cases = [
        (At::Ehlo, false),
        (At::Sender, false),
        (At::Recipient, false),
        (At::Recipient, true),
    ];
    // At the same time, as each of them waits for what does not come.
    let cases = cases.map(|(at, was_greeted)| falls_silent_and_is_left_alone(at, was_greeted));
    futures::future::join_all(cases).await;
}

async fn falls_silent_and_is_left_alone(at: At, was_greeted: bool) {
    let server = OddServer::start(Habit {
        odd: Box::leak(Box::new([(at, SILENCE)])),
        times: 0,
        ..Habit::NONE
    })
    .await;
    let mailer = mailer(&MailConfig {
        timeout_seconds: 4,
        ..server.config()
    });
    if was_greeted {
        csv().send(&mailer).await.expect("sent");
    }
    server.is_odd_again(usize::MAX);
    let words = words("unavailable", csv().send(&mailer).await);
    assert!(words.contains("did not answer within 4 s"), "{words}");
    // A connection that waited is not followed by another one.
    assert_eq!(server.heard("EHLO"), 1, "{at:?}");
    is_left_alone(&mailer).await;
    assert_eq!(server.heard("EHLO"), 1, "{at:?}");
}

#[tokio::test]
async fn one_mail_probes_whether_a_silent_server_answers_again() {
    let server = OddServer::start(Habit {
        odd: &[(At::Recipient, SILENCE)],
        ..Habit::NONE
    })
    .await;
    let mailer = mailer(&MailConfig {
        timeout_seconds: 4,
        ..server.config()
    });
    words("unavailable", csv().send(&mailer).await);
    tokio::time::sleep(Duration::from_millis(15_100)).await;
    let first = csv();
    let (asked, ()) = tokio::join!(first.send(&mailer), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        is_left_alone(&mailer).await;
    });
    words("unavailable", asked);
    assert_eq!(server.heard("EHLO"), 2);
}

#[tokio::test]
async fn a_connection_that_is_dead_costs_seconds() {
    let server = OddServer::start(Habit {
        odd: &[(At::Anew, SILENCE)],
        ..Habit::NONE
    })
    .await;
    let mailer = mailer(&MailConfig {
        timeout_seconds: 60,
        ..server.config()
    });
    csv().send(&mailer).await.expect("sent");
    let began = Instant::now();
    csv().send(&mailer).await.expect("sent");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(server.heard("EHLO"), 2);
}

#[tokio::test]
async fn addresses_that_a_server_cannot_send_to_are_refused_with_the_true_reason() {
    let server = OddServer::start(Habit::NONE).await;
    let mailer = mailer(&server.config());
    csv().to("asha@[127.0.0.1]").send(&mailer).await.expect("sent");
    assert_eq!(server.heard("RCPT TO:<asha@[127.0.0.1]>"), 1);
    let words = words("unsendable", csv().to("आशा@school.example").send(&mailer).await);
    assert!(
        words.contains("letters beyond a to z") && words.contains("SMTPUTF8"),
        "{words}"
    );
    assert!(!words.contains("आशा"), "{words}");
}
