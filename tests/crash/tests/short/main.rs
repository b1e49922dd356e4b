//! The short forms of the sweeps; the full ones are `nuanfang-crash-sweep --full`.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use nuanfang_core::canon::hash::Sha;
use nuanfang_crash::chaos::Lie;
use nuanfang_crash::disk::{Disk, Fault};
use nuanfang_crash::image::Crash;
use nuanfang_crash::replay::Replay;
use nuanfang_crash::suite::{self, Form};
use nuanfang_server::store::Incoming;
use nuanfang_server::store::blobs::{Blobs, Finish};

const SEED: u64 = 598;

fn told(found: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(found).unwrap()
}

#[test]
fn a_missing_sync_is_seen_and_a_full_one_loses_nothing() {
    let [off, normal, full] = suite::controls(SEED).unwrap();
    assert!(full.crashes > 1_000, "{full:?}");
    assert_eq!((full.lost, full.damaged), (0, 0), "{full:?}");
    assert!(normal.lost > 0, "a commit between two checkpoints may go: {normal:?}");
    assert_eq!(normal.damaged, 0, "{normal:?}");
    assert!(off.lost > 0 && off.damaged > 0, "{off:?}");
    for found in suite::deaf(SEED).unwrap() {
        assert!(found.failed > 0, "{}", told(&found));
    }
}

#[test]
fn what_the_server_acknowledged_is_there_after_a_crash_anywhere() {
    let found = suite::server(Form::Short, SEED).unwrap();
    assert_eq!(found.failed, 0, "{}", told(&found));
    assert!(found.indexes > 500 && found.reopened > 5, "{}", told(&found));
}

#[test]
fn what_the_phone_called_saved_is_there_after_a_crash_anywhere() {
    let found = suite::phone(Form::Short, SEED).unwrap();
    assert_eq!(found.failed, 0, "{}", told(&found));
    assert!(found.indexes > 500 && found.reopened > 5, "{}", told(&found));
}

#[test]
fn a_newer_schema_leaves_one_whole_database_wherever_it_stops() {
    let found = suite::migration(Form::Short, SEED).unwrap();
    assert_eq!(found.failed, 0, "{}", told(&found));
    assert!(found.indexes > 100 && found.reopened > 20, "{}", told(&found));
}

#[test]
fn a_damaged_database_is_made_anew_or_left_as_it_was_wherever_it_stops() {
    for found in suite::salvage(Form::Short, SEED).unwrap() {
        assert_eq!(found.failed, 0, "{}", told(&found));
        assert!(found.indexes > 30 && found.syncs > 3, "{}", told(&found));
    }
}

#[test]
fn a_file_is_whole_only_if_every_piece_reached_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::record(dir.path()).unwrap();
    let blobs = Blobs::open(disk.root()).unwrap();
    let bytes = vec![7; 3_000];
    let sha = Sha::of(&bytes);
    let mut part = blobs.part(blobs.lease(sha).unwrap(), 3_000).unwrap();
    part.append(&bytes[..1_000]).unwrap();
    // The kernel reports what it could not write once, and forgets it.
    disk.fail_from(disk.changes(), Fault::Broken);
    assert!(part.sync().is_err());
    disk.heal();
    drop(part);
    let mut part = blobs.part(blobs.lease(sha).unwrap(), 3_000).unwrap();
    let at = usize::try_from(part.at()).unwrap();
    part.append(&bytes[at..]).unwrap();
    assert_eq!(blobs.finish(part).unwrap(), Finish::Whole);
    let record = disk.finish();
    let mut replay = Replay::new(&record);
    while replay.step().is_some() {}
    let name = sha.to_string();
    let image = replay.crash(Crash::Lost, &mut rand::SeedableRng::seed_from_u64(SEED));
    assert_eq!(image.file(&format!("blobs/{}/{name}", &name[..2])), Some(&*bytes));
}

#[test]
fn a_file_called_whole_stays_wherever_the_disk_failed_while_it_was_published() {
    let bytes = vec![7; 3_000];
    let sha = Sha::of(&bytes);
    let name = sha.to_string();
    for change in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::record(dir.path()).unwrap();
        let blobs = Blobs::open(disk.root()).unwrap();
        let send = || {
            let mut part = blobs.part(blobs.lease(sha).unwrap(), 3_000)?;
            let at = usize::try_from(part.at()).unwrap();
            part.append(&bytes[at..])?;
            blobs.finish(part)
        };
        disk.fail_from(disk.changes() + change, Fault::Broken);
        let first = send();
        disk.heal();
        // It comes again: what is there already is called whole, the rest is sent.
        if first.is_err() && !blobs.settle(&sha).unwrap() {
            assert_eq!(send().unwrap(), Finish::Whole);
        }
        let record = disk.finish();
        let mut replay = Replay::new(&record);
        while replay.step().is_some() {}
        let image = replay.crash(Crash::Lost, &mut rand::SeedableRng::seed_from_u64(SEED));
        assert_eq!(image.file(&format!("blobs/{}/{name}", &name[..2])), Some(&*bytes), "change {change}");
        if first.is_ok() {
            assert!(change > 3, "the disk failed at {change} changes");
            return;
        }
    }
}

#[test]
fn a_file_goes_on_from_what_was_durable_whatever_lies_beyond() {
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..3_000).map(|at| at as u8).collect();
    let sha = Sha::of(&bytes);
    {
        let blobs = Blobs::open(dir.path()).unwrap();
        let mut part = blobs.part(blobs.lease(sha).unwrap(), 3_000).unwrap();
        part.append(&bytes[..1_000]).unwrap();
        part.sync().unwrap();
        // A power cut may leave anything in the place of bytes that no sync vouched for.
        part.append(&[0; 500]).unwrap();
    }
    let blobs = Blobs::open(dir.path()).unwrap();
    assert_eq!(blobs.offset(&sha), 1_000);
    let mut part = blobs.part(blobs.lease(sha).unwrap(), 3_000).unwrap();
    part.append(&bytes[1_000..]).unwrap();
    assert_eq!(blobs.finish(part).unwrap(), Finish::Whole);
    assert_eq!(blobs.read(&sha).unwrap().unwrap(), bytes);
}

#[test]
fn a_failing_disk_is_told_and_loses_nothing() {
    for found in suite::faults(Form::Short).unwrap() {
        assert_eq!(found.failed, 0, "{}", told(&found));
        assert!(!found.refused.is_empty(), "{}", told(&found));
    }
}

#[test]
fn a_lying_network_wedges_no_phone_and_loses_nothing() {
    let outcome = suite::chaos(Form::Short, SEED).unwrap();
    assert!(outcome.failures.is_empty(), "{}", told(&outcome));
    let (median, most) = outcome.again();
    assert!(median <= 64 * 1024 && most <= 1024 * 1024, "{median} {most} B sent again after a cut");
    assert!(outcome.again_after_lost_reply.iter().all(|again| *again == 0), "{:?}", outcome.again_after_lost_reply);
    assert!(outcome.faults.len() > 10, "{}", told(&outcome));
    for lie in [Lie::Partition, Lie::OneWay, Lie::ServerKilled, Lie::PhoneEnds] {
        assert!(outcome.faults.contains_key(lie.name()), "no {}: {}", lie.name(), told(&outcome));
    }
}
