//! What an event says, field by field, for the timeline and the audit. Personal values and signed records stay out.

use nuanfang_core::domain::Event;
use nuanfang_core::domain::kind_label;
use serde_json::Value;

use super::visit_view::DetailView;

/// Fields that are shown elsewhere, or not at all.
const APART: [&str; 7] = ["n", "jws", "summary", "public_key", "lines", "answers", "refusals"];

/// The longest value shown.
const LONGEST: usize = 300;

/// What a kind of event is called, in Chinese and English.
pub(super) fn label(kind: &str) -> (String, String) {
    let (zh, en) = match kind {
        "office.imported" => ("导入台账", "Register imported"),
        "office.user_added" => ("添加用户", "User added"),
        "office.user_disabled" => ("停用用户", "User disabled"),
        "office.password_reset" => ("重置密码", "Password reset"),
        "office.enrolment_issued" => ("生成登记码", "Enrolment code issued"),
        "office.device_enrolled" => ("登记设备", "Phone enrolled"),
        "office.device_revoked" => ("停用设备", "Phone revoked"),
        "office.settings_changed" => ("修改设置", "Settings changed"),
        "office.household_erased" => ("依法抹除个人信息", "Household erased"),
        "office.restored" => ("从备份恢复", "Restored from the backup"),
        "office.visit_scheduled" => ("安排服务", "Scheduled"),
        "office.assigned" => ("派工", "Assigned"),
        "office.rescheduled" => ("改期", "Rescheduled"),
        "office.cancelled" => ("取消", "Cancelled"),
        "office.lane_chosen" => ("选定结果", "Lane chosen"),
        "office.rejudged" => ("重新判定", "Judged anew"),
        "office.filed" => ("隔离记录归档", "Kept record filed"),
        "office.late_decided" => ("迟到记录处理", "Late lane decided"),
        "office.callback_made" => ("回访 / 抽查", "Call-back or spot check"),
        "office.form_completed" => ("表格补充", "Form completed"),
        "office.invoice_recorded" => ("登记发票", "Invoice recorded"),
        "pii.unmasked" => ("查看隐藏信息", "Masked value read"),
        _ => kind_label(kind).unwrap_or(("未知记录", "Unknown")),
    };
    (zh.to_owned(), en.to_owned())
}

/// The fields of an event's body as text.
pub(super) fn details(event: &Event, body: &str) -> Vec<DetailView> {
    let mut details = Vec::new();
    if let Event::Unreadable { why, .. } = event {
        details.push(DetailView { key: "unreadable".into(), value: why.clone() });
        return details;
    }
    if let Ok(Value::Object(fields)) = serde_json::from_str(body) {
        for (key, value) in &fields {
            if !APART.contains(&key.as_str()) {
                flatten(key, value, &mut details);
            }
        }
    }
    details
}

fn flatten(key: &str, value: &Value, into: &mut Vec<DetailView>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                if !APART.contains(&name.as_str()) {
                    flatten(&format!("{key}.{name}"), value, into);
                }
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            into.push(DetailView { key: key.to_owned(), value: items.len().to_string() });
        }
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(plain).collect();
            into.push(DetailView { key: key.to_owned(), value: cut(&parts.join("、")) });
        }
        value => into.push(DetailView { key: key.to_owned(), value: cut(&plain(value)) }),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
