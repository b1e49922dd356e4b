//! A morning in the office, through its HTTP door.

mod common;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use common::desk::{Desk, PASSWORD, household, ledger, log_in, workbook, worker};
use common::paper::sign;
use common::{House, Phone};
use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::Window;
use nuanfang_core::domain::inspection::{Finding, FindingResult, FixtureOwner, Hazard};
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::place::Place;
use nuanfang_core::domain::signature::{Purpose, SignatureRefused, Signed, Signer, SignerRole};
use nuanfang_core::domain::worker_event::{Arrived, Bare, Completed, Departed};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::OutcomeKind;
use nuanfang_server::office::folded;
use nuanfang_server::office::ledger::Register;
use nuanfang_server::office::rebuild;
use nuanfang_server::office::role::Role;
use nuanfang_server::store::StoreError;
use serde_json::{Value, json};
use uuid::Uuid;

/// 2026-09-22 09:00 in Beijing, the day after the test clock's.
const NINE: i64 = 1_790_038_800_000;
const HOUR: i64 = 3_600_000;

fn id(value: &Value) -> Uuid {
    value.as_str().expect("an id").parse().expect("a UUID")
}

/// A resident who has no time to sign for what he was told.
fn refused_notice() -> Event {
    Event::SignatureRefused(SignatureRefused {
        purpose: Purpose::Notice,
        reason: "赶时间".into(),
        witness: Some("物业张师傅".into()),
        covers: None,
        record_sha: Sha::of(b"refused"),
        jws: String::new(),
    })
}

/// An office with two workers, three households and an administrator who brought them in.
struct Office {
    house: House,
    dispatcher: Desk,
    admin: Desk,
}

impl Office {
    async fn open() -> Self {
        let house = House::open().await;
        let admin = Desk::open(&house, Role::Admin).await;
        let dispatcher = Desk::open(&house, Role::Dispatcher).await;
        let households = ledger(
            &[
                household("A-1", "示例花园", "101"),
                household("A-2", "示例花园", "102"),
                household("B-1", "暖心里", "201"),
            ],
            &[json!({"交费编号": "A-1", "约定室温": 20, "相对热源距离": "远"})],
        );
        let report = admin.import(&house, "households", households).await;
        assert_eq!((&report["added"], &report["applied"]), (&json!(3), &json!(true)), "{report}");
        let workers = [worker("G-1", "李师傅", "维修员、测温员"), worker("G-2", "赵师傅", "维修员、巡检员")];
        let report = admin.import(&house, "workers", workbook(Register::Workers, &workers)).await;
        assert_eq!(report["added"], 2, "{report}");
        Self { house, dispatcher, admin }
    }

    async fn worker(&self, badge: &str) -> Uuid {
        let workers = self.dispatcher.get(&self.house, "/api/workers").await;
        let found = workers.as_array().expect("a list").iter().find(|worker| worker["badge_number"] == badge);
        id(&found.expect("the worker")["id"])
    }

    async fn home(&self, account: &str) -> Uuid {
        let page = self.dispatcher.get(&self.house, &format!("/api/households?q={account}")).await;
        assert_eq!(page["total"], 1, "{page}");
        id(&page["rows"][0]["id"])
    }

    /// An inspection that is G-2's, and his phone, which knows of it.
    async fn inspection(&self) -> (VisitId, Phone) {
        let zhao = self.worker("G-2").await;
        let (_, card) = self.schedule("A-1", "inspection", NINE, Some(zhao)).await;
        let mut phone = Phone::enrol(&self.house, WorkerId(zhao)).await;
        phone.sync(&self.house).await;
        (VisitId(id(&card["id"])), phone)
    }

    async fn schedule(&self, account: &str, kind: &str, from_ms: i64, assignee: Option<Uuid>) -> (StatusCode, Value) {
        let body = json!({
            "kind": kind, "household": self.home(account).await, "scope": "暖气不热", "assignee": assignee,
            "window": {"from_ms": from_ms, "until_ms": from_ms + HOUR}, "appointment": {"channel": "phone"},
        });
        self.dispatcher.post(&self.house, "/api/visits", body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_whose_plan_was_lost_is_planned_again_under_its_id_and_what_waited_counts() {
    let office = Office::open().await;
    let (house, li) = (&office.house, office.worker("G-1").await);
    let (visit, home) = (VisitId(Uuid::from_u128(0xb5)), office.home("A-2").await);
    let path = format!("/api/lost-visits/{visit}");
    let mut phone = Phone::enrol(house, WorkerId(li)).await;
    // The plan that was lost had been changed twice.
    phone.log(Some(visit), 2, &Event::Departed(Departed { tools_checked: true, parts: Vec::new() }));
    phone.log(Some(visit), 3, &Event::Arrived(Arrived { place: Place::None { reason: "no_signal".into() } }));
    let measuring = r#"{"n":"00","protocol":"745-M2","instrument":"00000000-0000-0000-0000-0000000000c1","purpose":"routine",
        "weather":"晴","window_open":false,"extra_heater":false}"#;
    phone.log_raw(Some(visit), 3, "visit.measurement_started", measuring, Vec::new());
    sign(house, &mut phone, visit, HouseholdId(home), "示例甲");
    let told = phone.sync(house).await.outcomes;
    assert!(told.iter().all(|told| told.why.as_deref() == Some("visit_unknown")), "{told:?}");

    let lost = office.dispatcher.get(house, &path).await;
    assert_eq!((&lost["operations"], &lost["workers"][0]["name"]), (&json!(4), &json!("李师傅")), "{lost}");
    assert_eq!(id(&lost["household"]["id"]), home, "what was signed there says where it was: {lost}");
    assert_eq!(lost["kind"], "measurement", "{lost}");
    let again = |lost: VisitId| {
        json!({
            "kind": "measurement", "household": home, "scope": "室温测量", "assignee": li, "protocol": "745-M2",
            "window": {"from_ms": NINE, "until_ms": NINE + HOUR}, "lost": lost.0,
        })
    };
    let (status, problem) = office.dispatcher.post(house, "/api/visits", again(VisitId(Uuid::from_u128(0xb6)))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("visit.not_lost")), "an id is not made up");
    for (what, other, code) in [
        ("assignee", json!(null), "visit.lost_assignee"),
        ("assignee", json!(office.worker("G-2").await), "visit.lost_assignee"),
        ("household", json!(office.home("A-1").await), "visit.lost_household"),
    ] {
        let mut asked = again(visit);
        asked[what] = other;
        let (status, problem) = office.dispatcher.post(house, "/api/visits", asked).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)));
    }
    // Since then he has lost the skill, and another visit stands at that time: he was there all the same.
    let elsewhere = office.schedule("B-1", "repair", NINE, Some(li)).await;
    assert_eq!(elsewhere.0, StatusCode::CREATED, "{}", elsewhere.1);
    let workers = [worker("G-1", "李师傅", "维修员"), worker("G-2", "赵师傅", "维修员、巡检员")];
    let report = office.admin.import(house, "workers", workbook(Register::Workers, &workers)).await;
    assert_eq!(report["changed"], 1, "{report}");
    let (status, card) = office.dispatcher.post(house, "/api/visits", again(visit)).await;
    assert_eq!((status, id(&card["id"])), (StatusCode::CREATED, visit.0), "{card}");

    let told = phone.sync(house).await.outcomes;
    let told: Vec<_> = told.iter().map(|told| (told.seq, told.o, told.why.as_deref())).collect();
    assert_eq!(told, [1, 2, 3, 4].map(|seq| (seq, OutcomeKind::Applied, Some("released"))));
    assert_eq!(office.dispatcher.get(house, "/api/quarantine").await["total"], 0);
    let view = office.dispatcher.get(house, &format!("/api/visits/{visit}")).await;
    assert_eq!(view["card"]["state"], "at_door", "{view}");
    let lanes = view["lanes"].as_array().expect("lanes");
    assert_eq!(
        (lanes.len(), &view["card"]["plan_version"]),
        (1, &json!(3)),
        "versions go on behind what he had seen: {view}"
    );
    assert!(
        lanes[0]["violations"]
            .as_array()
            .is_none_or(|found| found.iter().all(|one| one["code"] != "lane.not_assigned"))
    );
    let papers = office.dispatcher.get(house, &format!("/api/visits/{visit}/documents")).await;
    assert_eq!(papers.as_array().map(Vec::len), Some(1), "a paper is made of what was signed: {papers}");
    assert_eq!(office.dispatcher.post(house, "/api/visits", again(visit)).await.0, StatusCode::NOT_FOUND, "once");
    let dump = || house.state.store.read_now::<_, StoreError>(rebuild::dump).expect("a dump");
    let was = dump();
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(), was, "the log alone makes the same tables");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_locks_in_the_end_and_a_session_ends_when_it_is_told_to() {
    let house = House::open().await;
    let admin = Desk::open(&house, Role::Admin).await;
    for _ in 0..5 {
        assert_eq!(log_in(&house, "admin", "wrong password").await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(log_in(&house, "nobody", "wrong password").await.0, StatusCode::UNAUTHORIZED);
    }
    let (status, headers, _) = log_in(&house, "admin", PASSWORD).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains_key(header::RETRY_AFTER));
    assert_eq!(admin.get(&house, "/api/session").await["user"]["role"], "admin", "a session goes on");
    let (status, added) = admin
        .post(&house, "/api/users", json!({"login": "Wang", "name": "王五", "role": "service", "password": PASSWORD}))
        .await;
    assert_eq!((status, &added["login"]), (StatusCode::CREATED, &json!("wang")));
    let again = json!({"login": "wang", "name": "王六", "role": "service", "password": PASSWORD});
    assert_eq!(admin.post(&house, "/api/users", again).await.1["code"], "user.login_taken");
    let weak = json!({"login": "zhao", "name": "赵", "role": "service", "password": "12345678"});
    assert_eq!(admin.post(&house, "/api/users", weak).await.1["code"], "password.common");
    let (_, headers, _) = log_in(&house, "wang", PASSWORD).await;
    let cookie = headers[header::SET_COOKIE].to_str().expect("text").split(';').next().expect("a cookie").to_owned();
    let wang = Desk { cookie, login: "wang".into() };
    wang.get(&house, "/api/tasks").await;
    let path = format!("/api/users/{}/disable", id(&added["id"]));
    assert_eq!(admin.post(&house, &path, json!({"reason": "离职"})).await.0, StatusCode::OK);
    assert_eq!(wang.send(&house, Method::GET, "/api/tasks", &Value::Null).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(&house, "wang", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    let body = json!({"login": "li", "password": "x", "remember": true}).to_string();
    let (status, _, _) = house.send(admin.request(Method::POST, "/api/session", body)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "an unknown field is not silently nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_logins_switch_no_lock_off() {
    let house = House::open().await;
    Desk::open(&house, Role::Admin).await;
    let long = "x".repeat(600);
    for n in 0..10_000 {
        assert_eq!(log_in(&house, &format!("nobody-{n}"), &long).await.0, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..5 {
        assert_eq!(log_in(&house, "admin", "wrong password").await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(log_in(&house, "admin", PASSWORD).await.0, StatusCode::TOO_MANY_REQUESTS);
    let endless = "x".repeat(60_000);
    for _ in 0..6 {
        assert_eq!(
            log_in(&house, &endless, "wrong password").await.0,
            StatusCode::UNAUTHORIZED,
            "nothing is kept of it"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_at_the_same_time_count_one_by_one() {
    let house = std::sync::Arc::new(House::open().await);
    Desk::open(&house, Role::Admin).await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let house = house.clone();
        tries.spawn(async move { log_in(&house, "admin", &format!("wrong password {n}")).await.0 });
    }
    let said = tries.join_all().await;
    assert_eq!(said.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), 5, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_sees_of_a_household_what_its_class_allows_and_unmasking_leaves_a_trace() {
    let office = Office::open().await;
    let (house, home) = (&office.house, office.home("A-1").await);
    let path = format!("/api/households/{home}");
    let field = |view: &Value, key: &str| {
        view["fields"].as_array().expect("fields").iter().find(|field| field["key"] == key).cloned()
    };
    let seen = office.dispatcher.get(house, &path).await;
    assert_eq!(field(&seen, "owner_name").expect("W")["value"], "王䶮");
    assert_eq!(field(&seen, "owner_phone").expect("W")["value"], "138****1234");
    assert_eq!(field(&seen, "agreed_deci_celsius").expect("W")["value"], "20");
    assert!(field(&seen, "amount_due_fen").is_none() && field(&seen, "owner_id_number").is_none());
    let billing = Desk::open(house, Role::Billing).await;
    let seen = billing.get(house, &path).await;
    assert_eq!(field(&seen, "amount_due_fen").expect("O")["value"], "2680.5");
    let number = field(&seen, "owner_id_number").expect("R");
    assert_eq!((&number["value"], &number["masked"]), (&json!("1****************X"), &json!(true)));
    let seen = office.admin.get(house, &path).await;
    assert!(field(&seen, "owner_name").is_none() && field(&seen, "room").is_some());
    let page = office.admin.get(house, "/api/households?q=王").await;
    assert_eq!(page["total"], 0, "who sees no names can't search them");
    let unmask = |field: &str| json!({"field": field, "reason": "核对退费账户"});
    let path = format!("{path}/unmask");
    let (status, refused) = office.dispatcher.post(house, &path, unmask("owner_id_number")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::FORBIDDEN, &json!("auth.field")));
    assert_eq!(
        billing.post(house, &path, json!({"field": "owner_id_number", "reason": " "})).await.1["code"],
        "request.text"
    );
    let (status, value) = billing.post(house, &path, unmask("owner_id_number")).await;
    assert_eq!((status, &value["value"]), (StatusCode::OK, &json!("11010119900101123X")));
    let auditor = Desk::open(house, Role::Auditor).await;
    let trail = auditor.get(house, "/api/audit?kind=pii.unmasked").await;
    assert_eq!(trail["total"], 1);
    assert_eq!(trail["rows"][0]["actor"]["name"], "收费");
    assert!(trail.to_string().contains("核对退费账户") && !trail.to_string().contains("1990"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_with_bad_rows_applies_nothing_or_what_is_good_and_twice_is_once() {
    let office = Office::open().await;
    let (house, admin) = (&office.house, &office.admin);
    let mut bad = household("C-2", "示例花园", "302");
    bad["供暖状态"] = json!("偶尔");
    let rows = [household("C-1", "示例花园", "301"), bad];
    let report = admin.import(house, "households", workbook(Register::Households, &rows)).await;
    assert_eq!((&report["applied"], &report["problem_count"]), (&json!(false), &json!(1)));
    assert_eq!(report["problems"][0]["column"], "L");
    assert_eq!(admin.get(house, "/api/households").await["total"], 3);
    let report =
        admin.import(house, "households?dry_run=true&partial=true", workbook(Register::Households, &rows)).await;
    assert_eq!((&report["applied"], &report["added"]), (&json!(false), &json!(1)));
    let report = admin.import(house, "households?partial=true", workbook(Register::Households, &rows)).await;
    assert_eq!((&report["applied"], &report["added"], &report["refused"]), (&json!(true), &json!(1), &json!(1)));
    let report = admin.import(house, "households?partial=true", workbook(Register::Households, &rows)).await;
    assert_eq!((&report["applied"], &report["unchanged"]), (&json!(false), &json!(1)));
    let path = format!("/api/import/reports/{}.xlsx", report["id"].as_str().expect("an id"));
    let (status, headers, body) = admin.send(house, Method::GET, &path, &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.starts_with(b"PK") && headers[header::CONTENT_DISPOSITION].to_str().expect("text").contains(".xlsx"));
    assert_eq!(admin.get(house, "/api/import/reports").await.as_array().expect("a list").len(), 6);
    let report = admin.import(house, "households", b"<html>no workbook</html>".to_vec()).await;
    assert_eq!(report["problems"][0]["code"], "not_xlsx");
    let report = admin.import(house, "households", vec![0; 50_000_000]).await;
    assert_eq!(report["problems"][0]["code"], "too_large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_sent_who_may_not_go_or_is_elsewhere() {
    let office = Office::open().await;
    let house = &office.house;
    let mut untrained = worker("G-9", "新人", "测温员");
    untrained["季前培训学时"] = json!(23.5);
    untrained["工牌有效期至"] = json!("2026-09-01");
    office.admin.import(house, "workers", workbook(Register::Workers, &[untrained])).await;
    let (li, novice) = (office.worker("G-1").await, office.worker("G-9").await);
    let codes = |problem: &Value| {
        let refusals = problem["refusals"].as_array().expect("reasons").iter();
        refusals.map(|refusal| refusal["code"].as_str().expect("a code").to_owned()).collect::<Vec<_>>()
    };
    let (status, refused) = office.schedule("A-1", "repair", NINE, Some(novice)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(codes(&refused), ["worker.badge_invalid", "worker.training_short", "worker.skill_missing"]);
    let (status, first) = office.schedule("A-1", "measurement", NINE, Some(li)).await;
    assert_eq!((status, &first["state"]), (StatusCode::CREATED, &json!("assigned")), "{first}");
    let (_, refused) = office.schedule("A-2", "repair", NINE + HOUR / 2, Some(li)).await;
    assert_eq!(codes(&refused), ["dispatch.double_booked"]);
    assert!(refused["title"].as_str().expect("words").contains("示例花园 3号楼 2单元 101"));
    let (status, later) = office.schedule("A-2", "repair", NINE + HOUR, None).await;
    assert_eq!((status, &later["state"]), (StatusCode::CREATED, &json!("unassigned")));
    let path = format!("/api/visits/{}", id(&later["id"]));
    let assign = |version: u64| json!({"assignee": li, "plan_version": version});
    let (_, stale) = office.dispatcher.post(house, &format!("{path}/assign"), assign(7)).await;
    assert_eq!(stale["code"], "plan.changed");
    let (status, _) = office.dispatcher.post(house, &format!("{path}/assign"), assign(1)).await;
    assert_eq!(status, StatusCode::OK, "one ends as the other begins");
    let moved = json!({"window": {"from_ms": NINE, "until_ms": NINE + HOUR}, "reason": "住户要求", "plan_version": 2});
    let (_, refused) = office.dispatcher.post(house, &format!("{path}/reschedule"), moved).await;
    assert_eq!(codes(&refused), ["dispatch.double_booked"]);
    let gates = office.dispatcher.get(house, &format!("/api/workers?for_visit={}", id(&first["id"]))).await;
    let gate = |badge: &str| {
        let found = gates.as_array().expect("a list").iter().find(|worker| worker["badge_number"] == badge);
        found.expect("the worker")["gate"].as_array().expect("reasons").len()
    };
    assert_eq!((gate("G-1"), gate("G-2")), (0, 1), "himself is not in his own way; the other can't measure");
    let cancel = json!({"reason": "住户取消", "plan_version": 2});
    let (status, card) = office.dispatcher.post(house, &format!("{path}/cancel"), cancel).await;
    assert_eq!((status, &card["state"]), (StatusCode::OK, &json!("cancelled")));
    let service = Desk::open(house, Role::Service).await;
    let body = json!({"kind": "repair", "household": office.home("B-1").await, "scope": "漏水", "assignee": li});
    assert_eq!(service.post(house, "/api/visits", body).await.1["code"], "auth.role", "客服 plans, 调度 sends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_board_follows_the_day_and_says_when_nothing_changed() {
    let office = Office::open().await;
    let house = &office.house;
    let li = office.worker("G-1").await;
    let (_, visit) = office.schedule("A-1", "measurement", NINE, Some(li)).await;
    office.schedule("B-1", "inspection", NINE, None).await;
    let path = "/api/board?day=2026-09-22";
    let (_, headers, body) = office.dispatcher.send(house, Method::GET, path, &Value::Null).await;
    let board: Value = serde_json::from_slice(&body).expect("a board");
    let count = |board: &Value, state: &str| {
        let counts = board["counts"].as_array().expect("counts").iter();
        counts.clone().find(|count| count["state"] == state).expect("the column")["count"].as_u64()
    };
    assert_eq!((count(&board, "assigned"), count(&board, "unassigned")), (Some(1), Some(1)));
    assert_eq!(board["communities"], json!(["暖心里", "示例花园"]));
    assert_eq!(board["cards"][0]["household"]["resident"], "王**");
    let filtered = office.dispatcher.get(house, &format!("{path}&worker={li}&kind=measurement")).await;
    assert_eq!(filtered["cards"].as_array().expect("cards").len(), 1);
    assert_eq!(office.dispatcher.get(house, "/api/board?day=2026-09-23").await["cards"], json!([]));
    let mut again = office.dispatcher.request(Method::GET, path, Body::empty());
    again.headers_mut().insert(header::IF_NONE_MATCH, headers[header::ETAG].clone());
    assert_eq!(house.send(again).await.0, StatusCode::NOT_MODIFIED);
    let mut phone = Phone::enrol(house, WorkerId(li)).await;
    phone.sync(house).await;
    let visit = VisitId(id(&visit["id"]));
    phone.log(Some(visit), 1, &Event::Acknowledged(Bare {}));
    phone.log(Some(visit), 1, &Event::Departed(Departed { tools_checked: true, parts: Vec::new() }));
    phone.sync(house).await;
    assert_eq!(count(&office.dispatcher.get(house, path).await, "en_route"), Some(1));
    let arrived = Arrived { place: Place::None { reason: "no_signal".into() } };
    phone.log(Some(visit), 1, &Event::Arrived(arrived));
    let file = BlobRef { sha: Sha::of(b"a photo on its way"), len: 18, role: "photo.other".into() };
    phone.log_raw(Some(visit), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, vec![file]);
    phone.sync(house).await;
    let board = office.dispatcher.get(house, path).await;
    assert_eq!(count(&board, "at_door"), Some(1));
    let card = board["cards"].as_array().expect("cards").iter().find(|card| card["state"] == "at_door").cloned();
    assert_eq!(card.expect("the card")["files_missing"], 1);
    let view = office.dispatcher.get(house, &format!("/api/visits/{visit}")).await;
    let kinds: Vec<_> =
        view["timeline"].as_array().expect("events").iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert_eq!(view["timeline"][1]["time"]["claimed_ms"], 5, "the phone's clock is 56 years off");
    assert_eq!(view["timeline"][1]["time"]["quality"], "anchored");
    assert_eq!(view["photos"][0]["whole"], false);
    assert_eq!(view["lanes"][0]["worker"]["name"], "李师傅");
    let items: usize = ["own", "system", "other"]
        .iter()
        .map(|class| view["lanes"][0]["checklist"][class].as_array().expect("items").len())
        .sum();
    assert_eq!(items, 42);
    let devices = office.admin.get(house, "/api/devices").await;
    assert_eq!((&devices[0]["worker"]["name"], &devices[0]["files_missing"]), (&json!("李师傅"), &json!(1)));
    assert!(devices[0]["clock_error_ms"].as_i64().expect("known") < -1_000_000_000);
    let workers = office.dispatcher.get(house, "/api/workers").await;
    assert_eq!((&workers[0]["devices"], &workers[0]["open_visits"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_work_waits_for_a_decision() {
    let office = Office::open().await;
    let house = &office.house;
    let (li, zhao) = (office.worker("G-1").await, office.worker("G-2").await);
    let (_, card) = office.schedule("A-1", "repair", NINE, Some(li)).await;
    let visit = VisitId(id(&card["id"]));
    let mut phone = Phone::enrol(house, WorkerId(li)).await;
    phone.sync(house).await;
    let path = format!("/api/visits/{visit}");
    let assign = json!({"assignee": zhao, "reason": "路途较近", "plan_version": 1});
    assert_eq!(office.dispatcher.post(house, &format!("{path}/assign"), assign).await.0, StatusCode::OK);
    phone.log(Some(visit), 1, &Event::Departed(Departed { tools_checked: true, parts: Vec::new() }));
    let completed = Completed { outcome: Outcome::NotDone, reason: Some("缺件".into()), next_window: None };
    phone.log(Some(visit), 1, &Event::Completed(completed));
    phone.sync(house).await;
    let view = office.dispatcher.get(house, &path).await;
    assert_eq!((&view["card"]["state"], &view["card"]["late_lanes"]), (&json!("late"), &json!(1)));
    let lanes = view["lanes"].as_array().expect("lanes");
    let late = lanes.iter().find(|lane| lane["late"] == true).expect("the late lane");
    assert_eq!((&late["worker"]["name"], &late["lane"]), (&json!("李师傅"), &json!(1)));
    let tasks = office.dispatcher.get(house, "/api/tasks?kind=late_decision").await;
    assert_eq!(tasks.as_array().expect("tasks").len(), 1);
    let board = office.dispatcher.get(house, "/api/board").await;
    assert_eq!(board["cards"][0]["state"], "late", "it is today's business although the visit is tomorrow's");
    let decide = |decision: &str| json!({"decision": decision, "reason": "住户确认已来过", "records": 2});
    let (status, refused) = office.dispatcher.post(house, &format!("{path}/late/2"), decide("primary")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("lane.not_late")));
    let (status, card) = office.dispatcher.post(house, &format!("{path}/late/1"), decide("supplement")).await;
    assert_eq!((status, &card["late_lanes"]), (StatusCode::OK, &json!(0)));
    let (status, refused) = office.dispatcher.post(house, &format!("{path}/late/1"), decide("rejected")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("lane.decided")), "another was faster");
    assert_eq!(office.dispatcher.get(house, "/api/tasks").await, json!([]));
    assert_eq!(office.dispatcher.get(house, "/api/board").await["cards"], json!([]));
    let closed = office.dispatcher.get(house, "/api/tasks?closed=true").await;
    assert_eq!(closed[0]["kind"], "late_decision");

    // More came in the lane than was decided on.
    phone.log_raw(Some(visit), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    phone.sync(house).await;
    let open = office.dispatcher.get(house, "/api/tasks").await;
    assert_eq!((open.as_array().map(Vec::len), &open[0]["kind"]), (Some(1), &json!("late_decision")), "{open}");
    let (status, refused) = office.dispatcher.post(house, &format!("{path}/late/1"), decide("supplement")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("lane.grown")), "nobody has seen it");
    let seen = json!({"decision": "supplement", "reason": "又来了一张照片", "records": 3});
    let (status, card) = office.dispatcher.post(house, &format!("{path}/late/1"), seen).await;
    assert_eq!((status, &card["late_lanes"]), (StatusCode::OK, &json!(0)));
    assert_eq!(office.dispatcher.get(house, "/api/tasks").await, json!([]));
    rebuilt_is_the_same(house).await;
    let view = office.dispatcher.get(house, &path).await;
    let late = view["lanes"].as_array().expect("lanes").iter().find(|lane| lane["lane"] == 1).cloned();
    assert_eq!(late.expect("the lane")["decision"]["decision"], "supplement");
    let service = Desk::open(house, Role::Service).await;
    let call = json!({"source": "call_back", "answers": [{"item": "F7-2", "state": "satisfied"}], "satisfied": true});
    assert_eq!(service.post(house, &format!("{path}/callback"), call).await.0, StatusCode::OK);
    let billing = Desk::open(house, Role::Billing).await;
    let seen = billing.get(house, &path).await;
    assert_eq!((&seen["photos"], &seen["tasks"]), (&json!([]), &json!([])), "least for each role");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_visit_asks_for_no_longer_is_done() {
    let office = Office::open().await;
    let house = &office.house;
    let (visit, mut phone) = office.inspection().await;
    let found = |result, hazard| {
        let finding = Finding { item: "立管".into(), result, hazard, note: None };
        Event::FindingRecorded(finding)
    };
    let hazard = Hazard {
        description: "立管渗水".into(),
        owner: FixtureOwner::Shared,
        level: "一般".into(),
        advice: "更换".into(),
        deadline: None,
    };
    phone.log(Some(visit), 1, &found(FindingResult::Abnormal, Some(hazard)));
    phone.log(Some(visit), 1, &refused_notice());
    phone.sync(house).await;
    let open = async || {
        let tasks = office.dispatcher.get(house, "/api/tasks").await;
        let tasks = tasks.as_array().expect("tasks").iter();
        let mut kinds: Vec<_> = tasks.map(|task| task["kind"].as_str().expect("a kind").to_owned()).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(open().await, ["call_back", "work_order"]);
    assert_eq!(office.dispatcher.get(house, "/api/board").await["cards"][0]["state"], "callback_due");

    let signed = Signed {
        purpose: Purpose::Notice,
        signer: Signer { name: "示例甲".into(), role: SignerRole::Owner },
        covers: None,
        record_sha: Sha::of(b"signed"),
        jws: String::new(),
    };
    phone.log(Some(visit), 1, &found(FindingResult::Normal, None));
    phone.log(Some(visit), 1, &Event::Signed(signed));
    phone.sync(house).await;
    assert_eq!(open().await, [""; 0]);
    assert_eq!(office.dispatcher.get(house, "/api/tasks?closed=true").await.as_array().map(Vec::len), Some(2));
    assert_eq!(office.dispatcher.get(house, "/api/board").await["cards"], json!([]), "it is tomorrow's");
    rebuilt_is_the_same(house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_comes_after_the_call_asks_for_another() {
    let office = Office::open().await;
    let house = &office.house;
    let (visit, mut phone) = office.inspection().await;
    let service = Desk::open(house, Role::Service).await;
    let call = async || {
        let body = json!({"source": "call_back", "answers": [], "satisfied": true});
        let (status, said) = service.post(house, &format!("/api/visits/{}/callback", visit.0), body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    };
    let open = async || office.dispatcher.get(house, "/api/tasks").await.as_array().map(Vec::len);
    call().await;
    phone.log(Some(visit), 1, &refused_notice());
    phone.sync(house).await;
    assert_eq!(open().await, Some(1), "nobody has asked about it");
    call().await;
    assert_eq!(open().await, Some(0));
    rebuilt_is_the_same(house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_is_moved_past_a_new_price_list_is_quoted_by_it() {
    let office = Office::open().await;
    let house = &office.house;
    let price = |version: &str, from: &str| {
        let row = json!({
            "价目版本": version, "发布日期": "2026-08-01", "生效日期": from, "项目编码": "P1", "维修项目": "换排气阀",
            "单位": "个", "材料费": 30, "人工费": 50.5, "有偿无偿": "有偿", "税率（%）": 9, "保修天数": 90,
        });
        workbook(Register::Prices, &[row])
    };
    for (version, from) in [("示例 2026-1", "2026-09-01"), ("示例 2026-2", "2026-10-01")] {
        office.admin.import(house, "prices", price(version, from)).await;
    }
    let (_, card) = office.schedule("A-1", "repair", NINE, None).await;
    let visit = VisitId(id(&card["id"]));
    let listed = async || {
        let folded = house.state.store.read_now::<_, StoreError>(|db| folded::visit(db, visit)).expect("read");
        let list = folded.expect("the visit").plan().current().and_then(|version| version.plan.price_list);
        let lists = office.dispatcher.get(house, "/api/price-lists").await;
        let of = |sha: Sha| lists.as_array().expect("lists").iter().find(|list| list["sha"] == json!(sha)).cloned();
        of(list.expect("a list")).expect("it is known")["version"].clone()
    };
    assert_eq!(listed().await, "示例 2026-1");
    let (mut version, path) = (1, format!("/api/visits/{}/reschedule", visit.0));
    for (days, list) in [(1, "示例 2026-1"), (20, "示例 2026-2"), (2, "示例 2026-1")] {
        let from = NINE + days * 24 * HOUR;
        let body = json!({
            "window": {"from_ms": from, "until_ms": from + HOUR}, "reason": "住户要求", "plan_version": version,
        });
        let (status, said) = office.dispatcher.post(house, &path, body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        assert_eq!(listed().await, list);
        version += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn todays_board_holds_what_has_no_time_and_what_is_left_of_earlier_days() {
    const DAY: i64 = 24 * HOUR;
    let office = Office::open().await;
    let house = &office.house;
    let timeless = VisitId(Uuid::from_u128(0xa11));
    house.schedule(timeless, HouseholdId(office.home("A-1").await), None).await;
    let (_, tomorrows) = office.schedule("A-1", "repair", NINE, None).await;
    let (_, left) = office.schedule("A-2", "repair", NINE - 3 * DAY, None).await;
    let (_, over) = office.schedule("B-1", "repair", NINE - 3 * DAY, None).await;
    let cancel = async |visit: Uuid| {
        let path = format!("/api/visits/{visit}/cancel");
        let body = json!({"reason": "住户取消", "plan_version": 1});
        let (status, card) = office.dispatcher.post(house, &path, body).await;
        assert_eq!(status, StatusCode::OK, "{card}");
    };
    cancel(id(&over["id"])).await;
    let shown = async || {
        let board = office.dispatcher.get(house, "/api/board").await;
        board["cards"].as_array().expect("cards").iter().map(|card| id(&card["id"])).collect::<Vec<_>>()
    };
    assert_eq!(shown().await, [id(&left["id"]), timeless.0]);
    house.clock.advance(12 * HOUR);
    assert_eq!(shown().await, [id(&left["id"]), id(&tomorrows["id"]), timeless.0]);
    cancel(timeless.0).await;
    cancel(id(&tomorrows["id"])).await;
    assert_eq!(shown().await, [id(&left["id"]), id(&tomorrows["id"]), timeless.0], "they ended today");
    house.clock.advance(DAY);
    assert_eq!(shown().await, [id(&left["id"])]);
}

/// All tables but the log, made anew, are what they were.
async fn rebuilt_is_the_same(house: &House) {
    let dump = || house.state.store.read_now::<_, StoreError>(rebuild::dump).expect("a dump");
    let before = dump();
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_agreed_at_the_door_is_planned_once() {
    let office = Office::open().await;
    let house = &office.house;
    let li = office.worker("G-1").await;
    let (_, card) = office.schedule("A-1", "repair", NINE, Some(li)).await;
    let visit = VisitId(id(&card["id"]));
    let mut phone = Phone::enrol(house, WorkerId(li)).await;
    phone.sync(house).await;
    phone.log(Some(visit), 1, &Event::Departed(Departed { tools_checked: true, parts: Vec::new() }));
    let agreed = Window { from: Millis(NINE + 24 * HOUR), until: Millis(NINE + 25 * HOUR) };
    let completed = Completed { outcome: Outcome::NotDone, reason: Some("缺件".into()), next_window: Some(agreed) };
    let op = phone.log(Some(visit), 1, &Event::Completed(completed));
    phone.sync(house).await;
    let tasks = office.dispatcher.get(house, "/api/tasks?kind=next_visit").await;
    assert_eq!(tasks[0]["window"]["from_ms"], json!(agreed.from.0), "{tasks}");
    let follow = json!({
        "kind": "repair", "household": office.home("A-1").await, "scope": "补装阀门", "follows": visit,
        "window": {"from_ms": agreed.from.0, "until_ms": agreed.until.0}, "appointment": {"channel": "in_person"},
    });
    let (first, second) = tokio::join!(
        office.dispatcher.post(house, "/api/visits", follow.clone()),
        office.dispatcher.post(house, "/api/visits", follow),
    );
    let (planned, refused) = if first.0 == StatusCode::CREATED { (first, second) } else { (second, first) };
    assert_eq!(planned.0, StatusCode::CREATED, "{}", planned.1);
    assert_eq!(id(&planned.1["id"]), Uuid::new_v5(&op.0, b"next_visit"), "known from the event alone");
    assert_eq!((refused.0, &refused.1["code"]), (StatusCode::CONFLICT, &json!("visit.already_planned")));
    assert_eq!(office.dispatcher.get(house, "/api/tasks?kind=next_visit").await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_enrolled_by_a_code_and_revoked_at_once() {
    let office = Office::open().await;
    let house = &office.house;
    let li = office.worker("G-1").await;
    let path = format!("/api/workers/{li}/enrolment");
    let (status, enrolment) = office.admin.post(house, &path, Value::Null).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(enrolment["qr_svg"].as_str().expect("a picture").starts_with("<svg"));
    let text = enrolment["text"].as_str().expect("text");
    assert!(text.contains(enrolment["code"].as_str().expect("a code")));
    let phone = Phone::enrol(house, WorkerId(li)).await;
    let path = format!("/api/devices/{}/revoke", phone.device);
    let (status, device) = office.admin.post(house, &path, json!({"reason": "stolen"})).await;
    assert_eq!((status, &device["state"]), (StatusCode::OK, &json!("stolen")));
    let sent = serde_json::to_vec(&phone.request()).expect("JSON");
    assert!(matches!(phone.post(house, sent, None).await.0, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED));
    let (status, _, keys) = house.send(Request::get("/api/keys.json").body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::OK);
    let keys = nuanfang_core::record::Keys::parse(&keys).expect("keys.json");
    assert!(keys.entries().iter().any(|entry| entry.revoked.is_some()));
    assert_eq!(keys.fingerprint(), Some(house.state.keys.fingerprint()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_set_a_password_and_who_gave_a_code_out_stays_on_record() {
    let office = Office::open().await;
    let (house, admin) = (&office.house, &office.admin);
    let (li, auditor) = (office.worker("G-1").await, Desk::open(house, Role::Auditor).await);
    let trail = async |kind: &str| auditor.get(house, &format!("/api/audit?kind={kind}")).await;
    let users = admin.get(house, "/api/users").await;
    let user = users.as_array().expect("a list").iter().find(|user| user["login"] == "dispatcher").expect("the user");
    let (anew, path) = ("夜里暖气又不热怎么办", format!("/api/users/{}/password", id(&user["id"])));
    let weak = admin.post(house, &path, json!({"password": "12345678"})).await;
    assert_eq!((weak.0, &weak.1["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("password.common")));
    let nobody = format!("/api/users/{}/password", Uuid::from_u128(7));
    assert_eq!(admin.post(house, &nobody, json!({"password": anew})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(trail("office.password_reset").await["total"], 0, "nothing was set");
    assert_eq!(admin.post(house, &path, json!({"password": anew})).await.0, StatusCode::NO_CONTENT);
    let seen = trail("office.password_reset").await;
    assert_eq!((&seen["total"], &seen["rows"][0]["actor"]["name"]), (&json!(1), &json!("管理员")));
    assert_eq!(seen["rows"][0]["details"], json!([{"key": "user", "value": "调度（dispatcher）"}]));
    assert_eq!(seen["rows"][0]["zh"], "重置密码");
    assert_eq!(log_in(house, "dispatcher", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(house, "dispatcher", anew).await.0, StatusCode::OK);

    let nobody = format!("/api/workers/{}/enrolment", Uuid::from_u128(7));
    assert_eq!(admin.post(house, &nobody, Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(trail("office.enrolment_issued").await["total"], 0, "nothing was given out");
    let code = format!("/api/workers/{li}/enrolment");
    assert_eq!(admin.post(house, &code, Value::Null).await.0, StatusCode::CREATED);
    let seen = trail("office.enrolment_issued").await;
    assert_eq!((&seen["total"], &seen["rows"][0]["actor"]["name"]), (&json!(1), &json!("管理员")));
    assert_eq!(seen["rows"][0]["details"], json!([{"key": "worker", "value": "李师傅（G-1）"}]));

    // What can't be put on record is not done.
    let state = house.state.clone();
    tokio::task::spawn_blocking(move || state.store.close()).await.expect("no panic");
    let codes = || {
        let count = "SELECT count(*) FROM enrolment";
        house.state.vault.with(|db| Ok(db.query_row(count, [], |row| row.get::<_, i64>(0))?)).expect("a vault")
    };
    assert_eq!(codes(), 1);
    assert_eq!(admin.post(house, &code, Value::Null).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(admin.post(house, &path, json!({"password": PASSWORD})).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(codes(), 1);
    assert_eq!(log_in(house, "dispatcher", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_tells_what_changes_and_a_gap_is_caught_up() {
    use tokio_stream::StreamExt;
    use tower::ServiceExt;
    let office = Office::open().await;
    let house = &office.house;
    let (_, first) = office.schedule("A-1", "repair", NINE, None).await;
    let mut request = office.dispatcher.request(Method::GET, "/api/board/events", Body::empty());
    request.headers_mut().insert("last-event-id", "0".parse().expect("a header"));
    let response = house.app.clone().oneshot(request).await.expect("the router answers");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let mut told = String::new();
    let mut hear = async |what: &str, told: &mut String| {
        while !told.contains(what) {
            let data = stream.next().await.expect("the stream goes on").expect("data");
            told.push_str(&String::from_utf8_lossy(&data));
        }
    };
    hear(first["id"].as_str().expect("an id"), &mut told).await;
    let (_, second) = office.schedule("A-2", "repair", NINE, None).await;
    hear(second["id"].as_str().expect("an id"), &mut told).await;
    assert!(told.contains("event: visit") && told.contains("id: "));
    let mut request = office.dispatcher.request(Method::GET, "/api/board/events", Body::empty());
    request.headers_mut().insert("last-event-id", "999999".parse().expect("a header"));
    let response = house.app.clone().oneshot(request).await.expect("the router answers");
    let data = response.into_body().into_data_stream().next().await.expect("the stream goes on").expect("data");
    assert!(data.starts_with(b"event: resync"), "the stream was of another time");
}
