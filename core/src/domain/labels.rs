//! What events are called where a person reads them.

use super::event::Event;

/// What an event is called in a timeline.
pub fn event_label(event: &Event) -> (&'static str, &'static str) {
    const UNKNOWN: (&str, &str) = ("未知记录", "Unknown");
    match event {
        Event::Entered(entered) if entered.permitted => ("已入户", "Let in"),
        Event::Entered(_) => ("热用户未允许入户", "Not let in"),
        Event::Unknown { .. } => UNKNOWN,
        Event::Unreadable { .. } => ("无法读取的记录", "Unreadable"),
        _ => kind_label(event.kind()).unwrap_or(UNKNOWN),
    }
}

/// What events of a kind are called, whatever they say; none for a kind that this build does not know.
pub fn kind_label(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "visit.opened" => ("现场建立服务", "Opened on the phone"),
        "visit.notified" => ("已约定入户时间", "Time agreed"),
        "visit.delayed" => ("致歉并改约", "Delay told"),
        "visit.acknowledged" => ("已接单", "Acknowledged"),
        "visit.departed" => ("已出发", "Departed"),
        "visit.arrived" => ("已到达", "Arrived"),
        "visit.absent" => ("热用户不在家", "Nobody there"),
        "visit.entered" => ("入户", "Entry"),
        "visit.items_answered" => ("自查", "Self-check"),
        "visit.room_entered" => ("房间", "Room"),
        "visit.measurement_started" => ("开始测温", "Measurement started"),
        "visit.reading_taken" => ("读数", "Reading"),
        "visit.measurement_frozen" => ("测温结果锁定", "Measurement frozen"),
        "visit.problem_described" => ("热用户反映问题", "Problem described"),
        "visit.floor_protected" => ("地面和墙面防护", "Floor protected"),
        "visit.instruction_opened" => ("查看作业指导", "Instruction opened"),
        "visit.charge_told" => ("告知需要收费", "Charge told"),
        "visit.price_list_shown" => ("出示收费标准", "Price list shown"),
        "visit.quote_shown" => ("出示报价", "Quote shown"),
        "visit.risk_told" => ("告知损坏风险", "Risk told"),
        "visit.work_started" => ("开工", "Work started"),
        "visit.work_done" => ("完工", "Work done"),
        "visit.demonstrated" => ("当面演示", "Demonstrated"),
        "visit.explained" => ("说明使用事项", "Use explained"),
        "visit.finding_recorded" => ("巡检项", "Inspection item"),
        "visit.disputed" => ("热用户异议", "Disputed"),
        "visit.photographed" => ("拍照", "Photo"),
        "visit.signed" => ("热用户签字", "Signed"),
        "visit.refused_to_sign" => ("拒签", "Refused to sign"),
        "visit.notice_received" => ("签收隐患告知", "Notice received"),
        "visit.completed" => ("服务结束", "Completed"),
        "pii.unmasked" => ("查看隐藏信息", "Unmasked"),
        "office.visit_scheduled" => ("调度：安排服务", "Office: scheduled"),
        "office.assigned" => ("调度：派工", "Office: assigned"),
        "office.rescheduled" => ("调度：改期", "Office: rescheduled"),
        "office.cancelled" => ("调度：取消", "Office: cancelled"),
        "office.lane_chosen" => ("调度：选定结果", "Office: lane chosen"),
        "office.rejudged" => ("调度：重新判定", "Office: judged anew"),
        "office.filed" => ("调度：归档", "Office: filed"),
        "office.late_decided" => ("调度：迟到记录处理", "Office: late lane decided"),
        "office.callback_made" => ("回访 / 抽查", "Call-back or spot check"),
        "office.form_completed" => ("调度：表格补充", "Office: form completed"),
        "office.invoice_recorded" => ("调度：登记发票", "Office: invoice recorded"),
        "office.imported"
        | "office.user_added"
        | "office.user_disabled"
        | "office.password_reset"
        | "office.enrolment_issued"
        | "office.device_enrolled"
        | "office.device_revoked"
        | "office.settings_changed"
        | "office.restored"
        | "office.household_erased" => ("调度：管理操作", "Office: administration"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::event::KINDS;
    use super::*;

    #[test]
    fn every_kind_has_a_name() {
        let nameless: Vec<_> = KINDS.iter().filter(|kind| kind_label(kind).is_none()).collect();
        assert_eq!(nameless, Vec::<&&str>::new());
        assert_eq!(kind_label("visit.teleported"), None);
    }
}
