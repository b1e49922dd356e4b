//! What each part must have come to.

use serde_json::Value;

use super::Outcome;
use super::seen::{Seen, degrees, list};
use crate::Done;
use crate::day::Played;
use crate::documents::Documents;
use crate::ledger::UNTRAINED_BADGE;
use crate::office::Office;

/// Items of the inspection list that must be recorded.
const REQUIRED: usize = 22;

/// Three years in milliseconds, less a day: more than any honest clock is wrong.
const YEARS_OFF_MS: i64 = (3 * 365 - 1) * 86_400_000;

/// The order of the paid repair, as F.9, F.10 and F.12 ask for it on every revision of the quote.
const ORDER: [&str; 18] = [
    "problem_described",
    "floor_protected",
    "charge_told",
    "price_list_shown",
    "quote_shown",
    "signed quote",
    "risk_told",
    "signed consent",
    "work_started",
    "charge_told",
    "price_list_shown",
    "quote_shown",
    "signed quote",
    "work_started",
    "work_done",
    "demonstrated",
    "explained",
    "signed acceptance",
];

struct Court<'a> {
    office: &'a Office,
    played: &'a Played,
    documents: &'a Documents,
}

pub fn judge(office: &Office, played: &Played, documents: &Documents) -> Done<Vec<Outcome>> {
    let court = Court { office, played, documents };
    Ok(vec![
        court.planned()?,
        court.measured()?,
        court.repaired()?,
        court.absent()?,
        court.inspected()?,
        court.refused()?,
        court.late()?,
        court.killed()?,
    ])
}

/// A step of a repair that has its place in [`ORDER`].
fn step(event: &Value) -> Option<String> {
    let kind = event["kind"].as_str()?.strip_prefix("visit.")?;
    let purpose = list(&event["details"])
        .iter()
        .find(|detail| detail["key"].as_str().is_some_and(|key| key == "purpose" || key.starts_with("purpose.")));
    let name = match purpose {
        Some(detail) if kind == "signed" => format!("signed {}", purpose_of(detail)?),
        _ => kind.to_owned(),
    };
    ORDER.contains(&name.as_str()).then_some(name)
}

/// `purpose` = `acceptance`, or `purpose.quote.revision` = `1`.
fn purpose_of(detail: &Value) -> Option<&str> {
    match detail["key"].as_str()?.split('.').nth(1) {
        Some(name) => Some(name),
        None => detail["value"].as_str(),
    }
}

fn outcome(part: usize, about: (&'static str, &'static str), ended: String, seen: Seen) -> Outcome {
    Outcome { part, about, ended, faults: seen.faults }
}

impl Court<'_> {
    /// Part 1: phones enrolled, scopes fetched; everything they logged is here and safe; nobody untrained was sent.
    fn planned(&self) -> Done<Outcome> {
        let mut seen = Seen { visit: Value::Null, faults: Vec::new() };
        let workers = self.office.get("/api/workers")?;
        let devices = self.office.get("/api/devices")?;
        let (mut here, mut safe) = (0, 0);
        for (badge, logged) in &self.played.logged {
            let worker = list(&workers).iter().find(|worker| worker["badge_number"] == badge.as_str());
            let id = worker.map(|worker| worker["id"].clone()).unwrap_or_default();
            let device = list(&devices).iter().find(|device| device["worker"]["id"] == id).cloned().unwrap_or_default();
            seen.must(
                device["acked_through"] == *logged,
                &format!("{badge}：应收到 {logged} 条记录，实为 {}", device["acked_through"]),
            );
            seen.must(device["safe_through"] == *logged, &format!("{badge}：应全部备份"));
            seen.must(device["files_missing"] == 0, &format!("{badge}：照片应全部到齐"));
            here += device["acked_through"].as_u64().unwrap_or(0);
            safe += device["safe_through"].as_u64().unwrap_or(0);
        }
        let phones = self.played.logged.len();
        seen.must(phones >= 3, "应有三部以上手机");
        let untrained = list(&workers).iter().find(|worker| worker["badge_number"] == UNTRAINED_BADGE);
        let barred = untrained.is_some_and(|worker| {
            worker["open_visits"] == 0 && list(&worker["gate"]).iter().any(|why| why["code"] == "worker.training_short")
        });
        seen.must(barred, "未培训人员不应被派工 (6.1.2)");
        let ended = format!(
            "{phones} 部手机 phones · {here} 条记录 records，{safe} 条已备份 safe · 未培训者未派 untrained not sent"
        );
        Ok(outcome(1, ("派工与同步", "assigned and synced"), ended, seen))
    }

    fn measured(&self) -> Done<Outcome> {
        let visit = self.played.visits.measurement;
        let mut seen = Seen::read(self.office, visit)?;
        seen.must_have_ended("done");
        seen.must_be_signed("measurement", None);
        seen.must_have_papers(self.documents, visit, &["c1"]);
        let lane = seen.result();
        let measurement = &lane["measurement"];
        seen.must(measurement["protocol"] == "745-M2" && measurement["valid"] == true, "应按 745-M2 有效测温");
        seen.must(measurement["at_noon"] == false, "应避开 12:00～15:00 (5.6.3)");
        let below: Vec<&Value> = list(&lane["rooms"]).iter().filter(|room| room["verdict"] == "below").collect();
        let fine = list(&lane["rooms"]).iter().filter(|room| room["verdict"] == "qualified").count();
        seen.must(below.len() == 1 && fine > 0, "应有且仅有一间不达标，逐间判定");
        let readings = list(&lane["rooms"]).iter().filter(|room| room["value_deci_celsius"].is_i64());
        let enough =
            readings.clone().all(|room| list(&room["readings_deci_celsius"]).len() >= 3 && room["stable"] == true);
        seen.must(readings.count() >= 3 && enough, "每间应稳定后读数三次");
        let filled = list(&seen.visit["documents"]).iter().any(|paper| !list(&paper["completed"]).is_empty());
        seen.must(filled, "主管领导一栏应已填写");
        let cold = below.first().map(|room| {
            format!("{} {}", room["label"].as_str().unwrap_or_default(), degrees(&room["value_deci_celsius"]))
        });
        let ended = format!(
            "已完成 done · {} 不达标 below {} · 已签字 signed",
            cold.unwrap_or_default(),
            degrees(&measurement["agreed_deci_celsius"])
        );
        Ok(outcome(2, ("入户测温（离线）", "measurement, offline"), ended, seen))
    }

    fn repaired(&self) -> Done<Outcome> {
        let visit = self.played.visits.repair;
        let mut seen = Seen::read(self.office, visit)?;
        seen.must_have_ended("done");
        for (purpose, subject) in [("quote", Some("1")), ("quote", Some("2")), ("consent", None), ("acceptance", None)]
        {
            seen.must_be_signed(purpose, subject);
        }
        seen.must_have_papers(self.documents, visit, &["quote", "consent", "quote-change", "acceptance"]);
        let lane = seen.result();
        let states: Vec<&str> = list(&lane["quotes"]).iter().filter_map(|quote| quote["state"].as_str()).collect();
        seen.must(states == ["changed", "accepted"], &format!("报价应先变更后验收：{states:?}"));
        let told: Vec<String> = seen.list("timeline").iter().filter_map(step).collect();
        seen.must(told == ORDER, &format!("F.9～F.12 的先后次序不对：{told:?}"));
        let asked =
            list(&lane["checklist"]["other"]).iter().any(|item| item["item"] == "F7-3" && item["state"] == "satisfied");
        seen.must(asked, "回访的他证应已登记");
        let total = list(&lane["quotes"]).last().and_then(|quote| quote["total_fen"].as_i64()).unwrap_or(0);
        let ended = format!(
            "已完成 done · 报价 2 版均签字 both quotes signed · ¥{}.{:02} · 已验收 accepted",
            total / 100,
            total % 100
        );
        Ok(outcome(3, ("有偿维修，报价变更", "paid repair, quote changed"), ended, seen))
    }

    fn absent(&self) -> Done<Outcome> {
        let visit = self.played.visits.absent;
        let mut seen = Seen::read(self.office, visit)?;
        seen.must_have_ended("absent");
        seen.must(seen.whole_photos("photo.leave_note") == 1, "应有留言条照片");
        let lane = seen.result();
        let next = self.office.visit(self.played.visits.next)?;
        seen.must(next["plan"]["follows"] == visit.to_string(), "下次入户应由本次派生");
        seen.must(next["plan"]["window"].is_object() && lane["next_window"].is_object(), "应约定下次时间 (F2-4)");
        let closed = seen.tasks("next_visit").iter().any(|task| task["closed_ms"].is_i64());
        seen.must(closed, "“安排下次入户”待办应已办结");
        let wrong = seen.list("timeline").iter().filter(|event| event["office"] == false).all(|event| {
            let time = &event["time"];
            let off =
                time["claimed_ms"].as_i64().zip(time["est_ms"].as_i64()).map_or(0, |(claimed, est)| claimed - est);
            off > YEARS_OFF_MS && time["quality"] == "anchored"
        });
        seen.must(wrong, "手机时钟快三年：应同时保留自称时间与推算时间");
        let ended =
            "到访不遇 absent · 留言条已拍照 leave note · 已约下次 next agreed · 手机时钟快 3 年 clock 3 years off"
                .to_owned();
        Ok(outcome(4, ("到访不遇", "nobody at home"), ended, seen))
    }

    fn inspected(&self) -> Done<Outcome> {
        let visit = self.played.visits.inspection;
        let mut seen = Seen::read(self.office, visit)?;
        seen.must_have_ended("done");
        seen.must_be_signed("notice", None);
        seen.must_have_papers(self.documents, visit, &["hazard-notice"]);
        let lane = seen.result();
        let findings = list(&lane["findings"]);
        seen.must(findings.len() >= REQUIRED, &format!("应逐项记录：{}", findings.len()));
        let hazards: Vec<&Value> = findings.iter().filter(|finding| finding["result"] == "abnormal").collect();
        let own = hazards.len() == 1 && hazards[0]["owner"] == "own" && hazards[0]["deadline"].is_string();
        seen.must(own, "应有一处自用设施隐患及整改期限");
        seen.must(seen.whole_photos("photo.hazard") == 1, "应有隐患照片");
        let ended = format!(
            "已完成 done · {} 项 items，隐患 {} 处 hazard · 告知已签收 notice received",
            findings.len(),
            hazards.len()
        );
        Ok(outcome(5, ("入户巡检，隐患告知", "inspection, hazard notice"), ended, seen))
    }

    fn refused(&self) -> Done<Outcome> {
        let visit = self.played.visits.refusal;
        let mut seen = Seen::read(self.office, visit)?;
        let callbacks = seen.tasks("call_back").len();
        let open = seen.tasks("call_back").iter().any(|task| !task["closed_ms"].is_i64());
        seen.must_have_ended(if open { "callback_due" } else { "done" });
        seen.must_have_papers(self.documents, visit, &["refusal-note"]);
        seen.must(callbacks == 1, "应有一项回访待办");
        let refused = seen.list("signatures").iter().any(|mark| {
            mark["purpose"] == "measurement"
                && mark["signed"] == false
                && mark["reason"].as_str().is_some_and(|reason| !reason.is_empty())
                && mark["witness"].is_string()
                && mark["verdict"] == "valid"
        });
        seen.must(refused, "拒签应有原因、见证人和有效记录");
        seen.must(seen.whole_photos("photo.result") == 1, "应有现场照片");
        let ended = format!(
            "拒签有据 refusal with evidence · 回访{} call-back {}",
            if open { "待办" } else { "已办" },
            if open { "due" } else { "made" }
        );
        Ok(outcome(6, ("测温拒签", "refusal to sign"), ended, seen))
    }

    fn late(&self) -> Done<Outcome> {
        let visit = self.played.visits.reassigned;
        let mut seen = Seen::read(self.office, visit)?;
        seen.must_have_ended("done");
        seen.must_be_signed("measurement", None);
        seen.must_have_papers(self.documents, visit, &["c1"]);
        let lane = seen.result();
        seen.must(lane["late"] == true && lane["decision"]["decision"] == "primary", "迟到记录应已裁定为准");
        seen.must(seen.list("lanes").len() == 2, "两名服务人员应各有一条记录");
        let own =
            seen.list("timeline").iter().filter(|event| event["lane"] == lane["lane"] && event["office"] == false);
        let (many, late) = (own.clone().count(), own.filter(|event| event["outcome"] == "late").count());
        seen.must(many > 0 && many == late, &format!("全部记录应为迟到且无一丢失：{late}/{many}"));
        let other = self.office.visit(self.played.visits.undecided)?;
        let waits =
            list(&other["lanes"]).iter().any(|lane| lane["late"] == true && !list(&other["timeline"]).is_empty());
        seen.must(waits, "第二项迟到记录应留待裁定");
        let ended =
            format!("迟到 {late} 条全部保留 late, none lost · 已裁定为准 decided · 另 1 项待裁定 one to decide");
        Ok(outcome(7, ("离线时被改派", "reassigned while offline"), ended, seen))
    }

    fn killed(&self) -> Done<Outcome> {
        let visit = self.played.visits.killed;
        let mut seen = Seen::read(self.office, visit)?;
        seen.must_have_ended("done");
        seen.must_be_signed("quote", Some("1"));
        seen.must_be_signed("acceptance", None);
        seen.must_have_papers(self.documents, visit, &["quote", "acceptance"]);
        for role in ["photo.floor", "photo.before", "photo.after"] {
            seen.must(seen.whole_photos(role) == 1, &format!("断电前的照片应已送达：{role}"));
        }
        let photos = seen.list("photos").len();
        let ended =
            format!("断电后照常完成 done after the kill · {photos} 张照片全部送达 photos sent · 已验收 accepted");
        Ok(outcome(8, ("手机中途断电", "phone killed mid-form"), ended, seen))
    }
}
