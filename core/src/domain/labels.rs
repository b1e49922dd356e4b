//! What events are called where a person reads them.

use super::event::Event;

/// What an event is called in a timeline.
pub fn event_label(event: &Event) -> (&'static str, &'static str) {
    match event {
        Event::Opened(_) => ("现场建立服务", "Opened on the phone"),
        Event::Notified(_) => ("已约定入户时间", "Time agreed"),
        Event::Delayed(_) => ("致歉并改约", "Delay told"),
        Event::Acknowledged(_) => ("已接单", "Acknowledged"),
        Event::Departed(_) => ("已出发", "Departed"),
        Event::Arrived(_) => ("已到达", "Arrived"),
        Event::Absent(_) => ("热用户不在家", "Nobody there"),
        Event::Entered(entered) if entered.permitted => ("已入户", "Let in"),
        Event::Entered(_) => ("热用户未允许入户", "Not let in"),
        Event::ItemsAnswered(_) => ("自查", "Self-check"),
        Event::RoomEntered(_) => ("房间", "Room"),
        Event::MeasurementStarted(_) => ("开始测温", "Measurement started"),
        Event::ReadingTaken(_) => ("读数", "Reading"),
        Event::MeasurementFrozen(_) => ("测温结果锁定", "Measurement frozen"),
        Event::ProblemDescribed(_) => ("热用户反映问题", "Problem described"),
        Event::FloorProtected(_) => ("地面和墙面防护", "Floor protected"),
        Event::InstructionOpened(_) => ("查看作业指导", "Instruction opened"),
        Event::ChargeTold(_) => ("告知需要收费", "Charge told"),
        Event::PriceListShown(_) => ("出示收费标准", "Price list shown"),
        Event::QuoteShown(_) => ("出示报价", "Quote shown"),
        Event::RiskTold(_) => ("告知损坏风险", "Risk told"),
        Event::WorkStarted(_) => ("开工", "Work started"),
        Event::WorkDone(_) => ("完工", "Work done"),
        Event::Demonstrated(_) => ("当面演示", "Demonstrated"),
        Event::Explained(_) => ("说明使用事项", "Use explained"),
        Event::FindingRecorded(_) => ("巡检项", "Inspection item"),
        Event::Disputed(_) => ("热用户异议", "Disputed"),
        Event::Photographed(_) => ("拍照", "Photo"),
        Event::Signed(_) => ("热用户签字", "Signed"),
        Event::SignatureRefused(_) => ("拒签", "Refused to sign"),
        Event::NoticeReceived(_) => ("签收隐患告知", "Notice received"),
        Event::Completed(_) => ("服务结束", "Completed"),
        Event::Unmasked(_) => ("查看隐藏信息", "Unmasked"),
        Event::VisitScheduled(_) => ("调度：安排服务", "Office: scheduled"),
        Event::Assigned(_) => ("调度：派工", "Office: assigned"),
        Event::Rescheduled(_) => ("调度：改期", "Office: rescheduled"),
        Event::Cancelled(_) => ("调度：取消", "Office: cancelled"),
        Event::LaneChosen(_) => ("调度：选定结果", "Office: lane chosen"),
        Event::Rejudged(_) => ("调度：重新判定", "Office: judged anew"),
        Event::LateDecided(_) => ("调度：迟到记录处理", "Office: late lane decided"),
        Event::CallbackMade(_) => ("回访 / 抽查", "Call-back or spot check"),
        Event::FormCompleted(_) => ("调度：表格补充", "Office: form completed"),
        Event::InvoiceRecorded(_) => ("调度：登记发票", "Office: invoice recorded"),
        Event::Imported(_)
        | Event::UserAdded(_)
        | Event::UserDisabled(_)
        | Event::PasswordReset(_)
        | Event::EnrolmentIssued(_)
        | Event::DeviceEnrolled(_)
        | Event::DeviceRevoked(_)
        | Event::SettingsChanged(_)
        | Event::Restored(_)
        | Event::HouseholdErased(_) => ("调度：管理操作", "Office: administration"),
        Event::Unknown { .. } => ("未知记录", "Unknown"),
        Event::Unreadable { .. } => ("无法读取的记录", "Unreadable"),
    }
}
