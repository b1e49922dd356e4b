//! Every route × every role, and nobody, and a phone. A new route without a row fails here.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use common::desk::Desk;
use common::{House, Phone};
use nuanfang_core::id::WorkerId;
use nuanfang_server::http::api::permit::COOKIE;
use nuanfang_server::http::{api, device};
use nuanfang_server::office::role::Role;
use serde_json::Value;
use uuid::Uuid;

/// Who may ask: D 调度, S 客服, B 收费, L 主管, A 审计, M 管理员; `*` anybody at all.
const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/api/session", "*"),
    ("GET", "/api/session", "DSBLAM"),
    ("DELETE", "/api/session", "DSBLAM"),
    ("PUT", "/api/session/password", "DSBLAM"),
    ("GET", "/api/board", "DSBLA"),
    ("GET", "/api/board/events", "DSBLA"),
    ("POST", "/api/visits", "DSL"),
    ("GET", "/api/visits/{id}", "DSBLA"),
    ("POST", "/api/visits/{id}/assign", "DL"),
    ("POST", "/api/visits/{id}/reschedule", "DSL"),
    ("POST", "/api/visits/{id}/cancel", "DL"),
    ("POST", "/api/visits/{id}/late/{lane}", "DL"),
    ("POST", "/api/visits/{id}/lanes/{lane}/choose", "DL"),
    ("POST", "/api/visits/{id}/callback", "SL"),
    ("POST", "/api/visits/{id}/forms/{record}", "L"),
    ("GET", "/api/visits/{id}/documents", "DSBLA"),
    ("GET", "/api/documents/{id}", "DSBLA"),
    ("GET", "/api/documents/{id}/verify", "DSBLA"),
    ("GET", "/api/photos/{sha}", "DSLA"),
    ("GET", "/api/households", "DSBLAM"),
    ("GET", "/api/communities", "DSBLAM"),
    ("GET", "/api/households/{id}", "DSBLAM"),
    ("POST", "/api/households/{id}/unmask", "DSBL"),
    ("POST", "/api/import/{register}", "LM"),
    ("GET", "/api/import/reports", "LM"),
    ("GET", "/api/import/reports/{file}", "LM"),
    ("GET", "/api/workers", "DSLAM"),
    ("POST", "/api/workers/{id}/enrolment", "LM"),
    ("GET", "/api/devices", "DLAM"),
    ("POST", "/api/devices/{id}/revoke", "LM"),
    ("GET", "/api/alarms", "DLAM"),
    ("GET", "/api/quarantine", "DLAM"),
    ("POST", "/api/quarantine/rejudge", "DL"),
    ("POST", "/api/quarantine/file", "DL"),
    ("GET", "/api/lost-visits/{id}", "DL"),
    ("GET", "/api/instruments", "DSLAM"),
    ("GET", "/api/price-lists", "DSBLAM"),
    ("GET", "/api/tasks", "DSL"),
    ("GET", "/api/users", "AM"),
    ("POST", "/api/users", "M"),
    ("POST", "/api/users/{id}/disable", "M"),
    ("POST", "/api/users/{id}/password", "M"),
    ("GET", "/api/audit", "LA"),
    ("GET", "/api/keys.json", "*"),
    ("GET", "/api/openapi.json", "DSBLAM"),
];

fn letter(role: Role) -> char {
    match role {
        Role::Dispatcher => 'D',
        Role::Service => 'S',
        Role::Billing => 'B',
        Role::Supervisor => 'L',
        Role::Auditor => 'A',
        Role::Admin => 'M',
    }
}

/// Something for every parameter; nothing of it exists.
fn filled(path: &str) -> String {
    let nobody = Uuid::from_u128(7).to_string();
    let sha = "0".repeat(64);
    path.replace("/api/documents/{id}", &format!("/api/documents/{sha}"))
        .replace("{id}", &nobody)
        .replace("{lane}", "1")
        .replace("{record}", &sha)
        .replace("{sha}", &sha)
        .replace("{register}", "instruments")
        .replace("{file}", &format!("{nobody}.json"))
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(Method::from_bytes(method.as_bytes()).expect("a method"))
        .uri(filled(path))
        .header("x-nuanfang", "1")
        .header(header::CONTENT_TYPE, "application/json")
}

async fn ask(house: &House, request: Request<Body>) -> (StatusCode, String) {
    use tower::ServiceExt;
    let response = house.app.clone().oneshot(request).await.expect("the router answers");
    let status = response.status();
    if status.is_success() {
        // A stream of events has no end to wait for.
        return (status, String::new());
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    let problem: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn the_table_has_every_route_there_is() {
    let description = api::openapi();
    let mut real = BTreeSet::new();
    for (path, item) in &description.paths.paths {
        let methods = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("DELETE", &item.delete),
            ("PATCH", &item.patch),
        ];
        real.extend(methods.iter().filter(|(_, there)| there.is_some()).map(|(method, _)| (*method, path.as_str())));
    }
    let table: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(table, real);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_lets_in_those_it_names_and_nobody_else() {
    let house = House::open().await;
    let phone = Phone::enrol(&house, WorkerId(Uuid::from_u128(1))).await;
    let mut users = BTreeMap::new();
    for role in Role::ALL {
        let desk = Desk::open(&house, role).await;
        let session = desk.get(&house, "/api/session").await;
        users.insert(role, session["user"]["id"].as_str().expect("an id").parse::<Uuid>().expect("a UUID"));
    }
    let mut wrong = Vec::new();
    for (method, path, who) in ROUTES {
        let open = *who == "*";
        let anonymous = ask(&house, request(method, path).body(Body::from("{}")).expect("a request")).await;
        let bearer = request(method, path).header(header::AUTHORIZATION, format!("Bearer {}", phone.token));
        let device = ask(&house, bearer.body(Body::from("{}")).expect("a request")).await;
        for (name, (status, code)) in [("nobody", anonymous), ("a phone", device)] {
            let kept_out = status == StatusCode::UNAUTHORIZED && code == "auth.required";
            if kept_out == open {
                wrong.push(format!("{name}: {method} {path} → {status} {code}"));
            }
        }
        for role in Role::ALL {
            // Each asks from a session of its own: one of the routes ends it.
            let cookie = format!("{COOKIE}={}", house.state.desk.begin(users[&role]));
            let asked = request(method, path).header(header::COOKIE, cookie).body(Body::from("{}"));
            let (status, code) = ask(&house, asked.expect("a request")).await;
            let let_in = !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            if let_in != (open || who.contains(letter(role))) || status.is_server_error() {
                wrong.push(format!("{}: {method} {path} → {status} {code}", role.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_site_could_send_is_refused() {
    let house = House::open().await;
    let desk = Desk::open(&house, Role::Admin).await;
    for (method, path, _) in ROUTES.iter().filter(|(method, ..)| *method != "GET") {
        let bare = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(filled(path))
            .header(header::COOKIE, &desk.cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from("{}"))
            .expect("a request");
        assert_eq!(ask(&house, bare).await, (StatusCode::FORBIDDEN, "auth.csrf".into()), "{method} {path}");
    }
    let elsewhere = request("GET", "/api/households")
        .header(header::COOKIE, &desk.cookie)
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty());
    assert_eq!(ask(&house, elsewhere.expect("a request")).await.1, "auth.csrf");
}

/// Who phones' routes let in, as their description says: whoever shows a token, or anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_of_phones_is_described_and_lets_in_who_shows_a_token() {
    let house = House::open().await;
    let phone = Phone::enrol(&house, WorkerId(Uuid::from_u128(1))).await;
    let desk = Desk::open(&house, Role::Admin).await;
    let session = desk.get(&house, "/api/session").await;
    let user = session["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
    let cookie = format!("{COOKIE}={}", house.state.desk.begin(user));
    let description = device::openapi();
    for (path, item) in &description.paths.paths {
        let methods = [
            ("GET", &item.get),
            ("HEAD", &item.head),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, described) in methods {
            let ask = |name, shown: String| {
                let asked = request(method, path).header(name, shown).body(Body::from("{}"));
                ask(&house, asked.expect("a request"))
            };
            let (nobody, code) = ask(header::COOKIE, cookie.clone()).await;
            let Some(operation) = described else {
                // HEAD goes with GET.
                let spoken = method == "HEAD" && item.get.is_some();
                assert_eq!(nobody == StatusCode::METHOD_NOT_ALLOWED, !spoken, "{method} {path} → {nobody}");
                continue;
            };
            let guarded = operation.security.is_some();
            assert_eq!(nobody == StatusCode::UNAUTHORIZED, guarded, "{method} {path} → {nobody} {code}");
            let (enrolled, code) = ask(header::AUTHORIZATION, format!("Bearer {}", phone.token)).await;
            let let_in = !matches!(enrolled, StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED);
            assert!(let_in && code != "route.not_found", "{method} {path} → {enrolled} {code}");
            assert!(!enrolled.is_server_error(), "{method} {path} → {enrolled} {code}");
        }
    }
}
