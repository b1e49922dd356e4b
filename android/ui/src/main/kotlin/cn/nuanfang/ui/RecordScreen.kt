package cn.nuanfang.ui

import androidx.compose.foundation.layout.Column
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import cn.nuanfang.core.RecordStatus
import java.time.ZoneId

/** One record in full: how far it has come and what that means, why, what next, and the visit it belongs to. */
@Composable
fun RecordScreen(state: RecordDetail, zone: ZoneId, onSendNow: () -> Unit, onBack: () -> Unit) {
    val texts = LocalTexts.current
    Page(
        title = texts.recordTitle,
        onBack = onBack,
        bottom = { MainButton(texts.sendNow, onSendNow, Modifier.testTag("send-now"), Marks.sent) },
    ) {
        val record = state.record
        if (record != null) {
            Text(texts.of(record.label), style = MaterialTheme.typography.headlineSmall)
            Column {
                StateMark(record.state)
                Text(texts.meaning(record.state), style = MaterialTheme.typography.bodyLarge)
            }
            val extent = listOfNotNull(
                texts.filesInFull(record.filesWhole, record.files).takeIf { record.files > 0u },
                texts.signed.takeIf { record.signed },
            )
            if (extent.isNotEmpty()) Text(extent.joinToString(" · "), style = MaterialTheme.typography.bodyLarge)
            record.why?.let { Said(texts.why, texts.of(it)) }
            Said(texts.next, texts.of(record.next))
            Said(texts.recordedAt, fullTime(record.claimed, zone))
            Said(texts.visit, visit(record, state, texts))
        } else {
            state.trouble?.let { TroubleCard(texts.notDone, it) } ?: Text(texts.opening, style = MaterialTheme.typography.bodyLarge)
        }
    }
}

@Composable
private fun Said(what: String, words: String) {
    Column {
        Text(what, color = Tones.quiet.ink, style = MaterialTheme.typography.bodyMedium)
        Text(words, style = MaterialTheme.typography.bodyLarge)
    }
}

private fun visit(record: RecordStatus, state: RecordDetail, texts: Texts): String {
    if (record.visit == null) return texts.noVisit
    val found = state.visit
    if (found == null) {
        val trouble = state.trouble as? Trouble.Refused ?: return texts.opening
        return texts.of(trouble.words)
    }
    val lines = listOfNotNull(
        found.view.kind?.let(texts::kind),
        found.household?.address ?: texts.departedVisit,
        found.view.scope.takeIf(String::isNotEmpty),
        found.departed?.let(texts::of),
    )
    return lines.joinToString("\n")
}
