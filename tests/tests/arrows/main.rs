//! Holds the arrows between the rooms: who may know whom, read from the sources and the manifests.

mod source;

use std::collections::BTreeSet;
use std::path::Path;

use source::{dependencies, names_after, root, sources};

/// Names every room of the core may use.
const GROUND: [&str; 4] = ["error", "id", "time", "canon"];

/// The rooms of the core and what each may use beside [`GROUND`] and itself.
const ROOMS: [(&str, &[&str]); 7] = [
    ("canon", &[]),
    ("domain", &[]),
    ("place", &[]),
    ("forms", &["domain"]),
    ("record", &["forms", "domain"]),
    ("wire", &[]),
    ("device", &["domain", "place", "forms", "record", "wire"]),
];

/// Crates that reach out of a process: no pure room knows one.
const OUTSIDE: [&str; 8] = ["rusqlite", "reqwest", "tokio", "axum", "image", "rand", "zstd", "aes_gcm"];

/// What of `std` reaches out.
const OUTSIDE_STD: [&str; 5] = ["fs", "net", "process", "thread", "env"];

fn room_sources(room: &str) -> Vec<(std::path::PathBuf, String)> {
    let src = root().join("core/src");
    let mut found = sources(&src.join(room));
    let file = src.join(format!("{room}.rs"));
    if let Ok(text) = std::fs::read_to_string(&file) {
        found.push((file, text));
    }
    found
}

fn refuse(path: &Path, what: &str, names: &BTreeSet<String>, allowed: impl Fn(&str) -> bool) {
    let wrong: Vec<_> = names.iter().filter(|name| !allowed(name)).collect();
    let path = path.strip_prefix(root()).unwrap_or(path);
    assert!(wrong.is_empty(), "{} points at {what} {wrong:?}, against the arrows", path.display());
}

#[test]
fn rooms_of_the_core_point_only_where_the_arrows_go() {
    let rooms: BTreeSet<_> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (room, may) in ROOMS {
        for (path, text) in room_sources(room) {
            let names = names_after(&text, "crate");
            refuse(&path, "room", &names, |name| {
                name == room || GROUND.contains(&name) || may.contains(&name) || !rooms.contains(name)
            });
            // A relative path that climbs to the crate's root would be an arrow nobody sees.
            assert!(!text.contains("super::super::super::super::"), "{}: name the room from crate::", path.display());
        }
    }
    for file in ["error", "id", "time"] {
        let path = root().join(format!("core/src/{file}.rs"));
        let text = std::fs::read_to_string(&path).expect("the ground is there");
        refuse(&path, "room", &names_after(&text, "crate"), |name| ["error", "id", "time"].contains(&name));
    }
}

#[test]
fn canon_lies_below_all() {
    for (path, text) in room_sources("canon") {
        refuse(&path, "room", &names_after(&text, "crate"), |name| GROUND.contains(&name));
    }
}

#[test]
fn pure_rooms_reach_for_no_clock_file_network_or_database() {
    for (room, _) in ROOMS.iter().filter(|(room, _)| *room != "device") {
        for (path, text) in room_sources(room) {
            refuse(&path, "std::", &names_after(&text, "std"), |name| !OUTSIDE_STD.contains(&name));
            for outside in OUTSIDE {
                refuse(&path, outside, &names_after(&text, outside), |_| false);
            }
            for clock in ["SystemTime", "Instant::now", "Utc::now", "Local::now"] {
                assert!(!text.contains(clock), "{} reads a clock: {clock}", path.display());
            }
        }
    }
}

#[test]
fn the_phone_keeps_its_sql_in_its_store() {
    for (path, text) in room_sources("device") {
        let inside = path.strip_prefix(root().join("core/src/device")).expect("of the phone");
        let store = inside
            .components()
            .next()
            .is_some_and(|head| head.as_os_str().to_string_lossy().trim_end_matches(".rs") == "store");
        let sql = ["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM "].iter().find(|verb| text.contains(*verb));
        assert!(store || sql.is_none(), "{}: SQL outside the store", path.display());
    }
}

#[test]
fn only_the_phones_way_to_the_server_is_asynchronous() {
    let way = root().join("core/src/device/http.rs");
    for (path, text) in sources(&root().join("core/src")) {
        assert!(path == way || names_after(&text, "tokio").is_empty(), "{} waits for nobody", path.display());
    }
}

#[test]
fn crates_point_only_where_the_arrows_go() {
    let root = root();
    let ours = |manifest: &str, section: &str| -> Vec<(String, String)> {
        let found = dependencies(&root.join(manifest), section);
        found.into_iter().filter(|(name, _)| name.starts_with("nuanfang")).collect()
    };
    let arrows: [(&str, &[&str]); 4] = [
        ("core/Cargo.toml", &[]),
        ("server/documents/Cargo.toml", &["nuanfang-core"]),
        ("server/Cargo.toml", &["nuanfang-core", "nuanfang-documents"]),
        ("mobile-bindings/Cargo.toml", &["nuanfang-core"]),
    ];
    for (manifest, may) in arrows {
        for (name, _) in ours(manifest, "dependencies") {
            assert!(may.contains(&name.as_str()), "{manifest} depends on {name}");
        }
    }
    // The shipped server contains no phone: nothing it is built from asks for the feature.
    for manifest in ["server/Cargo.toml", "server/documents/Cargo.toml", "Cargo.toml"] {
        for section in ["dependencies", "workspace.dependencies", "build-dependencies"] {
            for (name, value) in ours(manifest, section) {
                assert!(!value.contains("device"), "{manifest}: {name} {value}");
            }
        }
    }
    let core = dependencies(&root.join("core/Cargo.toml"), "dependencies");
    for stranger in ["uniffi", "axum", "typst"] {
        assert!(core.iter().all(|(name, _)| name != stranger), "core knows {stranger}");
    }
    for phone_only in ["rusqlite", "reqwest", "tokio", "image", "aes-gcm"] {
        let optional = core.iter().filter(|(name, _)| name == phone_only).all(|(_, value)| value.contains("optional"));
        assert!(optional, "{phone_only} is the phone's alone: optional, behind `device`");
    }
}

#[test]
fn server_and_documents_never_name_the_phone() {
    for folder in ["server/src", "server/documents/src"] {
        for (path, text) in sources(&root().join(folder)) {
            refuse(&path, "nuanfang_core::", &names_after(&text, "nuanfang_core"), |name| name != "device");
        }
    }
    for (path, text) in sources(&root().join("server/documents/src")) {
        refuse(&path, "nuanfang_server::", &names_after(&text, "nuanfang_server"), |_| false);
    }
}

#[test]
fn bindings_see_the_phone_and_its_types_alone() {
    // What they mirror: the app, the types it speaks in, and the clock, key and time it asks the platform for.
    let may = ["device", "domain", "forms", "record", "canon", "error", "id", "time", "wire"];
    for (path, text) in sources(&root().join("mobile-bindings/src")) {
        refuse(&path, "nuanfang_core::", &names_after(&text, "nuanfang_core"), |name| may.contains(&name));
        for stranger in ["nuanfang_server", "nuanfang_documents", "rusqlite", "reqwest", "axum"] {
            refuse(&path, stranger, &names_after(&text, stranger), |_| false);
        }
    }
}
