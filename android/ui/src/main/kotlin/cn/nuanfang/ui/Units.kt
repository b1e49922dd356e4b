package cn.nuanfang.ui

import java.time.Instant
import java.time.ZoneId
import java.time.format.DateTimeFormatter
import java.util.Locale

/** Keeps a number and its unit on one line. */
internal const val NO_BREAK = '\u00A0'

private val units = listOf("KB", "MB", "GB", "TB")

/** A size as people read it: `0 B`, `999 B`, `1.4 MB`, `23 MB`; thousands, as phones count their storage. */
fun readableBytes(bytes: ULong): String {
    if (bytes < 1000uL) return "$bytes${NO_BREAK}B"
    var size = bytes.toDouble() / 1000
    var unit = 0
    while (size >= 999.5 && unit < units.lastIndex) {
        size /= 1000
        unit++
    }
    val digits = if (size < 9.95) "%.1f" else "%.0f"
    return digits.format(Locale.ROOT, size) + NO_BREAK + units[unit]
}

/** Month, day and minute, as a list shows them: `11-26 15:04`. */
fun shortTime(milliseconds: Long, zone: ZoneId): String = short.format(Instant.ofEpochMilli(milliseconds).atZone(zone))

/** The whole of a time: `2026-11-26 15:04:05`. */
fun fullTime(milliseconds: Long, zone: ZoneId): String = full.format(Instant.ofEpochMilli(milliseconds).atZone(zone))

/** The time of day to the second: two taps in one minute differ. */
fun timeOfDay(milliseconds: Long, zone: ZoneId): String = day.format(Instant.ofEpochMilli(milliseconds).atZone(zone))

private val short = DateTimeFormatter.ofPattern("MM-dd${NO_BREAK}HH:mm", Locale.ROOT)
private val full = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT)
private val day = DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT)
