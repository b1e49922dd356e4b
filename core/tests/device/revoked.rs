//! A phone that the company revoked: it says so until it is let in or enrolled anew, whatever happens in between, and
//! keeps nothing but its log.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::status::SyncState;
use nuanfang_core::domain::worker_event::Photographed;
use nuanfang_core::domain::{Command, VisitKind, VisitState, role};
use nuanfang_core::wire::auth::Invitation;

use crate::fake_server::Lie;
use crate::field::{self, Field, HOUSEHOLD, jpeg, problem, routine};

/// The server lets it in no more, once.
fn is_turned_away(field: &Field) {
    field.server.lie(Lie::Status(403, r#"{"code":"device_revoked"}"#));
    assert_eq!(field.app.sync_once().unwrap_err().code, "device_revoked");
}

fn revoked() -> Field {
    let field = Field::with_visit(VisitKind::Repair);
    field.act(&Command::Acknowledge);
    is_turned_away(&field);
    field
}

fn must_enrol(field: &Field) -> bool {
    field.app.enrolment().unwrap().unwrap().needs_enrolment
}

/// It is said wherever somebody may look.
fn says_so(field: &Field) {
    assert!(must_enrol(field));
    let status = field.app.status().unwrap();
    assert_eq!((status.state, status.ops_waiting), (SyncState::Stuck, 1));
    assert!(status.words.zh.contains("停用"), "{}", status.words.zh);
    for records in [field.app.records(None, 1).unwrap(), field.app.visit_records(field.visit).unwrap()] {
        assert!(records[0].why.as_ref().is_some_and(|why| why.zh.contains("停用")), "{records:?}");
    }
}

#[test]
fn it_says_so_without_a_network_and_after_a_restart_and_enrols_anew() {
    let field = revoked();
    says_so(&field);
    for lie in [Lie::Silence, Lie::Portal, Lie::Status(503, "")] {
        field.server.lie(lie);
        assert!(field.app.sync_once().is_err());
        says_so(&field);
    }
    let field = field.killed();
    says_so(&field);
    field.app.enrol(&field::invitation(), "测试机").unwrap();
    assert!(!must_enrol(&field));
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.state, status.ops_waiting), (SyncState::Idle, 0));
    assert_eq!(field.visit().view.state, VisitState::Acknowledged);
    let field = field.killed();
    assert!(!must_enrol(&field));
}

#[test]
fn one_that_is_let_in_after_all_is_as_it_was() {
    let field = revoked();
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.state, status.ops_waiting), (SyncState::Idle, 0));
    assert!(!must_enrol(&field));
    assert_eq!(field.app.enrol(&field::invitation(), "测试机").unwrap_err().code, "device.already_enrolled");
    assert!(field.visit().household.is_some(), "what it forgot it is told again");
}

#[test]
fn it_keeps_its_log_and_nothing_else_of_anybody() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    let used = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("used")).unwrap();
    let taken = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
    field.app.act(field.visit, &Command::Photograph(taken), &[used.sha]).unwrap();
    let loose = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("loose")).unwrap();
    field.app.save_draft(field.visit, "problem", "打了一半").unwrap();
    assert!(field.app.household(HOUSEHOLD).unwrap().is_some());
    let logged = field.app.records(None, 100).unwrap().len();
    is_turned_away(&field);
    assert!(field.app.household(HOUSEHOLD).unwrap().is_none());
    assert!(field.app.worker().unwrap().is_none());
    assert_eq!(field.app.draft(field.visit, "problem").unwrap(), None);
    assert_eq!(field.app.photo(loose.sha).unwrap_err().code, "photo.gone");
    assert_eq!(field.blob_count(), (1, 1));
    assert_eq!(field.app.records(None, 100).unwrap().len(), logged);
    let rescued = field.app.export_rescue(&field.dir.path().join("rescue.nuanfang")).unwrap();
    assert_eq!((rescued.ops, rescued.files, rescued.files_lost), (logged as u64, 1, 0));
}

#[test]
fn what_is_typed_afterwards_of_a_visit_that_it_forgot_is_not_kept() {
    let field = Field::with_visit(VisitKind::Repair);
    is_turned_away(&field);
    let refusal = field.app.save_draft(field.visit, "problem", "打了一半").unwrap_err();
    assert_eq!(refusal.code, "device.no_such_visit");
}

#[test]
fn one_whose_log_forked_sends_nothing_and_hears_of_it_all_the_same() {
    let field = Field::with_visit(VisitKind::Repair);
    field.act(&Command::Acknowledge);
    field.server.lie(Lie::Twist(|reply| reply.fork = true));
    assert_eq!(field.app.sync_once().unwrap_err().code, "sync.forked");
    let exchanges = || field.server.with(|state| state.packed_with.len());
    let before = exchanges();
    for away in [false, true] {
        field.server.with(|state| state.away = away);
        assert_eq!(field.app.sync_once().unwrap_err().code, "sync.forked");
        let status = field.app.status().unwrap();
        assert!(status.state == SyncState::Stuck && status.words.zh.contains("重新登记"), "{status:?}");
        assert!(field.app.household(HOUSEHOLD).unwrap().is_some());
    }
    field.server.with(|state| (state.away, state.revoked) = (false, true));
    assert_eq!(field.app.sync_once().unwrap_err().code, "device_revoked");
    assert!(field.app.household(HOUSEHOLD).unwrap().is_none(), "whoever has it in hand now reads nothing of anybody");
    assert_eq!(exchanges(), before, "it asks for nothing but to be let in");
    let field = field.killed();
    field.server.with(|state| state.away = true);
    assert!(field.app.sync_once().is_err());
    says_so(&field);
    field.server.with(|state| (state.away, state.revoked) = (false, false));
    field.app.enrol(&field::invitation(), "测试机").unwrap();
    assert!(!must_enrol(&field));
    assert_eq!(field.app.sync_once().unwrap().state, SyncState::Idle);
}

#[test]
fn one_whose_log_forked_hears_too_that_it_was_dismissed_and_lets_him_end_what_he_is_on_the_way_to() {
    for with_the_fork in [true, false] {
        let field = Field::with_visit(VisitKind::Repair);
        field.go_in();
        field.app.save_draft(field.visit, "problem", "打了一半").unwrap();
        field.server.with(|state| state.dismissed = with_the_fork);
        field.server.lie(Lie::Twist(|reply| reply.fork = true));
        assert_eq!(field.app.sync_once().unwrap_err().code, "sync.forked");
        if !with_the_fork {
            assert!(field.app.household(HOUSEHOLD).unwrap().is_some());
            field.server.with(|state| state.dismissed = true);
            assert_eq!(field.app.sync_once().unwrap_err().code, "sync.forked");
        }
        assert!(field.app.household(HOUSEHOLD).unwrap().is_none());
        assert!(field.app.worker().unwrap().is_some() && field.app.company().unwrap().is_some());
        assert_eq!(field.app.draft(field.visit, "problem").unwrap(), None);
        let gone = field.act(&problem("漏水"));
        assert!(gone.departed.is_some_and(|words| !words.zh.contains("改派")));
        // What he begins from here on stays, whatever it hears again.
        let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("之后")).unwrap();
        field.app.save_draft(field.visit, "problem", "又打了一半").unwrap();
        assert_eq!(field.app.sync_once().unwrap_err().code, "sync.forked");
        assert!(field.app.photo(photo.sha).is_ok() && field.app.draft(field.visit, "problem").unwrap().is_some());
        field.server.with(|state| state.dismissed = false);
        field.app.enrol(&field::invitation(), "测试机").unwrap();
        let status = field.app.sync_once().unwrap();
        assert_eq!((status.state, status.ops_waiting), (SyncState::Idle, 0));
        assert!(field.app.household(HOUSEHOLD).unwrap().is_some(), "enrolled anew he is told again");
    }
}

#[test]
fn who_is_dismissed_on_the_way_ends_his_visit_as_he_would_any() {
    let field = Field::with_visit(VisitKind::Measurement);
    field.go_in();
    field.server.with(|state| state.dismissed = true);
    field.app.sync_once().unwrap();
    assert!(field.app.household(HOUSEHOLD).unwrap().is_none(), "nothing of the resident stays");
    assert_eq!(field.app.instruments().unwrap().len(), 1);
    let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("之后")).unwrap();
    field.app.sync_once().unwrap();
    let taken = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
    field.app.act(field.visit, &Command::Photograph(taken), &[photo.sha]).unwrap();
    field.act(&Command::StartMeasurement(routine()));
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.ops_waiting, status.files_waiting), (0, 0), "it is handed in");
}

#[test]
fn one_that_was_dismissed_says_so_hands_in_and_enrols_anew() {
    let field = Field::with_visit(VisitKind::Repair);
    field.server.with(|state| state.dismissed = true);
    field.act(&Command::Acknowledge);
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.state, status.ops_waiting), (SyncState::Stuck, 0), "what it held went out");
    assert!(status.words.zh.contains("不再向本机派工"), "{}", status.words.zh);
    let field = field.killed();
    assert!(must_enrol(&field));
    assert_eq!(field.app.status().unwrap().state, SyncState::Stuck);
    field.server.with(|state| state.dismissed = false);
    field.app.enrol(&field::invitation(), "测试机").unwrap();
    assert!(!must_enrol(&field));
    assert_eq!(field.app.sync_once().unwrap().state, SyncState::Idle);
    assert!(field.app.visits().unwrap().len() == 1);
}

#[test]
fn a_server_that_moved_is_followed_by_its_new_invitation() {
    let field = Field::with_visit(VisitKind::Repair);
    field.act(&Command::Acknowledge);
    let moved = field::invitation().replace("127.0.0.1:1 ", "127.0.0.1:2 ");
    let before = field.app.enrolment().unwrap().unwrap();
    let after = field.app.enrol(&moved, "测试机").unwrap();
    assert_ne!(after.device, before.device);
    field.app.sync_once().unwrap();
    assert_eq!(field.server.kinds(after.device), ["visit.acknowledged"]);
}

#[test]
fn what_is_not_safe_goes_to_no_other_company() {
    let field = Field::with_visit(VisitKind::Repair);
    field.act(&Command::Acknowledge);
    let before = field.app.enrolment().unwrap();
    field.server.is_another_companys();
    let moved = field::invitation().replace("127.0.0.1:1 ", "127.0.0.1:2 ");
    assert_eq!(field.app.enrol(&moved, "测试机").unwrap_err().code, "device.other_root");
    assert_eq!((field.app.enrolment().unwrap(), field.app.status().unwrap().ops_waiting), (before, 1));
}

#[test]
fn a_server_with_a_key_of_its_own_is_followed_to_where_the_public_roots_vouch_for_it_and_back() {
    let field = Field::with_visit(VisitKind::Repair);
    let (url, code) = field::invitation().split_once(' ').map(|(url, code)| (url.to_owned(), code.to_owned())).unwrap();
    let pinned = Invitation { url, code, pin: Some(Sha::of("示例密钥".as_bytes())), supplier: None };
    let unpinned = Invitation { pin: None, ..pinned.clone() };
    for invitation in [&pinned, &unpinned, &pinned] {
        field.app.enrol(&invitation.to_text(), "测试机").unwrap();
        let again = field.app.enrol(&invitation.to_text(), "测试机").unwrap_err();
        assert_eq!(again.code, "device.already_enrolled");
    }
    field.app.sync_once().unwrap();
}

#[test]
fn records_around_one_that_can_not_be_read_go_into_the_rescue_file_and_out() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    let logged = field.app.status().unwrap().head;
    field.spoil_record(3);
    let rescued = field.app.export_rescue(&field.dir.path().join("rescue.nuanfang")).unwrap();
    assert_eq!((rescued.ops, rescued.ops_lost), (logged - 1, 1));
    field.app.sync_once().unwrap();
    let status = field.app.status().unwrap();
    assert_eq!((status.acked, status.ops_waiting), (logged - 1, 0));
}

#[test]
fn one_that_the_server_has_and_that_can_not_be_read_keeps_nothing_behind_it_in_nor_from_a_new_enrolment() {
    let field = Field::with_visit(VisitKind::Repair);
    field.server.with(|state| state.safe_lag = 100);
    field.go_in();
    field.app.sync_once().unwrap();
    let sent = field.app.status().unwrap().acked;
    field.act(&problem("漏水"));
    field.act(&problem("再说一次"));
    field.spoil_record(2);
    let rescued = field.app.export_rescue(&field.dir.path().join("rescue.nuanfang")).unwrap();
    assert_eq!((rescued.ops, rescued.ops_lost), (sent + 2 - 1, 1), "the others are on the server's disk alone");
    field.server.lie(Lie::Twist(|reply| reply.fork = true));
    assert_eq!(field.app.sync_once().unwrap_err().code, "sync.forked");
    let after = field.app.enrol(&field::invitation(), "测试机").unwrap();
    field.app.sync_once().unwrap();
    assert_eq!(field.server.kinds(after.device).len() as u64, sent + 2 - 1, "all but the one");
}
