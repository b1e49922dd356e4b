package cn.nuanfang.ui

import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.heightIn
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag

/** 本机人员: who works with this phone, what waits of each, and a place for one more. */
@Composable
fun WorkersScreen(
    folders: List<Folder>,
    onWorker: (Folder.Open) -> Unit,
    onSendNow: () -> Unit,
    onAdd: () -> Unit,
    onTryAgain: () -> Unit,
    onBack: (() -> Unit)?,
) {
    val texts = LocalTexts.current
    Page(
        title = texts.workersTitle,
        onBack = onBack,
        bottom = { MainButton(texts.sendNow, onSendNow, Modifier.testTag("send-all"), Marks.sent) },
    ) {
        Text(texts.workersHow, style = MaterialTheme.typography.bodyLarge)
        for (folder in folders) {
            when (folder) {
                is Folder.Open -> if (folder.enrolled) WorkerCard(folder.sending) { onWorker(folder) }
                is Folder.Closed -> {
                    TroubleCard(texts.openFailed, folder.trouble)
                    SideButton(texts.tryAgain, onTryAgain)
                }
            }
        }
        SideButton(texts.addWorker, onAdd, Modifier.testTag("add-worker"))
    }
}

@Composable
private fun WorkerCard(presenter: SendingPresenter, onClick: () -> Unit) {
    val texts = LocalTexts.current
    val state by presenter.state.collectAsState()
    Watching(presenter, presenter::watch)
    val name = state.enrolment?.let(::nameOf).orEmpty().ifEmpty { texts.noName }
    val status = state.status
    val (tone, mark) = look(status?.state)
    Card(tone, Modifier.clickable(onClick = onClick).heightIn(min = touchTarget).testTag("worker")) {
        Headline(mark, name)
        if (status != null) {
            Text(texts.of(status.words), style = MaterialTheme.typography.bodyLarge)
            Text(texts.waiting(status, readableBytes(status.bytesWaiting)), style = MaterialTheme.typography.bodyMedium)
        }
        (state.unasked ?: state.unread)?.let { TroubleCard(texts.notDone, it) }
    }
}
