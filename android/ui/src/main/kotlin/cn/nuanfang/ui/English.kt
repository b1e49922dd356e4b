package cn.nuanfang.ui

import cn.nuanfang.core.RecordState
import cn.nuanfang.core.SyncStatus
import cn.nuanfang.core.VisitKind
import cn.nuanfang.core.Words

/** English. */
object English : Texts {
    override fun of(words: Words) = words.en.replaceFirstChar(Char::uppercase)

    override val product = "Nuanfang"
    override val opening = "Opening this phone's records …"
    override val openFailed = "This phone's records don't open"
    override val tryAgain = "Try again"
    override val back = "Back"
    override val paste = "Paste"

    override fun code(code: String) = "Code for your dispatcher: $code"

    override val nothingLost = "Every record is on this phone; none is lost."
    override val notDone = "It was not done"

    override fun unexpected(detail: String) =
        "Something unforeseen happened ($detail). Try again; if it stays so, ask your dispatcher."

    override val enrolTitle = "Enrol this phone"
    override val enrolHow =
        "Ask your supervisor for an enrolment code. Enrolling needs the network; a code works once."
    override val enrolAgainTitle = "Enrol this phone anew"

    override fun enrolAgainHow(worker: String) =
        "The enrolment ${if (worker.isEmpty()) "of this phone" else "of $worker"} no longer holds. No record is lost, " +
            "all are on this phone; once it is enrolled anew, what is not safe is sent again by itself. Use your own new code."

    override val enrolElsewhere = "Has the server moved? Enrol anew"
    override val enrolElsewhereHow =
        "The enrolment of this phone still holds. Only if your company's server has another address or another key now, enrol anew. " +
            "No record is lost, all are on this phone; what is not safe is then sent again by itself. Use your own new code."

    override val invitation = "The QR code's text, or: address code"
    override val invitationHint = "Scan, paste or type"
    override val phoneName = "Name of this phone"
    override val enrolling = "Enrolling …"
    override val enrolFailed = "It was not enrolled"

    override val workersTitle = "People on this phone"
    override val workersHow =
        "Where several work with one phone, each one's records are kept apart. Whoever holds it, everybody's records are sent by themselves."
    override val addWorker = "Enrol one more colleague"
    override val noName = "Name comes with the first exchange"

    override fun workers(now: String) = if (now.isEmpty()) workersTitle else "$now · change"

    override val sendingTitle = "Sending"
    override val promise =
        "Sent: it is on the server's disk. Safe: it survives the loss of the server. Until then your phone keeps it. " +
            "Evidence is never refused, whoever owns the visit now."

    override fun waiting(status: SyncStatus, size: String): String {
        if (status.opsWaiting == 0uL && status.filesWaiting == 0uL) return "Nothing waits to be sent"
        val records = many(status.opsWaiting, "record")
        val files = if (status.filesWaiting == 0uL) "" else ", ${many(status.filesWaiting, "photo or signature", "photos and signatures")} ($size)"
        return "To be sent: $records$files"
    }

    override fun awaitingBackup(records: ULong) = "To be backed up: ${many(records, "record")}"

    override fun lastExchange(at: String) = "Last receipt of the server: $at"

    override val noExchangeYet = "No receipt of the server yet"
    override val nextTryNow = "Next try by itself: now"

    override fun nextTry(milliseconds: ULong): String {
        val seconds = milliseconds / 1000uL
        return "Next try by itself: in " + if (seconds < 60uL) "${seconds + 1uL}${NO_BREAK}s" else "about ${(seconds + 59uL) / 60uL}${NO_BREAK}min"
    }

    override val nextTryUnset = "Next try by itself: not set, tap “Send now”"
    override val sendNow = "Send now"
    override val sendNowAlways = "At any time; each tap is a try"

    override fun tapped(at: String) = "$at tried at once, as you asked"

    override fun tappedWhileSending(at: String) = "$at heard; sending now, and again at once if it does not get through"

    override val records = "Records on this phone, newest first"
    override val noRecords = "No records yet. Each step you save in a visit is listed here."
    override val moreRecords = "Reading older records …"

    override fun state(state: RecordState) =
        when (state) {
            RecordState.SAVED -> "Saved"
            RecordState.SENT -> "Sent"
            RecordState.SAFE -> "Safe"
        }

    override fun meaning(state: RecordState) =
        when (state) {
            RecordState.SAVED -> "on this phone"
            RecordState.SENT -> "on the server's disk"
            RecordState.SAFE -> "survives the loss of the server"
        }

    override fun files(whole: UInt, all: UInt) = "files $whole/$all"

    override fun filesInFull(whole: UInt, all: UInt) =
        "${many(all.toULong(), "photo or signature", "photos and signatures")}, $whole whole on the server"

    override val signed = "signed"
    override val recordTitle = "Record"
    override val recordedAt = "When, by this phone's clock"
    override val why = "Why it is not further"
    override val next = "What happens next"
    override val visit = "Its visit"
    override val noVisit = "Belongs to no visit"
    override val departedVisit = "its address is no longer on this phone"

    override fun kind(kind: VisitKind) =
        when (kind) {
            VisitKind.MEASUREMENT -> "Measurement"
            VisitKind.REPAIR -> "Repair"
            VisitKind.INSPECTION -> "Inspection"
            VisitKind.SUSPENSION -> "Suspension"
            VisitKind.RESTORATION -> "Restoration"
        }

    override val rescueTitle = "Export rescue file"
    override val rescueShort = "Rescue file"
    override val rescueWhat =
        "For a phone that can't send any more. Its records, and the photos and signatures that are not safe, are written " +
            "into one encrypted file that only the company can open."
    override val rescueHow =
        "Hand the file to your dispatcher. Nothing on this phone goes away, and it goes on sending; handing it in twice does no harm."
    override val rescueWrite = "Export rescue file"
    override val rescueWriting = "Writing, leave the phone on …"
    override val rescueDone = "The rescue file is written"

    override fun rescueWrittenAt(at: String) = "Written $at; records made since are not in it. Write it again when you need them."

    override val rescueLies = "It lies here"
    override val rescueHolds = "It holds"

    override fun rescueContents(records: ULong, files: ULong, size: String) =
        "${many(records, "record")}, ${many(files, "photo or signature", "photos and signatures")}, $size in all"

    override fun rescueRecordsLost(records: ULong) =
        "${many(records, "more record")} can no longer be read on this phone and ${if (records == 1uL) "is" else "are"} not in it. " +
            "Don't uninstall; tell your dispatcher."

    override fun rescueFilesLost(files: ULong) =
        "${many(files, "file")} can no longer be read on this phone and ${if (files == 1uL) "is" else "are"} not in it"

    override val rescueUnsigned =
        "This phone's key did not sign (it is gone, or does not answer now): somebody at the company looks at it first. You may write it again later."
    override val rescueOlder =
        "If there were older rescue files, they still lie beside it, a number at the end of their names: hand them in too."
    override val rescueKept = "All records are still on this phone, and stay until they are safe."
    override val rescueFailed = "The rescue file was not written"

    private fun many(count: ULong, one: String, more: String = one + "s") = "$count ${if (count == 1uL) one else more}"
}
