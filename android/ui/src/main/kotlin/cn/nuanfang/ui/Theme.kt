package cn.nuanfang.ui

import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Typography
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.runtime.staticCompositionLocalOf
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.text.TextStyle
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.unit.dp
import androidx.compose.ui.unit.sp

/** The least height of whatever can be tapped: a gloved finger covers a centimetre. */
val touchTarget = 56.dp

/** A ground and what is written on it, at least 7 : 1 apart, for a dark cellar as for snow in the sun. */
data class Tone(val ground: Color, val ink: Color)

/** The colours. None carries a meaning alone: a shape and a word stand beside it. */
object Tones {
    val page = Tone(Color.White, Color(0xFF14181D))
    val calm = Tone(Color(0xFFDDF0E2), Color(0xFF07381A))
    val busy = Tone(Color(0xFFDCEBFA), Color(0xFF062F57))
    val wait = Tone(Color(0xFFFFF0CC), Color(0xFF432C00))
    val alarm = Tone(Color(0xFF9B0B1E), Color.White)
    val act = Tone(Color(0xFF0A4A86), Color.White)
    val saved = Tone(Color.White, Color(0xFF7A3300))
    val sent = Tone(Color.White, Color(0xFF0A4A86))
    val safe = Tone(Color.White, Color(0xFF0B5524))
    val quiet = Tone(Color.White, Color(0xFF454B54))
}

private val colours =
    lightColorScheme(
        primary = Tones.act.ground,
        onPrimary = Tones.act.ink,
        background = Tones.page.ground,
        onBackground = Tones.page.ink,
        surface = Tones.page.ground,
        onSurface = Tones.page.ink,
        onSurfaceVariant = Tones.quiet.ink,
        outline = Tones.quiet.ink,
        outlineVariant = Color(0xFFB9C0C9),
        error = Tones.alarm.ground,
        onError = Tones.alarm.ink,
    )

private fun letters(font: FontFamily): Typography {
    fun style(size: Int, weight: FontWeight = FontWeight.Normal) =
        TextStyle(fontFamily = font, fontSize = size.sp, lineHeight = (size * 1.35f).sp, fontWeight = weight)
    val bold = FontWeight.Bold
    return Typography(
        displayLarge = style(30, bold),
        displayMedium = style(28, bold),
        displaySmall = style(26, bold),
        headlineLarge = style(26, bold),
        headlineMedium = style(24, bold),
        headlineSmall = style(22, bold),
        titleLarge = style(22, bold),
        titleMedium = style(18, bold),
        titleSmall = style(16, bold),
        bodyLarge = style(18),
        bodyMedium = style(16),
        bodySmall = style(15),
        labelLarge = style(20, bold),
        labelMedium = style(16),
        labelSmall = style(15),
    )
}

/** The texts of the language in use. */
val LocalTexts = staticCompositionLocalOf<Texts> { Chinese }

/** The look of all screens. The host names the font: left to itself, a computer draws Japanese shapes of Chinese signs. */
@Composable
fun NuanfangTheme(font: FontFamily, texts: Texts, content: @Composable () -> Unit) {
    MaterialTheme(colours, typography = letters(font)) {
        CompositionLocalProvider(LocalTexts provides texts, content = content)
    }
}
