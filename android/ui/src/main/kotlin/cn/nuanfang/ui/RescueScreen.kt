package cn.nuanfang.ui

import androidx.compose.foundation.text.selection.SelectionContainer
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import java.time.ZoneId

/** 导出求助文件: one encrypted file for the company, where it lies, what is in it, and that the phone keeps everything. */
@Composable
fun RescueScreen(state: RescueState, zone: ZoneId, onWrite: () -> Unit, onBack: () -> Unit) {
    val texts = LocalTexts.current
    val words = MaterialTheme.typography.bodyLarge
    Page(
        title = texts.rescueTitle,
        onBack = onBack,
        bottom = {
            val label = if (state == RescueState.Writing) texts.rescueWriting else texts.rescueWrite
            MainButton(label, onWrite, Modifier.testTag("write-rescue"), Marks.box)
        },
    ) {
        when (state) {
            is RescueState.Written -> Written(state, zone)
            is RescueState.Failed -> TroubleCard(texts.rescueFailed, state.trouble)
            RescueState.Unasked, RescueState.Writing -> {}
        }
        Text(texts.rescueWhat, style = words)
        Text(texts.rescueHow, style = words)
    }
}

@Composable
private fun Written(written: RescueState.Written, zone: ZoneId) {
    val texts = LocalTexts.current
    val view = written.view
    Card(Tones.calm, Modifier.testTag("rescue-written")) {
        Headline(Marks.done, texts.rescueDone)
        Text(texts.rescueWrittenAt(shortTime(written.at, zone)), style = MaterialTheme.typography.bodyLarge)
        Text(texts.rescueLies, style = MaterialTheme.typography.bodyMedium)
        SelectionContainer { Text(written.path, style = MaterialTheme.typography.bodyLarge) }
        Text(texts.rescueHolds, style = MaterialTheme.typography.bodyMedium)
        Text(texts.rescueContents(view.ops, view.files, readableBytes(view.bytes)), style = MaterialTheme.typography.bodyLarge)
        if (view.opsLost > 0uL) Text(texts.rescueRecordsLost(view.opsLost), style = MaterialTheme.typography.bodyLarge)
        if (view.filesLost > 0uL) Text(texts.rescueFilesLost(view.filesLost), style = MaterialTheme.typography.bodyLarge)
        if (!view.signed) Text(texts.rescueUnsigned, style = MaterialTheme.typography.bodyLarge)
        if (view.opsLost > 0uL || view.filesLost > 0uL || !view.signed) Text(texts.rescueOlder, style = MaterialTheme.typography.bodyLarge)
        if (view.opsLost == 0uL) Text(texts.rescueKept, style = MaterialTheme.typography.titleMedium)
    }
}
