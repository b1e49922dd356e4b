package cn.nuanfang.ui

import cn.nuanfang.core.RecordState
import cn.nuanfang.core.SyncStatus
import cn.nuanfang.core.VisitKind
import cn.nuanfang.core.Words

/** 简体中文. */
object Chinese : Texts {
    override fun of(words: Words) = words.zh

    override val product = "暖访"
    override val opening = "正在打开本机记录……"
    override val openFailed = "本机记录打不开"
    override val tryAgain = "再试一次"
    override val back = "返回"
    override val paste = "粘贴"

    override fun code(code: String) = "联系调度时请报代码：$code"

    override val nothingLost = "记录都在本机，一条不少。"
    override val notDone = "没有做成"

    override fun unexpected(detail: String) = "应用出现意外（$detail）。请再试一次；一直如此请联系调度。"

    override val enrolTitle = "登记本机"
    override val enrolHow = "请向主管索取登记码。登记需要网络，一个登记码只能用一次。"
    override val enrolAgainTitle = "重新登记本机"

    override fun enrolAgainHow(worker: String) =
        "${worker.ifEmpty { "本机" }}的登记已失效。记录一条没丢，都在这部手机里；重新登记后，未备份的会自动重新送出。请用本人新的登记码。"

    override val enrolElsewhere = "公司换了服务器？重新登记"
    override val enrolElsewhereHow =
        "本机的登记仍然有效。只有公司的服务器换了网址或密钥，才需要重新登记。记录一条没丢，都在这部手机里；重新登记后，未备份的会自动重新送出。请用本人新的登记码。"

    override val invitation = "登记二维码的文字，或“网址 登记码”"
    override val invitationHint = "扫描、粘贴或输入"
    override val phoneName = "这部手机的名称"
    override val enrolling = "正在登记……"
    override val enrolFailed = "没有登记成功"

    override val workersTitle = "本机人员"
    override val workersHow = "几个人合用一部手机时，各人的记录分开保存。不论手机在谁手里，每个人的记录都会自动发送。"
    override val addWorker = "再登记一位同事"
    override val noName = "姓名待首次同步"

    override fun workers(now: String) = if (now.isEmpty()) workersTitle else "$now · 换人"

    override val sendingTitle = "发送"
    override val promise = "已发送：已写入服务器磁盘。已备份：服务器损毁也还在。在那之前，手机一直保留。无论该服务后来归谁，记录都不会被拒收。"

    override fun waiting(status: SyncStatus, size: String): String {
        if (status.opsWaiting == 0uL && status.filesWaiting == 0uL) return "没有等待发送的记录"
        val files = if (status.filesWaiting == 0uL) "" else "，照片与签字 ${status.filesWaiting} 个（$size）"
        return "等待发送：记录 ${status.opsWaiting} 条$files"
    }

    override fun awaitingBackup(records: ULong) = "等待备份：记录 $records 条"

    override fun lastExchange(at: String) = "上次收到服务器回执：$at"

    override val noExchangeYet = "还没有收到过服务器回执"
    override val nextTryNow = "下次自动尝试：马上"

    override fun nextTry(milliseconds: ULong): String {
        val seconds = milliseconds / 1000uL
        return "下次自动尝试：" + if (seconds < 60uL) "${seconds + 1uL}${NO_BREAK}秒后" else "约${NO_BREAK}${(seconds + 59uL) / 60uL}${NO_BREAK}分钟后"
    }

    override val nextTryUnset = "下次自动尝试：未定，请点“立即发送”"
    override val sendNow = "立即发送"
    override val sendNowAlways = "随时可点，每次都会马上尝试"

    override fun tapped(at: String) = "$at 已按您的要求马上尝试"

    override fun tappedWhileSending(at: String) = "$at 已收到，正在发送；没有送完会马上再试"

    override val records = "本机记录（新的在前）"
    override val noRecords = "本机还没有记录。您在服务中保存的每一步都会列在这里。"
    override val moreRecords = "正在读取更早的记录……"

    override fun state(state: RecordState) =
        when (state) {
            RecordState.SAVED -> "已保存"
            RecordState.SENT -> "已发送"
            RecordState.SAFE -> "已备份"
        }

    override fun meaning(state: RecordState) =
        when (state) {
            RecordState.SAVED -> "在这部手机里"
            RecordState.SENT -> "已写入服务器磁盘"
            RecordState.SAFE -> "服务器损毁也还在"
        }

    override fun files(whole: UInt, all: UInt) = "文件 $whole/$all"

    override fun filesInFull(whole: UInt, all: UInt) = "照片与签字共 $all 个，服务器已收齐 $whole 个"

    override val signed = "含签字"
    override val recordTitle = "记录"
    override val recordedAt = "记录时间（本机时钟）"
    override val why = "为什么停在这里"
    override val next = "接下来"
    override val visit = "所属入户服务"
    override val noVisit = "不属于任何入户服务"
    override val departedVisit = "住址已不在本机"

    override fun kind(kind: VisitKind) =
        when (kind) {
            VisitKind.MEASUREMENT -> "入户测温"
            VisitKind.REPAIR -> "维修"
            VisitKind.INSPECTION -> "入户巡检"
            VisitKind.SUSPENSION -> "暂停供暖"
            VisitKind.RESTORATION -> "恢复供暖"
        }

    override val rescueTitle = "导出求助文件"
    override val rescueShort = "求助文件"
    override val rescueWhat =
        "手机怎么也发不出去时用。本机的记录和未备份的照片、签字写入一个加密文件，只有公司能打开。"
    override val rescueHow = "写好后把文件交给调度。手机里什么都不会少，仍会继续自动发送；重复交也没有关系。"
    override val rescueWrite = "导出求助文件"
    override val rescueWriting = "正在写入，请不要关机……"
    override val rescueDone = "求助文件已写好"

    override fun rescueWrittenAt(at: String) = "写于 $at；之后的新记录不在其中，需要时请再写一次"

    override val rescueLies = "文件在这里"
    override val rescueHolds = "文件内有"

    override fun rescueContents(records: ULong, files: ULong, size: String) =
        "记录 $records 条，照片与签字 $files 个，共 $size"

    override fun rescueFilesLost(files: ULong) = "另有 $files 个文件本机已读不出，不在其中"

    override fun rescueRecordsLost(records: ULong) = "另有 $records 条记录本机已读不出，不在其中；请不要卸载应用，并联系调度"

    override val rescueUnsigned = "本机密钥没有签名（已丢失或暂不可用），公司会先人工核对；稍后可再写一次试试。"
    override val rescueOlder = "以前如果写过求助文件，它还在旁边（文件名末尾多一个数字），请一并交给调度。"
    override val rescueKept = "手机里的记录都还在，一直保留到已备份。"
    override val rescueFailed = "求助文件没有写成"
}
