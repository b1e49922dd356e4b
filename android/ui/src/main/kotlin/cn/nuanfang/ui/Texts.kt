package cn.nuanfang.ui

import cn.nuanfang.core.RecordState
import cn.nuanfang.core.SyncStatus
import cn.nuanfang.core.VisitKind
import cn.nuanfang.core.Words

/**
 * Every text of the screens that the core does not say itself: one object for each language, and no text anywhere else.
 * Times and sizes come in ready to be read.
 */
interface Texts {
    /** The core's own words in this language. */
    fun of(words: Words): String

    val product: String
    val opening: String
    val openFailed: String
    val tryAgain: String
    val back: String
    val paste: String

    /** For the call to the office. */
    fun code(code: String): String

    /** No error ever takes a record away: stands under each. */
    val nothingLost: String

    val notDone: String

    /** A fault of ours that no rule foresees. */
    fun unexpected(detail: String): String

    val enrolTitle: String
    val enrolHow: String
    val enrolAgainTitle: String

    /** Why a phone that was enrolled must be enrolled anew, and that what it holds stays. */
    fun enrolAgainHow(worker: String): String

    /** Where a phone whose enrolment holds gets through to nobody: the way to [enrolElsewhereHow]. */
    val enrolElsewhere: String

    /** When a phone whose enrolment holds is enrolled anew all the same, and that what it holds stays. */
    val enrolElsewhereHow: String

    val invitation: String
    val invitationHint: String
    val phoneName: String
    val enrolling: String
    val enrolFailed: String

    val workersTitle: String
    val workersHow: String
    val addWorker: String

    /** Stands for a name that the phone has not been told yet. */
    val noName: String

    /** Leads from one worker's records to the others'. */
    fun workers(now: String): String

    val sendingTitle: String
    val promise: String

    /** What has not reached the server. */
    fun waiting(status: SyncStatus, size: String): String

    /** What the server has and the backup not yet. */
    fun awaitingBackup(records: ULong): String

    fun lastExchange(at: String): String

    val noExchangeYet: String
    val nextTryNow: String

    /** When the phone tries again by itself. */
    fun nextTry(milliseconds: ULong): String

    val nextTryUnset: String
    val sendNow: String
    val sendNowAlways: String

    fun tapped(at: String): String

    fun tappedWhileSending(at: String): String

    val records: String
    val noRecords: String
    val moreRecords: String

    fun state(state: RecordState): String

    /** What the word of a state promises. */
    fun meaning(state: RecordState): String

    fun files(whole: UInt, all: UInt): String

    fun filesInFull(whole: UInt, all: UInt): String

    val signed: String
    val recordTitle: String
    val recordedAt: String
    val why: String
    val next: String
    val visit: String
    val noVisit: String
    val departedVisit: String

    fun kind(kind: VisitKind): String

    val rescueTitle: String
    val rescueShort: String
    val rescueWhat: String
    val rescueHow: String
    val rescueWrite: String
    val rescueWriting: String
    val rescueDone: String

    /** When it was written, and what that means for records made since. */
    fun rescueWrittenAt(at: String): String

    val rescueLies: String
    val rescueHolds: String

    fun rescueContents(records: ULong, files: ULong, size: String): String

    fun rescueFilesLost(files: ULong): String

    fun rescueRecordsLost(records: ULong): String

    val rescueUnsigned: String

    /** Where a file lacks something: an older one may have it, and still lies beside it. */
    val rescueOlder: String

    val rescueKept: String
    val rescueFailed: String
}
