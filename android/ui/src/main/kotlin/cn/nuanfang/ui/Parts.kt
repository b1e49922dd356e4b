package cn.nuanfang.ui

import androidx.compose.foundation.BorderStroke
import androidx.compose.foundation.ScrollState
import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.imePadding
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.sizeIn
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.ButtonDefaults
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.vector.ImageVector
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import cn.nuanfang.core.RecordState

/** A screen: a title, what it shows, and at the bottom, always in reach of the thumb, what can be done. */
@Composable
internal fun Frame(
    title: String,
    onBack: (() -> Unit)? = null,
    action: @Composable () -> Unit = {},
    bottom: @Composable ColumnScope.() -> Unit = {},
    content: @Composable (PaddingValues) -> Unit,
) {
    Scaffold(
        modifier = Modifier.fillMaxSize().imePadding(),
        topBar = {
            Surface(color = Tones.act.ground, contentColor = Tones.act.ink) {
                Row(
                    Modifier.fillMaxWidth().heightIn(min = 64.dp).padding(start = if (onBack == null) 16.dp else 4.dp, end = 4.dp),
                    verticalAlignment = Alignment.CenterVertically,
                ) {
                    if (onBack != null) {
                        IconButton(onBack, Modifier.sizeIn(touchTarget, touchTarget)) {
                            Icon(Marks.back, LocalTexts.current.back, Modifier.size(28.dp))
                        }
                    }
                    Text(title, Modifier.weight(1f).semantics { heading() }, style = MaterialTheme.typography.titleLarge)
                    action()
                }
            }
        },
        bottomBar = {
            Column(Modifier.fillMaxWidth().background(MaterialTheme.colorScheme.surface)) {
                HorizontalDivider()
                Column(
                    Modifier.padding(horizontal = 16.dp, vertical = 10.dp),
                    verticalArrangement = Arrangement.spacedBy(6.dp),
                    content = bottom,
                )
            }
        },
        content = content,
    )
}

/** A [Frame] around what is read from top to bottom; what the screen has no room for is scrolled to. */
@Composable
internal fun Page(
    title: String,
    onBack: (() -> Unit)? = null,
    bottom: @Composable ColumnScope.() -> Unit = {},
    scroll: ScrollState = rememberScrollState(),
    content: @Composable ColumnScope.() -> Unit,
) =
    Frame(title, onBack, bottom = bottom) { inner ->
        Column(
            Modifier.fillMaxSize().padding(inner).verticalScroll(scroll).padding(16.dp),
            verticalArrangement = Arrangement.spacedBy(14.dp),
            content = content,
        )
    }

/** The button that a screen is for. */
@Composable
internal fun MainButton(text: String, onClick: () -> Unit, modifier: Modifier = Modifier, mark: ImageVector? = null) {
    Button(onClick, modifier.fillMaxWidth().heightIn(min = 64.dp), shape = RoundedCornerShape(12.dp)) { ButtonText(text, mark) }
}

/** Another button. */
@Composable
internal fun SideButton(text: String, onClick: () -> Unit, modifier: Modifier = Modifier, mark: ImageVector? = null) {
    OutlinedButton(
        onClick,
        modifier.fillMaxWidth().heightIn(min = touchTarget),
        shape = RoundedCornerShape(12.dp),
        border = BorderStroke(2.dp, Tones.act.ground),
        colors = ButtonDefaults.outlinedButtonColors(containerColor = Tones.page.ground),
    ) {
        ButtonText(text, mark)
    }
}

@Composable
private fun ButtonText(text: String, mark: ImageVector?) {
    if (mark != null) Icon(mark, null, Modifier.padding(end = 10.dp).size(26.dp))
    Text(text, style = MaterialTheme.typography.labelLarge, textAlign = TextAlign.Center)
}

/** Words on a ground of their own. Read aloud when they change. */
@Composable
internal fun Card(tone: Tone, modifier: Modifier = Modifier, content: @Composable ColumnScope.() -> Unit) {
    Surface(
        modifier.fillMaxWidth().semantics { liveRegion = LiveRegionMode.Polite },
        shape = RoundedCornerShape(12.dp),
        color = tone.ground,
        contentColor = tone.ink,
    ) {
        Column(Modifier.padding(14.dp), verticalArrangement = Arrangement.spacedBy(6.dp), content = content)
    }
}

/** A line with its mark in front. Big, as long as what else must be read still finds room below. */
@Composable
internal fun Headline(mark: ImageVector, text: String) {
    val letters = MaterialTheme.typography
    Row(verticalAlignment = Alignment.CenterVertically) {
        Icon(mark, null, Modifier.padding(end = 12.dp).size(36.dp).align(Alignment.Top))
        Text(text, style = if (text.length > LONG_HEADLINE) letters.titleMedium else letters.headlineSmall)
    }
}

private const val LONG_HEADLINE = 28

private val UNREADABLE_STORE = setOf("device.damaged", "device.unread", "device.wrong_key")

/** What happened, that nothing is lost, and what to do. */
@Composable
internal fun TroubleCard(title: String, trouble: Trouble, modifier: Modifier = Modifier) {
    val texts = LocalTexts.current
    Card(Tones.alarm, modifier) {
        Headline(Marks.alarm, title)
        when (trouble) {
            is Trouble.Refused -> {
                Text(texts.of(trouble.words), style = MaterialTheme.typography.bodyLarge)
                // Of a store that can't be read nobody knows yet what is left.
                if (trouble.code !in UNREADABLE_STORE) {
                    Text(texts.nothingLost, style = MaterialTheme.typography.bodyLarge)
                }
                Text(texts.code(trouble.code), style = MaterialTheme.typography.bodySmall)
            }
            is Trouble.Unexpected -> {
                Text(texts.unexpected(trouble.detail), style = MaterialTheme.typography.bodyLarge)
                Text(texts.nothingLost, style = MaterialTheme.typography.bodyLarge)
            }
        }
    }
}

/** How far a record has come: a shape and the word. */
@Composable
internal fun StateMark(state: RecordState, modifier: Modifier = Modifier) {
    val ink = Marks.tone(state).ink
    Row(modifier, verticalAlignment = Alignment.CenterVertically) {
        Icon(Marks.of(state), null, Modifier.padding(end = 6.dp).size(26.dp), tint = ink)
        Text(LocalTexts.current.state(state), color = ink, style = MaterialTheme.typography.titleMedium)
    }
}
