//! The exchange: what counts as a receipt, what a phone does after a loss, a fork, a restore, a reset, a reassignment.

use std::collections::BTreeSet;
use std::sync::Mutex;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::courier::{Answer, Call, Stop, Transport, Unreachable};
use nuanfang_core::device::store::{blob_row, draft_row, mirror_row, outbox_row};
use nuanfang_core::device::sync::{self, BATCH_BYTES, NotAReceipt};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::device::{blob, draft, outbox};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::{Outcome, OutcomeKind, SyncReply};

use crate::fake_server::{COMPANY_SCOPE, FakeServer, Lie};
use crate::phone::{Phone, VISIT};

fn one_op() -> (tempfile::TempDir, FakeServer, Phone) {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir.path(), &server);
    phone.say("漏水");
    (dir, server, phone)
}

/// Packed with it so far, and no more remembered.
fn packed_with(server: &FakeServer) -> Vec<Option<u32>> {
    server.with(|state| std::mem::take(&mut state.packed_with))
}

#[test]
fn an_exchange_is_packed_with_a_dictionary_once_the_server_says_that_it_has_it() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    assert_eq!(packed_with(&server), [None], "a server that says nothing of dictionaries");
    for (offers, expected) in [
        (vec!["zstd-dict:77777", "zstd"], None),
        (vec!["zstd-dict:77777", "zstd-dict:32769"], Some(32_769)),
        (vec![], None),
    ] {
        server.with(|state| {
            state.offers = offers.iter().map(|name| (*name).to_owned()).collect();
            state.reads_dictionaries = expected.is_some();
            // The token runs out: the next one tells anew.
            state.tokens += 1;
        });
        phone.say("又一条");
        phone.sync(&server).unwrap();
        assert_eq!(packed_with(&server).last(), Some(&expected), "{offers:?}");
        assert_eq!(phone.enrolment().acked, phone.texts().len() as u64);
    }
    let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
    assert_eq!(request.caps.enc, ["zstd", "zstd-dict:32769"], "what it reads itself it always names");
}

#[test]
fn a_server_that_no_longer_reads_a_dictionary_is_sent_the_same_without_it() {
    let (_dir, server, phone) = one_op();
    server.with(|state| state.offers = vec!["zstd-dict:32769".to_owned()]);
    phone.sync(&server).unwrap();
    assert_eq!(packed_with(&server), [Some(32_769), None], "refused, and at once sent again");
    assert_eq!(phone.enrolment().acked, 1);
    phone.say("二");
    phone.sync(&server).unwrap();
    assert_eq!(packed_with(&server), [None], "not tried again with the same token");
    for code in ["sync.dictionary", "sync.encoding", "sync.unreadable", "sync.too_large"] {
        server.with(|state| (state.reads_dictionaries, state.tokens) = (true, state.tokens + 1));
        server.lie(Lie::Status(415, Box::leak(format!(r#"{{"code":"{code}"}}"#).into_boxed_str())));
        phone.say(code);
        phone.sync(&server).unwrap();
        // The first came with a token that had run out.
        assert_eq!(packed_with(&server), [None, Some(32_769), None], "{code}");
        assert_eq!(phone.enrolment().acked, phone.texts().len() as u64, "{code}");
    }
    server.with(|state| state.tokens += 1);
    server.lie(Lie::Status(403, r#"{"code":"device_revoked"}"#));
    assert!(
        matches!(phone.sync(&server), Err(Stop::Refused { code }) if code == "device_revoked"),
        "no word about packing"
    );
    for body in [r#"{"code":"sync.zstd"}"#, r#"{"code":"sync.zstd"}"#] {
        server.lie(Lie::Status(400, body));
    }
    assert!(
        matches!(phone.sync(&server), Err(Stop::Refused { code }) if code == "sync.zstd"),
        "refused without it too"
    );
    assert_eq!(server.with(|state| state.lies.len()), 0, "asked twice, not for ever");
}

fn not_a_receipt(phone: &Phone, server: &FakeServer) -> Option<NotAReceipt> {
    match phone.sync(server) {
        Err(Stop::NotAReceipt(why)) => Some(why),
        _ => None,
    }
}

#[test]
fn only_a_proven_echo_is_a_receipt() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    let old = server.with(|state| state.last_reply.clone());
    phone.say("二");
    let forged = || Sha::of(b"forged");
    let table: [(&str, Lie, NotAReceipt); 6] = [
        ("captive portal", Lie::Portal, NotAReceipt::Unreadable),
        ("truncated", Lie::Truncated, NotAReceipt::Unreadable),
        ("yesterday's answer", Lie::Replay(old), NotAReceipt::OtherRequest),
        ("other request", Lie::Twist(|reply| reply.req = uuid::Uuid::nil()), NotAReceipt::OtherRequest),
        ("hash not ours", Lie::Twist(|reply| reply.ack_sha = Sha::of(b"forged")), NotAReceipt::Unproven),
        ("older epoch", Lie::Twist(|reply| reply.epoch = 0), NotAReceipt::OlderEpoch),
    ];
    assert_ne!(forged(), Sha::ZERO);
    for (name, lie, expected) in table {
        server.lie(lie);
        assert_eq!(not_a_receipt(&phone, &server), Some(expected), "{name}");
        assert_eq!(phone.enrolment().acked, 1, "{name}");
        assert_eq!(phone.texts(), ["漏水", "二"], "{name}");
    }
    phone.sync(&server).unwrap();
    assert_eq!((phone.enrolment().acked, phone.enrolment().safe), (2, 2));
}

#[test]
fn refusals_and_busy_servers_lose_nothing() {
    let (_dir, server, phone) = one_op();
    for (status, body) in
        [(503, ""), (429, "<html>"), (403, "<html>portal</html>"), (403, r#"{"code":"device_revoked"}"#), (302, "")]
    {
        server.lie(Lie::Status(status, body));
        let stop = phone.sync(&server).unwrap_err();
        match status {
            503 | 429 => assert!(matches!(stop, Stop::Busy { .. }), "{stop:?}"),
            _ if body.starts_with('{') => assert!(matches!(stop, Stop::Refused { .. }), "{stop:?}"),
            403 | 302 => assert!(!matches!(stop, Stop::Busy { .. }), "{stop:?}"),
            _ => unreachable!(),
        }
        assert_eq!(phone.texts(), ["漏水"]);
    }
    phone.sync(&server).unwrap();
    assert_eq!(phone.enrolment().acked, 1);
}

#[test]
fn a_lost_answer_is_asked_again_and_nothing_doubles() {
    let (_dir, server, phone) = one_op();
    server.lie(Lie::LoseReply);
    assert!(matches!(phone.sync(&server), Err(Stop::Unreachable(_))));
    assert_eq!(phone.enrolment().acked, 0);
    phone.say("二");
    phone.sync(&server).unwrap();
    assert_eq!(server.kinds(phone.enrolment().device).len(), 2);
    server.with(|state| assert!(state.seen_ops.values().all(|times| *times == 1)));
}

#[test]
fn the_same_reply_twice_changes_nothing_the_second_time() {
    let (_dir, server, phone) = one_op();
    server.put(COMPANY_SCOPE, "community", "示例小区", 1, r#"{"name":"示例小区"}"#);
    let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
    let reply = server.answer(&request);
    let first = sync::apply_reply(&phone.store, &phone.speaker, &request, &reply, phone.now()).unwrap().unwrap();
    assert_eq!((first.acked, first.changed), (1, 1));
    let again = sync::apply_reply(&phone.store, &phone.speaker, &request, &reply, phone.now()).unwrap().unwrap();
    assert!(again.violations.is_empty(), "a whole scope may come twice");
    assert_eq!(phone.mirrored("community"), ["示例小区"]);
}

#[test]
fn a_gap_or_a_wrong_hash_asks_for_the_whole_scope_anew_and_keeps_the_mirror_meanwhile() {
    for twist in [
        (|reply| reply.scopes.iter_mut().for_each(|scope| scope.feed.iter_mut().for_each(|entry| entry.pos += 1)))
            as fn(&mut nuanfang_core::wire::SyncReply),
        |reply| reply.scopes.iter_mut().for_each(|scope| scope.hash = format!("{:032x}", 5)),
        |reply| reply.scopes.iter_mut().for_each(|scope| scope.pos += 1),
    ] {
        let (_dir, server, phone) = one_op();
        server.put(COMPANY_SCOPE, "community", "甲", 1, r#"{"name":"甲"}"#);
        phone.sync(&server).unwrap();
        server.put(COMPANY_SCOPE, "community", "乙", 1, r#"{"name":"乙"}"#);
        let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
        let mut reply = server.answer(&request);
        twist(&mut reply);
        let applied = sync::apply_reply(&phone.store, &phone.speaker, &request, &reply, phone.now()).unwrap().unwrap();
        assert!(!applied.violations.is_empty() && applied.more);
        assert_eq!(applied.acked, 1, "the receipt holds whatever the feed does");
        assert_eq!(phone.mirrored("community"), ["甲"]);
        let anew = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
        assert_eq!(anew.scopes.iter().find(|scope| scope.id == COMPANY_SCOPE).unwrap().pos, 0);
        phone.sync(&server).unwrap();
        assert_eq!(phone.mirrored("community"), ["甲", "乙"]);
    }
}

#[test]
fn a_long_feed_comes_in_pages() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    server.put(COMPANY_SCOPE, "community", "0000", 1, "{}");
    phone.sync(&server).unwrap();
    for index in 1..=250 {
        server.put(COMPANY_SCOPE, "community", &format!("{index:04}"), 1, "{}");
    }
    phone.sync(&server).unwrap();
    assert_eq!(phone.mirrored("community").len(), 251);
}

#[test]
fn a_reset_replaces_the_mirror_and_nothing_else() {
    let (_dir, server, phone) = one_op();
    let scope = server.worker_scope();
    server.put(COMPANY_SCOPE, "community", "甲", 1, "{}");
    server.put(&scope, "visit", &VISIT.to_string(), 1, r#"{"kind":"repair"}"#);
    phone.sync(&server).unwrap();
    draft::save(&phone.store, VISIT, "problem", "暖气不热", phone.now()).unwrap();
    phone.say("尚未发送");
    server.with(|state| {
        state.feeds.clear();
        state.epoch = 2;
    });
    server.put(COMPANY_SCOPE, "community", "乙", 1, "{}");
    server.put(&scope, "visit", &VISIT.to_string(), 4, r#"{"kind":"repair"}"#);
    phone.sync(&server).unwrap();
    assert_eq!(phone.mirrored("community"), ["乙"]);
    assert_eq!(phone.texts(), ["漏水", "尚未发送"]);
    assert_eq!(draft::load(&phone.store, VISIT, "problem").unwrap().as_deref(), Some("暖气不热"));
    assert_eq!(phone.departed(), []);
}

#[test]
fn a_restored_server_gets_again_what_it_lost() {
    let (_dir, server, phone) = one_op();
    let photo = blob::keep(&phone.store, &[1; 5000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    for index in 2..=9 {
        phone.say(&index.to_string());
    }
    phone.say_with("10", vec![photo.sha]);
    server.with(|state| state.safe_lag = 6);
    phone.sync(&server).unwrap();
    assert_eq!((phone.enrolment().acked, phone.enrolment().safe), (10, 4));
    let device = phone.enrolment().device;
    server.with(|state| {
        state.epoch = 2;
        state.logs.get_mut(&device).unwrap().ops.truncate(4);
        state.blobs.clear();
        state.safe_lag = 0;
    });
    phone.say("11");
    phone.sync(&server).unwrap();
    assert_eq!(server.kinds(device).len(), 11);
    server.with(|state| assert_eq!(state.blobs[&photo.sha].bytes, [1; 5000]));
    assert_eq!((phone.enrolment().acked, phone.enrolment().safe), (11, 11));
}

#[test]
fn a_restored_server_that_has_all_files_is_asked_for_each_of_them_in_one_run() {
    let (_dir, server, phone) = one_op();
    for number in 0..200_u64 {
        let bytes = number.to_be_bytes().repeat(10);
        let photo = blob::keep(&phone.store, &bytes, "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
        phone.say_with("照片", vec![photo.sha]);
    }
    phone.sync(&server).unwrap();
    server.with(|state| state.epoch = 2);
    let run = phone.sync(&server).unwrap();
    assert_eq!(run.files_sent, 0, "they are there");
    assert_eq!(phone.store.read::<_, Trouble>(|connection| Ok(blob_row::owes(connection)?.blobs)).unwrap(), 0);
}

#[test]
fn a_server_restored_to_before_all_that_was_pruned_here_asks_for_a_new_enrolment() {
    // An earlier release took the 0 of such a server for a receipt, and asked nothing any more.
    for took_it in [false, true] {
        let (dir, server, phone) = one_op();
        phone.sync(&server).unwrap();
        server.with(|state| state.now.0 += 31 * 86_400_000);
        phone.sync(&server).unwrap();
        phone.say("二");
        phone.sync(&server).unwrap();
        let known = phone.enrolment();
        assert_eq!((known.floor, known.acked, known.safe), (1, 2, 2));
        server.with(|state| {
            state.epoch = 2;
            state.logs.get_mut(&known.device).unwrap().ops.clear();
        });
        if took_it {
            let took = "UPDATE enrolment SET acked = 0, safe = 0, epoch = 2; UPDATE outbox SET safe_ms = NULL";
            rusqlite::Connection::open(dir.path().join("phone.db")).unwrap().execute_batch(took).unwrap();
        }
        phone.say("三");
        assert_eq!(not_a_receipt(&phone, &server), Some(NotAReceipt::Forked));
        assert!(phone.enrolment().forked);
        assert_eq!(phone.enrolment().acked, u64::from(!took_it), "what the server lost is called sent no more");
        phone.enrol(&server).unwrap();
        phone.sync(&server).unwrap();
        assert_eq!(server.kinds(phone.enrolment().device).len(), 2, "all that is still here, once safe or not");
        assert_eq!((phone.enrolment().acked, phone.texts().len()), (2, 2));
    }
}

#[test]
fn what_a_forked_server_does_not_call_safe_is_logged_again() {
    type Twist = fn(&mut SyncReply);
    let table: [(&str, Twist, usize); 4] = [
        ("fork", |reply| (reply.fork, reply.safe_through) = (true, 2), 3),
        ("more than was sent", |reply| (reply.acked_through, reply.safe_through) = (9, 2), 3),
        ("another log", |reply| (reply.acked_through, reply.ack_sha, reply.safe_through) = (3, Sha::of(b"x"), 2), 3),
        // A copy of the phone spoke first to a restored server: what is safe there is the copy's.
        ("restored", |reply| (reply.fork, reply.epoch, reply.safe_through) = (true, 2, 9), 5),
    ];
    for (name, twist, again) in table {
        let (_dir, server, phone) = one_op();
        for text in ["二", "三", "四", "五"] {
            phone.say(text);
        }
        phone.sync(&server).unwrap();
        assert_eq!(phone.enrolment().safe, 5);
        server.lie(Lie::Twist(twist));
        assert_eq!(not_a_receipt(&phone, &server), Some(NotAReceipt::Forked), "{name}");
        phone.enrol(&server).unwrap();
        let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
        assert_eq!(request.ops.len(), again, "{name}");
        phone.sync(&server).unwrap();
        assert_eq!((phone.enrolment().acked, phone.texts().len()), (again as u64, 5), "{name}");
    }
}

#[test]
fn a_restored_server_takes_back_what_it_said_before() {
    let (_dir, server, phone) = one_op();
    server.with(|state| {
        state.safe_lag = 6;
        state.outcomes = vec![Outcome { seq: 1, o: OutcomeKind::Quarantined, why: Some("never_assigned".into()) }];
    });
    phone.sync(&server).unwrap();
    let said = || {
        phone.store.read::<_, Trouble>(|connection| {
            let row = outbox_row::newest(connection, None, 1)?.remove(0);
            Ok(outbox_row::outcome(connection, row.op)?.map(|(outcome, _)| outcome))
        })
    };
    assert_eq!(said().unwrap(), Some(OutcomeKind::Quarantined));
    phone.sync(&server).unwrap();
    assert_eq!(said().unwrap(), Some(OutcomeKind::Quarantined), "an answer about nothing new says nothing of it");
    let device = phone.enrolment().device;
    server.with(|state| {
        state.epoch = 2;
        state.logs.get_mut(&device).unwrap().ops.clear();
    });
    phone.sync(&server).unwrap();
    assert_eq!(phone.enrolment().acked, 1);
    assert_eq!(said().unwrap(), None, "the office that came back had given the visit to this worker");
}

#[test]
fn what_was_safe_is_kept_for_thirty_days_by_the_servers_clock_and_only_while_no_visit_needs_it() {
    let (dir, server, phone) = one_op();
    let day = 86_400_000;
    let photo = blob::keep(&phone.store, &[2; 20_000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    let strokes = blob::keep(&phone.store, &[2; 900], "signature.strokes", Some(VISIT), "{}".to_owned()).unwrap();
    phone.say_with("二", vec![photo.sha, strokes.sha]);
    let scope = server.worker_scope();
    server.put(&scope, "visit", &VISIT.to_string(), 1, "{}");
    phone.sync(&server).unwrap();
    // The phone's own clock running away prunes nothing.
    phone.clock.set_wall(Millis(phone.clock_now().0 + 3_000 * day));
    phone.sync(&server).unwrap();
    assert_eq!(phone.texts().len(), 2);
    server.with(|state| state.now.0 += 31 * day);
    phone.sync(&server).unwrap();
    assert_eq!(phone.texts().len(), 2, "the visit is still in the phone's scope");
    server.revoke(&scope, "visit", &VISIT.to_string(), 2, "closed");
    phone.sync(&server).unwrap();
    phone.sync(&server).unwrap();
    assert_eq!(phone.texts(), [""; 0]);
    assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    assert!(blob::load(&phone.store, &strokes).is_err());
    // The chain goes on from where it was cut.
    phone.say("三");
    phone.sync(&server).unwrap();
    assert_eq!(phone.enrolment().acked, 3);
    assert_eq!(server.kinds(phone.enrolment().device).len(), 3);
}

#[test]
fn nothing_is_cleared_away_between_the_pages_of_a_scope_that_is_told_anew() {
    let (_dir, server, phone) = one_op();
    let scope = server.worker_scope();
    server.put(&scope, "household", "0000", 1, "{}");
    server.put(&scope, "visit", &VISIT.to_string(), 1, "{}");
    phone.sync(&server).unwrap();
    draft::save(&phone.store, VISIT, "problem", "暖气不热", phone.now()).unwrap();
    server.with(|state| state.now.0 += 31 * 86_400_000);
    let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
    let mut anew = request.clone();
    anew.scopes.iter_mut().for_each(|cursor| cursor.pos = 0);
    let mut first = server.answer(&anew);
    let told = first.scopes.iter_mut().find(|told| told.id == scope).unwrap();
    told.feed.truncate(1);
    (told.reset, told.pos, told.more) = (true, told.feed[0].pos, true);
    sync::apply_reply(&phone.store, &phone.speaker, &request, &first, phone.now()).unwrap().unwrap();
    let kept = || (phone.texts(), draft::load(&phone.store, VISIT, "problem").unwrap());
    let all = (vec!["漏水".to_owned()], Some("暖气不热".to_owned()));
    assert_eq!((phone.mirrored("visit"), kept()), (Vec::new(), all.clone()), "whose visit it is may still be told");
    phone.sync(&server).unwrap();
    assert_eq!((phone.mirrored("visit"), kept()), (vec![VISIT.to_string()], all));
}

/// What is kept of a visit that no act names: its drafts, its loose photos.
fn begun(phone: &Phone, visit: VisitId) -> (usize, usize) {
    phone
        .store
        .read::<_, Trouble>(|connection| {
            Ok((draft_row::forms(connection, visit)?.len(), blob_row::loose(connection, visit)?.len()))
        })
        .unwrap()
}

/// Begins something: a draft, a photo that no act names, one that lies beside the database.
fn begin(phone: &Phone, visit: VisitId, byte: u8) {
    draft::save(&phone.store, visit, "problem", "暖气不热", phone.now()).unwrap();
    for len in [20_000, 900] {
        blob::keep(&phone.store, &vec![byte; len], "photo.after", Some(visit), "{}".to_owned()).unwrap();
    }
}

fn files(dir: &tempfile::TempDir) -> usize {
    std::fs::read_dir(dir.path().join("blobs")).unwrap().count()
}

#[test]
fn what_was_begun_outlives_a_scope_told_anew_in_pages_where_its_visit_is_told_again() {
    for (told_again, meanwhile) in [(true, false), (false, false), (true, true), (false, true)] {
        let (dir, server, phone) = one_op();
        let scope = server.worker_scope();
        let other = VisitId(uuid::Uuid::from_u128(0x99));
        for visit in [VISIT, other] {
            server.put(&scope, "visit", &visit.to_string(), 1, "{}");
        }
        phone.sync(&server).unwrap();
        if !meanwhile {
            begin(&phone, other, 3);
        }
        let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
        let mut anew = request.clone();
        anew.scopes.iter_mut().for_each(|cursor| cursor.pos = 0);
        let whole = server.answer(&anew);
        let page = |first: bool| {
            let mut reply = whole.clone();
            let told = reply.scopes.iter_mut().find(|told| told.id == scope).unwrap();
            match first {
                true => {
                    told.feed.truncate(1);
                    (told.pos, told.more) = (1, true);
                }
                false if told_again => {
                    told.feed.remove(0);
                    told.reset = false;
                }
                false => {
                    told.feed.clear();
                    told.reset = false;
                    told.hash = format!("{:032x}", nuanfang_core::wire::scope_mix("visit", &VISIT.to_string(), 1));
                }
            }
            reply
        };
        let apply = |reply: &SyncReply| {
            sync::apply_reply(&phone.store, &phone.speaker, &request, reply, phone.now()).unwrap().unwrap()
        };
        assert!(apply(&page(true)).more);
        if meanwhile {
            begin(&phone, other, 3);
        }
        assert_eq!(begun(&phone, other), (1, 2), "it may still be told");
        let last = apply(&page(false));
        assert!(!last.more && last.violations.is_empty(), "{last:?}");
        assert_eq!(begun(&phone, other), if told_again { (1, 2) } else { (0, 0) });
        assert_eq!((phone.departed(), files(&dir)), (Vec::new(), usize::from(told_again)));
        assert_eq!(phone.texts(), ["漏水"]);
    }
}

#[test]
fn a_restored_server_hears_of_a_visit_before_what_was_begun_in_it_goes() {
    let (_dir, server, phone) = one_op();
    let scope = server.worker_scope();
    server.put(&scope, "household", "h1", 1, "{}");
    server.put(&scope, "visit", &VISIT.to_string(), 1, r#"{"kind":"repair"}"#);
    phone.sync(&server).unwrap();
    begin(&phone, VISIT, 3);
    // It was begun on this phone, and the server is put back to before it knew.
    let device = phone.enrolment().device;
    server.with(|state| {
        state.epoch = 2;
        state.safe_lag = 1;
        state.logs.get_mut(&device).unwrap().ops.clear();
        state.feeds.get_mut(&scope).unwrap().truncate(1);
    });
    phone.sync(&server).unwrap();
    assert_eq!((begun(&phone, VISIT), phone.departed().len()), ((1, 2), 1), "brought, and not safe");
    server.put(&scope, "visit", &VISIT.to_string(), 1, r#"{"kind":"repair"}"#);
    phone.sync(&server).unwrap();
    server.with(|state| state.safe_lag = 0);
    phone.sync(&server).unwrap();
    assert_eq!((begun(&phone, VISIT), phone.departed()), ((1, 2), Vec::new()), "it is planned again");
    // Where it does not come again, it goes once all of it is safe and judged.
    let judged = |o| vec![Outcome { seq: 1, o, why: None }];
    server.with(|state| {
        state.epoch = 3;
        state.outcomes = judged(OutcomeKind::Held);
        state.feeds.get_mut(&scope).unwrap().truncate(1);
    });
    phone.sync(&server).unwrap();
    phone.sync(&server).unwrap();
    assert_eq!(
        (begun(&phone, VISIT), phone.departed().len()),
        ((1, 2), 1),
        "by rules that the server does not know yet"
    );
    server.with(|state| state.outcomes = judged(OutcomeKind::Applied));
    phone.sync(&server).unwrap();
    assert_eq!((begun(&phone, VISIT), phone.departed()), ((0, 0), Vec::new()));
}

#[test]
fn what_was_begun_goes_with_what_was_logged_of_a_visit_that_is_never_judged() {
    let (dir, server, phone) = one_op();
    let scope = server.worker_scope();
    server.put(&scope, "visit", &VISIT.to_string(), 1, r#"{"kind":"repair"}"#);
    phone.sync(&server).unwrap();
    begin(&phone, VISIT, 3);
    server.with(|state| {
        state.epoch = 2;
        state.outcomes = vec![Outcome { seq: 1, o: OutcomeKind::Held, why: None }];
        state.feeds.get_mut(&scope).unwrap().clear();
    });
    phone.sync(&server).unwrap();
    phone.sync(&server).unwrap();
    assert_eq!((begun(&phone, VISIT), phone.texts().len()), ((1, 2), 1), "it may yet be judged");
    server.with(|state| state.now.0 += 31 * 86_400_000);
    phone.sync(&server).unwrap();
    assert_eq!((begun(&phone, VISIT), phone.texts().len(), files(&dir)), ((0, 0), 0, 0), "by one exchange");
    assert_eq!(phone.departed(), []);
}

#[test]
fn a_dismissed_phone_keeps_its_log_and_the_photos_that_its_acts_name() {
    for forked in [
        None,
        Some((|reply| reply.fork = true) as fn(&mut SyncReply)),
        Some(|reply| (reply.acked_through, reply.ack_sha) = (1, Sha::of(b"another log"))),
    ] {
        dismissed(forked);
    }
}

fn dismissed(forked: Option<fn(&mut SyncReply)>) {
    let (dir, server, phone) = one_op();
    let born_here = VisitId(uuid::Uuid::from_u128(0x99));
    let used = blob::keep(&phone.store, &[4; 20_000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    phone.say_with("照片", vec![used.sha]);
    server.put(&server.worker_scope(), "visit", &VISIT.to_string(), 1, "{}");
    server.with(|state| state.safe_lag = 100);
    phone.sync(&server).unwrap();
    begin(&phone, VISIT, 3);
    begin(&phone, born_here, 5);
    assert_eq!(files(&dir), 3);
    server.with(|state| state.dismissed = true);
    // What is being asked for anew is not asked for any more.
    let scope = server.worker_scope();
    phone.store.write(|transaction| mirror_row::ask_anew(transaction, &scope)).unwrap();
    if let Some(twist) = forked {
        server.lie(Lie::Twist(twist));
        assert_eq!(not_a_receipt(&phone, &server), Some(NotAReceipt::Forked));
    } else {
        phone.sync(&server).unwrap();
    }
    assert_eq!(phone.mirrored("visit"), [""; 0]);
    assert_eq!((begun(&phone, VISIT), begun(&phone, born_here), files(&dir)), ((0, 0), (0, 0), 1));
    assert_eq!(phone.texts(), ["漏水", "照片"]);
    assert!(blob::load(&phone.store, &used).is_ok());
    if forked.is_none() {
        phone.say("离职前的一条");
        phone.sync(&server).unwrap();
        assert_eq!(phone.enrolment().acked, 3, "what it holds it may hand in");
    }
}

#[test]
fn a_photo_of_a_visit_that_nothing_is_known_of_goes_and_that_of_one_begun_here_once_that_is_safe() {
    let (dir, server, phone) = one_op();
    let strange = VisitId(uuid::Uuid::from_u128(0x99));
    for (visit, byte) in [(VISIT, 3), (strange, 5)] {
        blob::keep(&phone.store, &[byte; 20_000], "photo.after", Some(visit), "{}".to_owned()).unwrap();
    }
    server.put(COMPANY_SCOPE, "community", "甲", 1, "{}");
    server.with(|state| state.safe_lag = 1);
    phone.sync(&server).unwrap();
    assert_eq!((begun(&phone, VISIT), begun(&phone, strange), files(&dir)), ((0, 1), (0, 0), 1));
    server.put(COMPANY_SCOPE, "community", "乙", 1, "{}");
    server.with(|state| state.safe_lag = 0);
    phone.sync(&server).unwrap();
    assert_eq!(
        (begun(&phone, VISIT), files(&dir)),
        ((0, 0), 0),
        "all of it is safe, and the office knows no such visit"
    );
}

#[test]
fn a_reassigned_visit_leaves_with_its_drafts_and_keeps_unsent_evidence() {
    let (dir, server, phone) = one_op();
    let scope = server.worker_scope();
    let id = VISIT.to_string();
    server.put(&scope, "visit", &id, 1, r#"{"kind":"repair"}"#);
    server.put(&scope, "household", "h1", 1, r#"{"address":"示例小区1号楼"}"#);
    phone.sync(&server).unwrap();
    server.with(|state| state.safe_lag = 100);
    let keep = |bytes: &[u8]| blob::keep(&phone.store, bytes, "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    let (loose, small, used) = (keep(&[3; 20_000]), keep(&[3; 900]), keep(&[4; 20_000]));
    phone.say_with("离线完成", vec![used.sha]);
    draft::save(&phone.store, VISIT, "problem", "打了一半", phone.now()).unwrap();
    server.revoke(&scope, "visit", &id, 2, "reassigned");
    server.revoke(&scope, "household", "h1", 2, "reassigned");
    server
        .with(|state| state.outcomes = vec![Outcome { seq: 2, o: OutcomeKind::Late, why: Some("reassigned".into()) }]);
    phone.sync(&server).unwrap();
    assert_eq!(phone.mirrored("visit"), [""; 0]);
    assert_eq!(phone.mirrored("household"), [""; 0]);
    assert_eq!(phone.departed(), [("reassigned".to_owned(), VISIT)]);
    assert_eq!(phone.texts(), ["漏水", "离线完成"]);
    let drafts = phone.store.read::<_, Trouble>(|connection| draft_row::forms(connection, VISIT)).unwrap();
    assert!(drafts.is_empty());
    assert!(blob::load(&phone.store, &used).is_ok());
    assert!(blob::load(&phone.store, &loose).is_err(), "its key is gone, its file too");
    assert!(blob::load(&phone.store, &small).is_err(), "its row is gone");
    assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 1);
    let late = phone.store.read::<_, Trouble>(|connection| {
        let row = outbox_row::of_visit(connection, VISIT)?.pop().unwrap();
        outbox_row::outcome(connection, row.op)
    });
    assert_eq!(late.unwrap(), Some((OutcomeKind::Late, Some("reassigned".to_owned()))));
    server.with(|state| state.safe_lag = 0);
    phone.sync(&server).unwrap();
    assert_eq!(phone.departed(), [], "once all of it is safe, the mark goes");
}

#[test]
fn a_fork_enrols_anew_and_logs_again_what_was_not_safe() {
    let (dir, server, phone) = one_op();
    server.with(|state| state.safe_lag = 1);
    phone.say("二");
    phone.sync(&server).unwrap();
    // The folder is copied (a backup of the phone), and both go on.
    let copy = tempfile::tempdir().unwrap();
    phone.store.settle().unwrap();
    std::fs::copy(dir.path().join("phone.db"), copy.path().join("phone.db")).unwrap();
    phone.say("原机第三条");
    phone.sync(&server).unwrap();
    let clone = Phone::open(copy.path());
    clone.say("副本第三条");
    clone.say("副本第四条");
    assert_eq!(not_a_receipt(&clone, &server), Some(NotAReceipt::Forked));
    assert!(clone.enrolment().forked);
    clone.say("分叉之后仍可记录");
    let before = clone.store.read::<_, Trouble>(|connection| outbox_row::of_visit(connection, VISIT)).unwrap();
    clone.enrol(&server).unwrap();
    clone.sync(&server).unwrap();
    let after = clone.store.read::<_, Trouble>(|connection| outbox_row::of_visit(connection, VISIT)).unwrap();
    let said = |rows: &[outbox_row::OutboxRow]| -> Vec<_> {
        rows.iter().map(|row| (row.op, row.body.clone(), row.t, row.n)).collect()
    };
    assert_eq!(said(&before), said(&after), "ids, words and times are untouched");
    let device = clone.enrolment().device;
    assert_ne!(device, phone.enrolment().device);
    assert_eq!(server.kinds(device).len(), 4, "the second, which was not safe, and the clone's own three");
    server.with(|state| {
        assert_eq!(state.logs[&phone.enrolment().device].ops.len(), 3);
        assert_eq!(state.seen_ops.len(), 6, "six different operations in all");
    });
    assert!(clone.store.read(|connection| outbox::chain_holds(connection, device)).unwrap());
}

#[test]
fn a_restored_server_is_offered_too_what_was_safe_before_a_fork() {
    let (dir, server, phone) = one_op();
    let photo = blob::keep(&phone.store, &[1; 5000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    phone.say_with("二", vec![photo.sha]);
    phone.sync(&server).unwrap();
    let first = phone.enrolment().device;
    let copy = tempfile::tempdir().unwrap();
    phone.store.settle().unwrap();
    std::fs::copy(dir.path().join("phone.db"), copy.path().join("phone.db")).unwrap();
    let clone = Phone::open(copy.path());
    phone.say("原机第三条");
    phone.sync(&server).unwrap();
    clone.say("副本第三条");
    assert_eq!(not_a_receipt(&clone, &server), Some(NotAReceipt::Forked));
    clone.enrol(&server).unwrap();
    clone.sync(&server).unwrap();
    let device = clone.enrolment().device;
    assert_eq!(server.kinds(device).len(), 1, "the rest was safe");
    // It comes back from the disk of another week, without either.
    server.with(|state| {
        state.epoch = 2;
        state.logs.get_mut(&first).unwrap().ops.clear();
        state.logs.get_mut(&device).unwrap().ops.clear();
        state.blobs.clear();
    });
    clone.sync(&server).unwrap();
    assert_eq!((server.kinds(device).len(), clone.enrolment().safe), (3, 3));
    let made: Vec<_> = clone.store.read::<_, Trouble>(|connection| outbox_row::of_visit(connection, VISIT)).unwrap();
    server.with(|state| {
        let arrived: Vec<_> = state.logs[&device].ops.iter().map(|(op, _)| op.op).collect();
        assert_eq!(arrived, made.iter().map(|row| row.op).collect::<Vec<_>>(), "in the order they were made");
    });
    server.with(|state| assert_eq!(state.blobs[&photo.sha].bytes, [1; 5000]));
    assert_eq!(clone.texts(), ["漏水", "二", "副本第三条"], "in the order they were made");
    assert!(clone.store.read(|connection| outbox::chain_holds(connection, device)).unwrap());
}

#[test]
fn who_enrols_anew_at_a_restored_server_offers_what_was_safe_before_what_waits() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    let first = phone.enrolment().device;
    assert_eq!(phone.enrolment().safe, 1);
    phone.say("二");
    server.with(|state| {
        state.epoch = 2;
        state.logs.get_mut(&first).unwrap().ops.clear();
    });
    phone.enrol(&server).unwrap();
    phone.sync(&server).unwrap();
    let device = phone.enrolment().device;
    let made: Vec<_> = phone.store.read::<_, Trouble>(|connection| outbox_row::of_visit(connection, VISIT)).unwrap();
    server.with(|state| {
        let arrived: Vec<_> = state.logs[&device].ops.iter().map(|(op, _)| op.op).collect();
        assert_eq!(arrived, made.iter().map(|row| row.op).collect::<Vec<_>>(), "in the order they were made");
    });
    assert_eq!((made.len(), phone.enrolment().acked), (2, 2));
}

#[test]
fn what_a_server_lost_that_was_set_back_without_a_word_is_not_safe_any_more() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    let safe_since = || phone.store.read::<_, Trouble>(|connection| outbox_row::safe_since(connection, 1)).unwrap();
    assert!(safe_since().is_some());
    server.with(|state| {
        state.logs.values_mut().for_each(|log| log.ops.clear());
        state.safe_lag = 1;
    });
    phone.sync(&server).unwrap();
    assert_eq!((phone.enrolment().acked, phone.enrolment().safe, safe_since()), (1, 0, None));
}

#[test]
fn a_phone_put_back_to_an_older_state_notices_that_the_server_knows_more() {
    let (dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    phone.store.settle().unwrap();
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("phone.db"), copy.path().join("phone.db")).unwrap();
    phone.say("二");
    phone.sync(&server).unwrap();
    let older = Phone::open(copy.path());
    assert_eq!(not_a_receipt(&older, &server), Some(NotAReceipt::Forked));
}

#[test]
fn another_persons_code_does_not_take_over_the_folder() {
    let (_dir, server, phone) = one_op();
    server.with(|state| state.worker = nuanfang_core::id::WorkerId(uuid::Uuid::from_u128(0xB2)));
    let refused = phone.enrol(&server);
    assert!(matches!(refused, Err(Stop::Refused { code }) if code == "device.other_worker"));
    assert_eq!(phone.texts(), ["漏水"]);
}

#[test]
fn clocks_that_jump_do_not_touch_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir.path(), &server);
    phone.sync(&server).unwrap();
    let year = 365 * 86_400_000;
    let mut estimates = Vec::new();
    for (index, jump) in [0, -3 * year, 3 * year, -i64::MAX, 0].into_iter().enumerate() {
        phone.clock.advance_ms(60_000);
        let true_wall = phone.clock_now();
        phone.clock.set_wall(Millis(true_wall.0.saturating_add(jump)));
        phone.say(&index.to_string());
        estimates.push(phone.estimate().est.0);
        phone.clock.set_wall(true_wall);
    }
    assert_eq!(phone.texts(), ["0", "1", "2", "3", "4"]);
    assert!(estimates.windows(2).all(|pair| pair[1] - pair[0] == 60_000), "{estimates:?}");
    phone.clock.reboot();
    phone.say("5");
    phone.sync(&server).unwrap();
    server.with(|state| {
        let log = &state.logs[&phone.enrolment().device];
        let seqs: Vec<u64> = log.ops.iter().map(|(op, _)| op.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
        assert_eq!(log.ops[3].0.t.wall_ms.signum(), -1, "what the clock claimed is sent as it was");
    });
}

#[test]
fn ten_thousand_operations_wait_and_then_go_in_bounded_requests() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir.path(), &server);
    phone
        .store
        .write::<_, Trouble>(|transaction| {
            for index in 0..10_000 {
                outbox::append(transaction, phone.op(&format!("{index} {}", "热".repeat(300)), Vec::new()))?;
            }
            Ok(())
        })
        .unwrap();
    drop(phone);
    let phone = Phone::open(dir.path());
    let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
    assert_eq!((request.owes.ops, request.base), (10_000, 0));
    assert!(serde_json::to_vec(&request).unwrap().len() < nuanfang_core::wire::REQUEST_LIMIT);
    assert_eq!(request.t.tz, "Europe/Madrid");
    let run = phone.sync(&server).unwrap();
    assert_eq!(run.applied.acked, 10_000);
    assert!(run.exchanges <= 25, "{}", run.exchanges);
}

#[test]
fn a_phone_says_for_how_long_its_oldest_operation_has_waited() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir.path(), &server);
    let oldest = || {
        let request = sync::next_request(&phone.store, &phone.speaker, phone.now(), BATCH_BYTES).unwrap();
        request.owes.oldest_ms
    };
    assert_eq!(oldest(), None);
    let made = phone.now().wall_ms;
    phone.say("first");
    phone.clock.advance_ms(90_000);
    phone.say("second");
    assert_eq!(oldest(), Some(90_000));
    phone.clock.set_wall(Millis(made - 86_400_000));
    assert_eq!(oldest(), Some(90_000), "the monotonic clock runs on");
    phone.clock.reboot();
    assert_eq!(oldest(), Some(0), "the wall clock was set back, and there is no other");
    phone.clock.set_wall(Millis(made + 120_000));
    assert_eq!(oldest(), Some(120_000));
    phone.sync(&server).unwrap();
    assert_eq!(oldest(), None);
}

/// A link on which a body of more bytes than these does not get through in its time.
struct SlowLink<'a> {
    server: &'a FakeServer,
    most: usize,
}

impl Transport for SlowLink<'_> {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        if call.body.len() > self.most { Err(Unreachable::Slow) } else { self.server.call(call) }
    }
}

#[test]
fn on_a_slow_link_a_weeks_work_goes_in_smaller_parts() {
    let (_dir, server, phone) = one_op();
    for _ in 0..40 {
        phone.say(&"热".repeat(2_000));
    }
    let way = SlowLink { server: &server, most: 100_000 };
    let mut too_slow = 0;
    while let Err(stop) = phone.sync(&way) {
        assert!(matches!(stop, Stop::Unreachable(Unreachable::Slow)), "{stop:?}");
        too_slow += 1;
        assert!(too_slow < 5, "the same again and again");
    }
    assert!(too_slow > 0 && phone.enrolment().acked == 41);
    for _ in 0..400 {
        phone.say(&"热".repeat(2_000));
    }
    let run = phone.sync(&server).unwrap();
    assert!((2..12).contains(&run.exchanges), "what was slow may be fast again: {}", run.exchanges);
}

#[test]
fn a_draft_is_not_old_because_the_clock_says_so() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    let year = 365 * 86_400_000;
    let there = || draft::load(&phone.store, VisitId(uuid::Uuid::from_u128(0x99)), "problem").unwrap().is_some();
    for jump in [-6 * year, 6 * year] {
        let wall = phone.clock_now();
        phone.clock.reboot();
        phone.clock.set_wall(Millis(wall.0 + jump));
        draft::save(&phone.store, VisitId(uuid::Uuid::from_u128(0x99)), "problem", "门口", phone.now()).unwrap();
        phone.clock.set_wall(wall);
        phone.sync(&server).unwrap();
        assert!(there(), "{jump}");
    }
    for days in [29, 2] {
        server.with(|state| state.now = state.now.plus_minutes(days * 24 * 60));
        phone.sync(&server).unwrap();
        assert_eq!(there(), days == 29, "a month after it was saved, by the server's clock, it goes");
    }
}

#[test]
fn a_body_beyond_the_limit_and_a_file_that_is_not_here_are_refused_before_they_are_evidence() {
    let (_dir, _server, phone) = one_op();
    let long = phone.store.write(|transaction| outbox::append(transaction, phone.op(&"长".repeat(90_000), vec![])));
    assert!(matches!(long, Err(Trouble::Refused(refusal)) if refusal.code == "outbox.too_large"));
    let strange = phone.op("照片", vec![Sha::of(b"not here")]);
    let strange = phone.store.write(|transaction| outbox::append(transaction, strange));
    assert!(matches!(strange, Err(Trouble::Refused(refusal)) if refusal.code == "outbox.no_such_file"));
    assert_eq!(phone.texts(), ["漏水"]);
}

#[test]
fn operations_near_the_limit_go_a_few_at_a_time() {
    let (_dir, server, phone) = one_op();
    for _ in 0..30 {
        phone.say(&"长".repeat(80_000));
    }
    let run = phone.sync(&server).unwrap();
    assert_eq!(run.applied.acked, 31);
    assert!(run.exchanges > 2);
}

#[test]
fn a_file_that_can_not_be_read_any_more_stops_no_other_file() {
    let vanished: fn(&std::path::Path) = |file| std::fs::remove_file(file).unwrap();
    for flaw in [vanished, |file| std::fs::write(file, [0; 20_000]).unwrap()] {
        let (dir, server, phone) = one_op();
        let keep = |byte| blob::keep(&phone.store, &[byte; 20_000], "photo.after", Some(VISIT), "{}".to_owned());
        let mut photos: Vec<blob::BlobRow> = (1..=5).map(|byte| keep(byte).unwrap()).collect();
        phone.say_with("五张照片", photos.iter().map(|photo| photo.sha).collect());
        photos.sort_by_key(|photo| photo.sha);
        // The first that the server asks for.
        let broken = photos.remove(0);
        flaw(&dir.path().join("blobs").join(&broken.beside.as_ref().unwrap().file));
        // One that it does not ask for.
        let forgotten = photos.remove(0);
        server.with(|state| state.unasked = Some(forgotten.sha));
        for round in 1..=2 {
            let run = phone.sync(&server).unwrap();
            assert_eq!(run.files_sent, if round == 1 { 4 } else { 0 });
            assert_eq!(run.unreadable, [broken.sha]);
            phone.say("下一条");
        }
        server.with(|state| {
            assert_eq!(state.blobs[&forgotten.sha].bytes.len(), 20_000, "asked for by the phone");
            assert!(photos.iter().all(|photo| state.blobs[&photo.sha].bytes.len() == 20_000));
            assert!(state.blobs[&broken.sha].bytes.is_empty());
        });
        assert_eq!(phone.enrolment().acked, 3);
    }
}

#[test]
fn files_that_can_not_be_read_any_more_keep_no_other_from_its_turn_however_many_they_are() {
    let (dir, server, phone) = one_op();
    // As the real one does; so many are on its list and among what the phone asks of together.
    server.with(|state| state.asks_for = 64);
    let keep = |count: u8, len: usize| {
        blob::keep(&phone.store, &vec![count; len], "photo.after", Some(VISIT), "{}".to_owned()).unwrap().sha
    };
    phone.say_with("照片", (0..140).map(|count| keep(count, 17_000)).collect());
    for file in std::fs::read_dir(dir.path().join("blobs")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let large = [keep(150, 30_000), keep(151, 40_000)];
    phone.say_with("后来的照片", large.to_vec());
    let run = phone.sync(&server).unwrap();
    assert_eq!((run.files_sent, run.unreadable.len()), (2, 140));
    server.with(|state| assert!(large.iter().all(|sha| state.blobs[sha].bytes.len() as u64 == state.blobs[sha].len)));
    let owes = phone.store.read::<_, Trouble>(blob_row::owes).unwrap();
    assert_eq!(owes.blobs, 140, "what this phone can't read is not taken for sent");
}

#[test]
fn a_trouble_of_the_whole_disk_stops_a_run() {
    let (dir, server, phone) = one_op();
    let photo = blob::keep(&phone.store, &[1; 20_000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    phone.say_with("照片", vec![photo.sha]);
    rusqlite::Connection::open(dir.path().join("phone.db")).unwrap().execute_batch("DROP TABLE blob").unwrap();
    assert!(matches!(phone.sync(&server), Err(Stop::Trouble(Trouble::Sqlite(_)))));
}

/// A way on which the worker records something while the first photo goes out, and the server has no room for the third.
struct MeanwhileAtTheDoor<'a> {
    server: &'a FakeServer,
    phone: &'a Phone,
    calls: Mutex<Vec<&'static str>>,
}

impl Transport for MeanwhileAtTheDoor<'_> {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(call.method);
        match calls.iter().filter(|method| **method == "PATCH").count() {
            1 if call.method == "PATCH" => drop(self.phone.say("门口又说了一句")),
            3 => return Ok(Answer { status: 503, retry_after_s: Some(7), ..Answer::default() }),
            _ => {}
        }
        self.server.call(call)
    }
}

#[test]
fn what_is_recorded_while_photos_go_out_goes_before_the_next_and_no_photo_stands_in_its_way() {
    let (_dir, server, phone) = one_op();
    phone.sync(&server).unwrap();
    for byte in 1..=3 {
        let photo = blob::keep(&phone.store, &[byte; 70_000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
        phone.say_with("照片", vec![photo.sha]);
    }
    let way = MeanwhileAtTheDoor { server: &server, phone: &phone, calls: Mutex::default() };
    let run = phone.sync(&way).unwrap();
    assert_eq!(*way.calls.lock().unwrap(), ["POST", "PATCH", "POST", "PATCH", "PATCH"]);
    assert!(matches!(run.files_wait, Some(Stop::Busy { retry_after_s: Some(7) })), "{run:?}");
    assert_eq!((phone.enrolment().acked, run.files_sent), (5, 2));
    assert_eq!(phone.sync(&server).unwrap().files_sent, 1);
}

#[test]
fn files_go_out_signatures_first_and_a_file_the_server_already_has_is_not_sent_again() {
    let (_dir, server, phone) = one_op();
    let photo = blob::keep(&phone.store, &[5; 70_000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    let sign = blob::keep(&phone.store, &[6; 900], "signature.image", Some(VISIT), "{}".to_owned()).unwrap();
    let again = blob::keep(&phone.store, &[5; 70_000], "photo.other", Some(VISIT), "{}".to_owned()).unwrap();
    assert_eq!(photo, again, "the same picture twice is one file");
    let owed = phone.store.read::<_, Trouble>(|connection| blob_row::owed(connection, &BTreeSet::new(), 10));
    assert!(owed.unwrap().is_empty(), "no act names them yet");
    phone.say_with("两个文件", vec![photo.sha, sign.sha]);
    let owed = phone.store.read::<_, Trouble>(|connection| blob_row::owed(connection, &BTreeSet::new(), 10));
    assert_eq!(owed.unwrap()[0].sha, sign.sha);
    server.with(|state| {
        state.blobs.entry(photo.sha).or_default().bytes = vec![5; 70_000];
    });
    phone.sync(&server).unwrap();
    server.with(|state| assert_eq!(state.uploaded, 900));
    let whole = phone.store.read::<_, Trouble>(nuanfang_core::device::store::blob_row::owes).unwrap();
    assert_eq!((whole.blobs, whole.bytes), (0, 0));
}

impl Phone {
    pub fn now(&self) -> nuanfang_core::time::Stamp {
        use nuanfang_core::device::clock::Clock;
        self.clock.stamp()
    }

    fn clock_now(&self) -> Millis {
        Millis(self.now().wall_ms)
    }

    fn estimate(&self) -> nuanfang_core::time::Estimate {
        use nuanfang_core::device::clock::Anchor;
        let now = self.now();
        let anchor =
            self.store.read(|connection| nuanfang_core::device::store::enrolment::anchor(connection, &now)).unwrap();
        Anchor::estimate(anchor.as_ref(), &now)
    }

    fn mirrored(&self, e: &str) -> Vec<String> {
        let rows = self.store.read::<_, Trouble>(|connection| mirror_row::all(connection, e)).unwrap();
        let mut ids: Vec<(u64, String)> = rows.into_iter().map(|row| (row.ver, row.id)).collect();
        ids.sort_by(|left, right| right.1.cmp(&left.1));
        ids.sort_by_key(|(ver, _)| *ver);
        ids.into_iter().map(|(_, id)| id).collect()
    }

    fn departed(&self) -> Vec<(String, nuanfang_core::id::VisitId)> {
        let rows = self.store.read::<_, Trouble>(mirror_row::departed).unwrap();
        rows.into_iter().map(|row| (row.why, row.visit)).collect()
    }
}

impl FakeServer {
    fn answer(&self, request: &nuanfang_core::wire::SyncRequest) -> nuanfang_core::wire::SyncReply {
        self.with(|state| state.exchange(request))
    }
}
