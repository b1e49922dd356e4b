package cn.nuanfang.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.rememberScrollState
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.ui.Modifier
import androidx.compose.ui.platform.testTag
import androidx.compose.ui.unit.dp

/** 登记本机: the invitation, the phone's name, one button. Also when an enrolment no longer holds, or its server is elsewhere now. */
@Composable
fun EnrolmentScreen(
    state: EnrolmentState,
    invitation: String,
    onInvitation: (String) -> Unit,
    phoneName: String,
    onPhoneName: (String) -> Unit,
    onPaste: () -> Unit,
    onEnrol: () -> Unit,
    onBack: (() -> Unit)?,
) {
    val texts = LocalTexts.current
    val former = state.former
    val title = if (former == null) texts.enrolTitle else texts.enrolAgainTitle
    val scroll = rememberScrollState()
    LaunchedEffect(state.trouble) { if (state.trouble != null) scroll.scrollTo(0) }
    Page(
        title = title,
        onBack = onBack,
        bottom = { MainButton(if (state.enrolling) texts.enrolling else title, onEnrol, Modifier.testTag("enrol")) },
        scroll = scroll,
    ) {
        state.trouble?.let { TroubleCard(texts.enrolFailed, it) }
        if (former != null) {
            val how = if (former.needsEnrolment) texts.enrolAgainHow(former.workerName) else texts.enrolElsewhereHow
            Card(Tones.wait) { Text(how, style = MaterialTheme.typography.bodyLarge) }
        } else {
            Text(texts.enrolHow, style = MaterialTheme.typography.bodyLarge)
        }
        Field(texts.invitation, invitation, onInvitation, texts.invitationHint, lines = 3, tag = "invitation")
        SideButton(texts.paste, onPaste)
        Field(texts.phoneName, phoneName, onPhoneName, "", lines = 1, tag = "phone-name")
    }
}

/** The label stands above: inside the frame of the field a long one would be cut. */
@Composable
private fun Field(label: String, value: String, onValue: (String) -> Unit, hint: String, lines: Int, tag: String) {
    Column(verticalArrangement = Arrangement.spacedBy(4.dp)) {
        Text(label, style = MaterialTheme.typography.titleMedium)
        OutlinedTextField(
            value,
            onValue,
            Modifier.fillMaxWidth().testTag(tag),
            textStyle = MaterialTheme.typography.bodyLarge,
            placeholder = { Text(hint, style = MaterialTheme.typography.bodyLarge) },
            minLines = lines,
            maxLines = lines + 2,
            singleLine = lines == 1,
        )
    }
}
