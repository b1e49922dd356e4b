package cn.nuanfang.field

import cn.nuanfang.core.AnswerState
import cn.nuanfang.core.Arrived
import cn.nuanfang.core.Channel
import cn.nuanfang.core.Command
import cn.nuanfang.core.Completed
import cn.nuanfang.core.Departed
import cn.nuanfang.core.Entered
import cn.nuanfang.core.FieldVisit
import cn.nuanfang.core.Freeze
import cn.nuanfang.core.ItemAnswer
import cn.nuanfang.core.ItemsAnswered
import cn.nuanfang.core.Mask
import cn.nuanfang.core.MeasurementPurpose
import cn.nuanfang.core.MeasurementStarted
import cn.nuanfang.core.Notified
import cn.nuanfang.core.Orientation
import cn.nuanfang.core.Outcome
import cn.nuanfang.core.ReadingTaken
import cn.nuanfang.core.Room
import cn.nuanfang.core.RoomEntered
import cn.nuanfang.core.RoomKind
import java.time.Instant
import java.time.LocalDate
import java.time.ZoneId

/** A room as the inspector finds it: its true temperature in tenths of a degree. */
data class Warmth(val key: String, val kind: RoomKind, val label: String, val orientation: Orientation, val deciCelsius: Int)

/** Own ticks of Annex F, all satisfied. */
fun satisfied(vararg items: String): Command =
    Command.AnswerItems(ItemsAnswered(items.map { ItemAnswer(it, AnswerState.SATISFIED, null, null) }))

/** From the assignment to the door. */
fun Phone.goThere(visit: String) {
    act(visit, Command.Acknowledge)
    val window = checkNotNull(app.visit(visit).view.window) { "the plan has no time" }
    act(visit, Command.Notify(Notified(Channel.PHONE, window)))
    act(visit, satisfied("F4-1", "F4-2", "F4-3", "F4-4", "F7-1"))
    act(visit, Command.Depart(Departed(toolsChecked = true, parts = emptyList())))
    clock.pass(600)
    act(visit, Command.Arrive(Arrived(place())))
    act(visit, Command.Enter(Entered(knocked = true, permitted = true, shoeCovers = true, mask = Mask.WORN)))
}

/** Measures by 745-M2 until every room is complete, and freezes what the resident will read. */
fun Phone.measure(visit: String, rooms: List<Warmth>): FieldVisit {
    for (room in rooms) {
        act(visit, Command.EnterRoom(RoomEntered(Room(room.key, room.kind, room.label, room.orientation), permitted = true)))
    }
    val today = LocalDate.ofInstant(Instant.ofEpochMilli(clock.wallMs()), ZoneId.of("Asia/Shanghai")).toString()
    val instrument = app.instruments().first { it.validUntil >= today }
    act(
        visit,
        Command.StartMeasurement(
            MeasurementStarted(
                protocol = "745-M2",
                instrument = instrument.id,
                purpose = MeasurementPurpose.ROUTINE,
                weather = "晴",
                outdoor = -32,
                windowOpen = false,
                extraHeater = false,
                radiatorsCovered = false,
                // The suite runs at any hour: the clause asks why between 12:00 and 15:00.
                reason = "热用户只有此时在家",
                note = "示例数据",
            )
        ),
    )
    for (room in rooms) {
        var minutes = 0
        do {
            check(minutes++ < 60) { "${room.label}: an hour of readings was not enough" }
            clock.pass(30)
            val view = act(visit, Command.TakeReading(ReadingTaken(room.key, room.deciCelsius))).view
        } while (!view.rooms.first { it.room.key == room.key }.complete)
    }
    return act(visit, Command.FreezeMeasurement(Freeze(reason = "热用户只有此时在家", note = null)))
}

fun Phone.complete(visit: String): FieldVisit =
    act(visit, Command.Complete(Completed(Outcome.DONE, reason = null, nextWindow = null)))

/** The owner's name as the ledger has it. */
fun Phone.owner(visit: String): String =
    checkNotNull(app.visit(visit).household?.ownerName) { "the phone does not know the owner's name" }
