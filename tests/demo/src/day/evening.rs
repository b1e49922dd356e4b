//! The day's end: one worker is still inside somewhere, one on the way; everything recorded becomes *safe*, and the
//! phones hear of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nuanfang_core::device::status::RecordState;
use nuanfang_core::domain::Command;
use nuanfang_core::domain::worker_event::ProblemDescribed;

use super::Day;
use super::morning::Plans;
use crate::Done;
use crate::phone::{Departure, Phone};

/// How long the backup may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Brings the phones home; answers how much each of them has logged.
pub fn settle(day: &Day, plans: &Plans, phones: &[(&str, &Phone); 5]) -> Done<BTreeMap<String, u64>> {
    let [_, (_, repairer), _, (_, second), _] = phones;
    repairer.wait_until(day.at(16, 20));
    repairer.set_out(plans.inside, Departure { parts: &["温控阀"] })?;
    repairer.wait_until(day.at(16, 41));
    repairer.arrive(plans.inside)?;
    repairer.enter(plans.inside)?;
    let text = "卧室温控阀拧不动，室温偏高".into();
    repairer.act(plans.inside, &Command::DescribeProblem(ProblemDescribed { text }))?;
    second.wait_until(day.at(16, 50));
    second.set_out(plans.on_the_way, Departure { parts: &["分集水器接头"] })?;
    for (_, phone) in phones {
        day.sync(phone)?;
    }
    until_all_is_safe(day)?;
    let mut logged = BTreeMap::new();
    for (badge, phone) in phones {
        day.sync(phone)?;
        let unsafe_yet = phone.app.records(None, 1_000)?.into_iter().find(|record| record.state != RecordState::Safe);
        if let Some(record) = unsafe_yet {
            return Err(format!("{badge}: {} 尚未备份 (not safe): {}", record.kind, record.next.zh).into());
        }
        logged.insert((*badge).to_owned(), phone.app.status()?.head);
    }
    Ok(logged)
}

/// The backup goes on by itself; this waits until it has everything that the phones have sent.
fn until_all_is_safe(day: &Day) -> Done<()> {
    let since = Instant::now();
    loop {
        let devices = day.supervisor.get("/api/devices")?;
        let behind =
            devices.as_array().into_iter().flatten().any(|device| device["safe_through"] != device["acked_through"]);
        if !behind {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err("备份三分钟内没有完成 (the backup did not catch up)".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
