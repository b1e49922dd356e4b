//! Text as it comes in: brought to the form the system keeps, and every character that no form font can print named
//! while the worker can still write it otherwise (FORMATS §6).

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::trouble::Trouble;
use crate::domain::event::Event;
use crate::error::Refusal;
use crate::forms::{PrintedForm, missing_glyphs, normalise_text};

/// A text the worker typed: normalised, trimmed, printable. `what` names the field when it is not.
///
/// # Errors
/// `input.empty`, `input.glyph`.
pub fn clean(text: &str, what: &str) -> Result<String, Refusal> {
    let text = normalise_text(text).trim().to_owned();
    if text.is_empty() {
        return Err(Refusal::new("input.empty", "", format!("请填写{what}"), format!("fill in: {what}")));
    }
    printable_text(&text)?;
    Ok(text)
}

/// All texts of a command or the like, normalised. What does not come back as the same type stays as it was.
pub fn normalised<T: Serialize + DeserializeOwned + Clone>(value: &T) -> T {
    let rewritten = serde_json::to_value(value).ok().map(|mut json| {
        rewrite(&mut json);
        json
    });
    rewritten.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_else(|| value.clone())
}

fn rewrite(json: &mut Value) {
    match json {
        Value::String(text) => *text = normalise_text(text),
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        Value::Object(members) => members.values_mut().for_each(rewrite),
        _ => {}
    }
}

/// Refuses a form with a character no font has.
pub fn printable(form: &PrintedForm) -> Result<(), Refusal> {
    form.texts().try_for_each(printable_text)
}

/// Refuses an event with a character no font has. A record inside was refused or not before it was signed.
pub fn printable_event(event: &Event) -> Result<(), Trouble> {
    if matches!(event, Event::Signed(_) | Event::SignatureRefused(_) | Event::NoticeReceived(_)) {
        return Ok(());
    }
    let body: Value = serde_json::from_str(&event.to_body("")).unwrap_or_default();
    let mut texts = Vec::new();
    collect(&body, &mut texts);
    texts.iter().try_for_each(|text| printable_text(text))?;
    Ok(())
}

fn collect(json: &Value, texts: &mut Vec<String>) {
    match json {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
        _ => {}
    }
}

fn printable_text(text: &str) -> Result<(), Refusal> {
    let missing = missing_glyphs(text);
    if missing.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = missing.iter().map(|c| format!("“{c}”(U+{:04X})", u32::from(*c))).collect();
    let named = named.join("、");
    Err(Refusal::new(
        "input.glyph",
        "",
        format!("{named} 无法打印在表单上，请改写；已填内容都在。"),
        format!("{named} can't be printed on the forms; write it otherwise. Nothing filled in is lost."),
    ))
}
