//! Reads what Rust sources and manifests point at: paths by their first two names, dependencies by section.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// Every Rust source under `folder`, with its text; an absent folder has none.
pub fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source is text");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The names that follow `head::` anywhere in `text`, groups opened: `crate::{a, b::c}` gives a and b.
pub fn names_after(text: &str, head: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let mut names = BTreeSet::new();
    for at in 0..tokens.len() {
        let before = at.checked_sub(1).map(|index| tokens[index].as_str());
        if tokens[at] != head || before == Some("::") || tokens.get(at + 1).is_none_or(|next| next != "::") {
            continue;
        }
        match tokens.get(at + 2).map(String::as_str) {
            Some("{") => names.extend(group(&tokens[at + 3..])),
            Some(name) => {
                names.insert(name.to_owned());
            }
            None => {}
        }
    }
    names
}

/// The heads of the paths in a group, up to its closing brace.
fn group(tokens: &[String]) -> Vec<String> {
    let (mut depth, mut heads, mut open) = (1, Vec::new(), true);
    for token in tokens {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => open = true,
            name if depth == 1 && open => {
                heads.push(name.to_owned());
                open = false;
            }
            _ => {}
        }
    }
    heads
}

/// Names and the marks that part them; comments and strings are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|next| *next != '\n').is_some() {},
            'r' if matches!(chars.peek(), Some('"' | '#')) => raw_string(&mut chars),
            '"' => {
                while let Some(inside) = chars.next() {
                    match inside {
                        '\\' => {
                            chars.next();
                        }
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '\'' => character(&mut chars),
            ':' if chars.next_if_eq(&':').is_some() => tokens.push("::".into()),
            '{' | '}' | ',' => tokens.push(c.into()),
            c if c.is_alphabetic() || c == '_' => {
                let mut name = String::from(c);
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    name.push(next);
                }
                tokens.push(name);
            }
            c if c.is_whitespace() => {}
            // Any other mark ends a path.
            _ => tokens.push(".".into()),
        }
    }
    tokens
}

/// Passes over the rest of `r#"…"#`.
fn raw_string(chars: &mut Peekable<Chars<'_>>) {
    let mut fence = 0;
    while chars.next_if_eq(&'#').is_some() {
        fence += 1;
    }
    if chars.next_if_eq(&'"').is_none() {
        return;
    }
    while let Some(inside) = chars.next() {
        if inside == '"' && (0..fence).all(|_| chars.next_if_eq(&'#').is_some()) {
            break;
        }
    }
}

/// Passes over the rest of a character, or of nothing where the mark opens a lifetime.
fn character(chars: &mut Peekable<Chars<'_>>) {
    let mut ahead = chars.clone();
    let first = ahead.next();
    if first == Some('\\') || ahead.next() == Some('\'') {
        // The character itself, or the stroke and what it guards.
        chars.next();
        if first == Some('\\') {
            chars.next();
        }
        while chars.next().is_some_and(|c| c != '\'') {}
    }
}

/// The dependencies in a manifest's sections whose names end in `section`, as `name = …` lines.
pub fn dependencies(manifest: &Path, section: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            inside = head.trim_end_matches(']') == section;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| inside) {
            let name = name.trim().trim_matches('"').split('.').next().unwrap_or_default();
            found.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    found
}

#[test]
fn paths_are_read_through_groups_comments_and_strings() {
    let text = r##"
        //! crate::comment
        use crate::{canon::hash::{Sha, of}, domain, time};
        fn f<'a>() { crate::wire::x(); print("crate::string"); ('"', '\'', r"crate::raw"); some::crate_::y() }
        use super::super::id;
    "##;
    let names: Vec<_> = names_after(text, "crate").into_iter().collect();
    assert_eq!(names, ["canon", "domain", "time", "wire"]);
}
