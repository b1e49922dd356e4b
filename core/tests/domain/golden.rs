//! Golden vectors: facts in, state out. Server, Kotlin and Swift read the same files; `GOLDEN=write` writes them
//! anew, and a difference in review is a change of the format.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::domain::office_event::{Assigned, CallbackMade, LateDecided, LateDecision, OtherSource};
use nuanfang_core::domain::view::VisitView;
use nuanfang_core::domain::{
    Context, Event, Fact, Now, RuleBook, Rules, Visit, VisitKind, VisitOverview, fold, overview, view,
};
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Estimate, Millis, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::phone::{Office, Phone, plan, uuid};
use crate::{journeys, measuring};

/// A fact as it travels: kind and body, not yet an event.
#[derive(Serialize, Deserialize)]
struct Sent {
    op: OpId,
    device: DeviceId,
    seq: u64,
    worker: WorkerId,
    basis: u64,
    stamp: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<Estimate>,
    kind: String,
    body: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blobs: Vec<BlobRef>,
}

/// One file.
#[derive(Serialize, Deserialize)]
struct Vector {
    /// What it shows.
    title: String,
    visit: VisitId,
    /// The moment at which the visit is looked at.
    now: Stamp,
    facts: Vec<Sent>,
    overview: VisitOverview,
    /// A view for each lane.
    lanes: BTreeMap<u64, VisitView>,
}

fn sent(fact: &Fact) -> Sent {
    let body = fact.event.to_body("00000000000000000000000000000000");
    Sent {
        op: fact.op,
        device: fact.device,
        seq: fact.seq,
        worker: fact.worker,
        basis: fact.basis,
        stamp: fact.stamp,
        estimate: fact.estimate,
        kind: fact.event.kind().to_owned(),
        body: RawValue::from_string(body).expect("a body is JSON"),
        blobs: fact.blobs.clone(),
    }
}

fn received(sent: &Sent) -> Fact {
    Fact {
        op: sent.op,
        device: sent.device,
        seq: sent.seq,
        worker: sent.worker,
        basis: sent.basis,
        rules: Rules::builtin().sha(),
        stamp: sent.stamp,
        estimate: sent.estimate,
        event: Event::parse(&sent.kind, sent.body.get()),
        blobs: sent.blobs.clone(),
    }
}

fn state(visit: VisitId, now: Stamp, facts: &[Fact]) -> (VisitOverview, BTreeMap<u64, VisitView>) {
    let mut folded = Visit::new(visit, RuleBook::default());
    for fact in facts {
        fold(&mut folded, fact);
    }
    let context = Context::looking(Now { stamp: now, estimate: None }, Rules::builtin());
    let overview = overview(&folded);
    let lanes = overview.lanes.iter().map(|lane| (lane.lane, view(&folded, lane.lane, &context))).collect();
    (overview, lanes)
}

fn day(title: &str, kind: VisitKind, play: impl FnOnce(&mut Phone), after: Vec<(u64, Event)>) -> Vector {
    let mut office = Office::new();
    let mut facts = vec![office.says(0, Event::VisitScheduled(plan(kind, WorkerId(uuid(10)))))];
    let mut phone = Phone::of(kind);
    play(&mut phone);
    facts.append(&mut phone.facts);
    facts.extend(after.into_iter().map(|(basis, event)| office.says(basis, event)));
    let visit = VisitId(uuid(4));
    let (overview, lanes) = state(visit, phone.stamp, &facts);
    let facts = facts.iter().map(sent).collect();
    Vector { title: title.to_owned(), visit, now: phone.stamp, facts, overview, lanes }
}

fn vectors() -> Vec<(&'static str, Vector)> {
    let moved = Assigned { assignee: WorkerId(uuid(11)), reason: Some("请假".into()) };
    let decided =
        LateDecided { lane: 1, decision: LateDecision::Supplement, reason: "留作补充".into(), records: None };
    let called = CallbackMade {
        source: OtherSource::CallBack,
        answers: vec![],
        satisfied: Some(true),
        note: None,
        refusals: None,
    };
    vec![
        (
            "measurement_signed",
            day("一户测温，一室不达标，签字", VisitKind::Measurement, measuring::play_signed, vec![]),
        ),
        (
            "measurement_refused",
            day(
                "测温拒签，回访",
                VisitKind::Measurement,
                measuring::play_refused,
                vec![(1, Event::CallbackMade(called))],
            ),
        ),
        ("repair_changed_quote", day("收费维修，变更报价，验收", VisitKind::Repair, journeys::play_repair, vec![])),
        ("repair_forged", day("未签字先开工：照收，违规在案", VisitKind::Repair, journeys::play_forged, vec![])),
        ("inspection_hazards", day("巡检，自用隐患书面告知", VisitKind::Inspection, journeys::play_inspection, vec![])),
        ("absent", day("到访不遇，留言条，改约", VisitKind::Inspection, journeys::play_absent, vec![])),
        (
            "late_after_reassignment",
            day(
                "离线期间改派：迟到记录由调度处理",
                VisitKind::Inspection,
                journeys::play_absent,
                vec![(1, Event::Assigned(moved)), (2, Event::LateDecided(decided))],
            ),
        ),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/visits")
}

#[test]
fn facts_fold_to_the_states_on_file() {
    let bless = std::env::var("GOLDEN").as_deref() == Ok("write");
    for (name, vector) in vectors() {
        let path = folder().join(format!("{name}.json"));
        if bless {
            std::fs::create_dir_all(folder()).expect("a folder for the vectors");
            let text = serde_json::to_string_pretty(&vector).expect("a vector is JSON") + "\n";
            std::fs::write(&path, text).expect("the vector is written");
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let filed: Vector = serde_json::from_str(&text).expect("a vector on file");
        let facts: Vec<Fact> = filed.facts.iter().map(received).collect();
        let (overview, lanes) = state(filed.visit, filed.now, &facts);
        assert_eq!(overview, filed.overview, "{name}");
        assert_eq!(lanes, filed.lanes, "{name}");
        // What is asked for today is still what was asked for then.
        let today: Vec<String> = vector.facts.iter().map(|fact| fact.body.get().to_owned()).collect();
        let then: Vec<String> = filed.facts.iter().map(|fact| compact(fact.body.get())).collect();
        assert_eq!(today.iter().map(|body| compact(body)).collect::<Vec<_>>(), then, "{name}");
    }
}

fn compact(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).expect("JSON").to_string()
}

#[test]
fn the_bundle_has_the_name_on_file() {
    let path = folder().join("../rules.sha");
    let sha = Rules::builtin().sha().to_string();
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, format!("{sha}\n")).expect("the name is written");
    }
    let filed = std::fs::read_to_string(&path).expect("the name on file");
    assert_eq!(filed.trim(), sha, "the rules have changed: their name must be filed anew");
}

#[test]
fn looking_later_changes_nothing() {
    let (_, vector) = vectors().swap_remove(0);
    let facts: Vec<Fact> = vector.facts.iter().map(received).collect();
    let mut later = vector.now;
    later.wall_ms = Millis(later.wall_ms).plus_minutes(100_000).0;
    assert_eq!(state(vector.visit, later, &facts), (vector.overview, vector.lanes));
}

/// `UPDATE_RULES=1` files the bundle that goes out next.
#[test]
fn every_bundle_that_went_out_is_at_hand_and_the_next_one_is_filed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/released");
    let next = Rules::builtin();
    if std::env::var_os("UPDATE_RULES").is_some() {
        std::fs::write(folder.join(format!("{}.json", next.sha())), next.bytes()).expect("filed");
    }
    let book = RuleBook::default();
    let mut filed = Vec::new();
    for file in std::fs::read_dir(folder).expect("the folder") {
        let file = file.expect("a file");
        let bundle = Rules::parse(&std::fs::read(file.path()).expect("its bytes")).expect("a bundle");
        assert_eq!(file.file_name().to_string_lossy(), format!("{}.json", bundle.sha()));
        assert!(book.knows(&bundle.sha()), "{} does not stand in BUNDLES", bundle.sha());
        filed.push(bundle.sha());
    }
    assert!(
        filed.contains(&next.sha()),
        "the rules were changed: file them with UPDATE_RULES=1, and leave those before"
    );
}
