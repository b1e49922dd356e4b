//! An office user as the server sees one, and the workbooks an office has.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use nuanfang_server::office::cli;
use nuanfang_server::office::ledger::{Column, Register, SUPPLEMENT_COLUMNS, SUPPLEMENT_SHEET};
use nuanfang_server::office::role::Role;
use rust_xlsxwriter::Workbook;
use serde_json::Value;

use super::House;

pub const PASSWORD: &str = "夜里暖气不热怎么办";

/// A user with a session.
#[derive(Clone)]
pub struct Desk {
    pub cookie: String,
    pub login: String,
}

impl Desk {
    /// Adds a user of that role and logs in.
    pub async fn open(house: &House, role: Role) -> Self {
        Self::named(house, role.name(), role).await
    }

    pub async fn named(house: &House, login: &str, role: Role) -> Self {
        let (state, name, zh) = (house.state.clone(), login.to_owned(), role.zh());
        tokio::task::spawn_blocking(move || cli::add_user(&state, &name, zh, role, PASSWORD))
            .await
            .expect("no panic")
            .expect("a new user");
        let (status, headers, body) = log_in(house, login, PASSWORD).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        let set = headers[header::SET_COOKIE].to_str().expect("text");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().expect("a cookie").to_owned();
        Self { cookie, login: login.to_owned() }
    }

    pub fn request(&self, method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, &self.cookie)
            .header("x-nuanfang", "1")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .expect("a request")
    }

    pub async fn send(
        &self,
        house: &House,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        house.send(self.request(method, path, body)).await
    }

    /// GET that must work.
    pub async fn get(&self, house: &House, path: &str) -> Value {
        let (status, _, body) = self.send(house, Method::GET, path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    pub async fn post(&self, house: &House, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, _, body) = self.send(house, Method::POST, path, &body).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Imports a workbook and returns the report.
    pub async fn import(&self, house: &House, what: &str, workbook: Vec<u8>) -> Value {
        let path = format!("/api/import/{what}");
        let (status, _, body) = house.send(self.request(Method::POST, &path, workbook)).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("a report")
    }
}

pub async fn log_in(house: &House, login: &str, password: &str) -> (StatusCode, HeaderMap, Bytes) {
    let body = serde_json::json!({ "login": login, "password": password }).to_string();
    let request = Request::post("/api/session")
        .header("x-nuanfang", "1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("a request");
    house.send(request).await
}

/// A workbook of a register: each row as (label, text or number).
pub fn workbook(register: Register, rows: &[Value]) -> Vec<u8> {
    let mut book = Workbook::new();
    sheet(&mut book, register.sheet(), register.columns(), rows);
    book.save_to_buffer().expect("a workbook")
}

/// A ledger with its supplement.
pub fn ledger(rows: &[Value], supplement: &[Value]) -> Vec<u8> {
    let mut book = Workbook::new();
    sheet(&mut book, Register::Households.sheet(), Register::Households.columns(), rows);
    sheet(&mut book, SUPPLEMENT_SHEET, &SUPPLEMENT_COLUMNS, supplement);
    book.save_to_buffer().expect("a workbook")
}

fn sheet(book: &mut Workbook, name: &str, columns: &[Column], rows: &[Value]) {
    let sheet = book.add_worksheet();
    sheet.set_name(name).expect("a name");
    for (place, column) in (0..).zip(columns) {
        sheet.write(0, place, column.label).expect("a heading");
        for (at, row) in (1..).zip(rows) {
            match &row[column.label] {
                Value::String(text) => drop(sheet.write(at, place, text.as_str()).expect("a cell")),
                Value::Number(number) => drop(sheet.write(at, place, number.as_f64()).expect("a cell")),
                _ => {}
            }
        }
    }
}

/// A household that is right.
pub fn household(account: &str, community: &str, room: &str) -> Value {
    serde_json::json!({
        "小区名称": community, "楼栋名称": "3号楼", "单元名称": "2单元", "房间号": room, "楼层": "半地下",
        "建筑面积": 89.35, "房屋性质": "住宅", "供暖状态": "正供", "供暖应收": 2680.5, "交费编号": account,
        "业主姓名": "王䶮", "业主电话": "13800001234", "业主证件号码": "11010119900101123X", "是否优抚低保": "是",
    })
}

/// A worker who may go.
pub fn worker(badge: &str, name: &str, skills: &str) -> Value {
    serde_json::json!({
        "工牌编号": badge, "姓名": name, "部门": "一队", "技能": skills, "季前培训学时": 30, "理论考试合格": "是",
        "实操考核合格": "是", "工牌有效期至": "2030-12-31",
    })
}
