package cn.nuanfang.ui

import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.dp
import cn.nuanfang.core.RecordStatus
import java.time.ZoneId

/** One record in the list: what, when, how far; why it is not further, and what happens next. */
@OptIn(ExperimentalLayoutApi::class)
@Composable
internal fun RecordRow(record: RecordStatus, zone: ZoneId, onClick: () -> Unit) {
    val texts = LocalTexts.current
    Column(
        Modifier.fillMaxWidth().clickable(onClick = onClick).heightIn(min = 72.dp).padding(vertical = 10.dp),
        verticalArrangement = Arrangement.spacedBy(4.dp),
    ) {
        Text(texts.of(record.label), style = MaterialTheme.typography.titleMedium)
        FlowRow(
            horizontalArrangement = Arrangement.spacedBy(14.dp),
            verticalArrangement = Arrangement.spacedBy(2.dp),
        ) {
            StateMark(record.state)
            Text(shortTime(record.claimed, zone), Modifier.padding(top = 3.dp), style = MaterialTheme.typography.bodyMedium)
            if (record.files > 0u) {
                Text(texts.files(record.filesWhole, record.files), Modifier.padding(top = 3.dp), style = MaterialTheme.typography.bodyMedium)
            }
            if (record.signed) Text(texts.signed, Modifier.padding(top = 3.dp), style = MaterialTheme.typography.bodyMedium)
        }
        val said = listOfNotNull(record.why, record.next).joinToString(" · ") { texts.of(it) }
        Text(said, color = Tones.quiet.ink, style = MaterialTheme.typography.bodySmall)
    }
}
