package cn.nuanfang.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.LazyListState
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.vector.ImageVector
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import cn.nuanfang.core.EnrolmentView
import cn.nuanfang.core.RecordStatus
import cn.nuanfang.core.SyncState
import java.time.ZoneId

/** 发送: how the exchange stands, every record with its state, and a button that always tries. */
@Composable
fun SendingScreen(
    state: SendingState,
    zone: ZoneId,
    onSendNow: () -> Unit,
    onMore: () -> Unit,
    onRecord: (RecordStatus) -> Unit,
    onRescue: () -> Unit,
    onEnrol: () -> Unit,
    onWorkers: () -> Unit,
    list: LazyListState,
) {
    val texts = LocalTexts.current
    Frame(
        title = texts.sendingTitle,
        action = {
            TextButton(onRescue, Modifier.heightIn(min = touchTarget)) {
                Text(texts.rescueShort, color = Tones.act.ink, style = MaterialTheme.typography.titleMedium)
            }
        },
        bottom = {
            MainButton(texts.sendNow, onSendNow, Modifier.testTag("send-now"), Marks.sent)
            Text(
                state.tapped?.let { tap ->
                    val at = timeOfDay(tap, zone)
                    if (state.status?.state == SyncState.SYNCING) texts.tappedWhileSending(at) else texts.tapped(at)
                } ?: texts.sendNowAlways,
                Modifier.fillMaxWidth(),
                style = MaterialTheme.typography.bodySmall,
                textAlign = TextAlign.Center,
            )
        },
    ) { inner ->
        LazyColumn(
            Modifier.fillMaxSize().padding(inner).testTag("records"),
            state = list,
            contentPadding = PaddingValues(horizontal = 16.dp, vertical = 12.dp),
        ) {
            item("glance") {
                Column(verticalArrangement = Arrangement.spacedBy(10.dp)) {
                    Glance(state, zone)
                    SideButton(texts.workers(state.enrolment?.let(::nameOf).orEmpty()), onWorkers, Modifier.testTag("workers"))
                    (state.unasked ?: state.unread)?.let { TroubleCard(texts.notDone, it) }
                    if (state.enrolment?.needsEnrolment == true) {
                        MainButton(texts.enrolAgainTitle, onEnrol, Modifier.testTag("enrol-again"))
                    }
                    val stopped = state.status?.stopped == true
                    if (stopped || state.status?.state == SyncState.STUCK) SideButton(texts.rescueTitle, onRescue, mark = Marks.box)
                    if (stopped && state.enrolment?.needsEnrolment == false) {
                        SideButton(texts.enrolElsewhere, onEnrol, Modifier.testTag("enrol-elsewhere"))
                    }
                    Text(texts.promise, style = MaterialTheme.typography.bodyMedium)
                    Text(texts.records, Modifier.padding(top = 6.dp, bottom = 8.dp).semantics { heading() }, style = MaterialTheme.typography.titleMedium)
                }
            }
            if (state.records.isEmpty() && state.status != null) {
                item("none") { Text(texts.noRecords, Modifier.padding(vertical = 12.dp), style = MaterialTheme.typography.bodyLarge) }
            }
            items(state.records, key = { it.n.toString() }) { record ->
                HorizontalDivider()
                RecordRow(record, zone) { onRecord(record) }
            }
            if (state.more) {
                item("more") {
                    LaunchedEffect(state.records.size, state.unread) { onMore() }
                    Text(texts.moreRecords, Modifier.padding(vertical = 16.dp), style = MaterialTheme.typography.bodyMedium)
                }
            }
        }
    }
}

@Composable
private fun Glance(state: SendingState, zone: ZoneId) {
    val texts = LocalTexts.current
    val status = state.status
    if (status == null) {
        Card(Tones.busy) { Headline(Marks.round, texts.opening) }
        return
    }
    val (tone, mark) = look(status.state)
    Card(tone, Modifier.testTag("glance")) {
        Headline(mark, texts.of(status.words))
        Text(texts.waiting(status, readableBytes(status.bytesWaiting)), style = MaterialTheme.typography.titleMedium)
        val unsafe = status.acked - minOf(status.safe, status.acked)
        if (unsafe > 0uL) Text(texts.awaitingBackup(unsafe), style = MaterialTheme.typography.bodyMedium)
        val last = status.lastSynced?.let { texts.lastExchange(shortTime(it, zone)) } ?: texts.noExchangeYet
        Text(last, style = MaterialTheme.typography.bodyMedium)
        if (status.state != SyncState.SYNCING) Text(next(status.nextTryInMs, texts), style = MaterialTheme.typography.bodyMedium)
    }
}

/** The colour and the shape of how an exchange stands. */
internal fun look(state: SyncState?): Pair<Tone, ImageVector> =
    when (state) {
        SyncState.IDLE -> Tones.calm to Marks.done
        SyncState.WAITING -> Tones.busy to Marks.clock
        null, SyncState.SYNCING -> Tones.busy to Marks.round
        SyncState.RETRYING -> Tones.wait to Marks.clock
        SyncState.STUCK, SyncState.NOT_ENROLLED -> Tones.alarm to Marks.alarm
    }

/** Whose: the name and the badge, as far as they are known. */
internal fun nameOf(enrolment: EnrolmentView): String = "${enrolment.workerName} ${enrolment.badgeNumber}".trim()

private fun next(milliseconds: ULong?, texts: Texts): String =
    when (milliseconds) {
        null -> texts.nextTryUnset
        0uL -> texts.nextTryNow
        else -> texts.nextTry(milliseconds)
    }
