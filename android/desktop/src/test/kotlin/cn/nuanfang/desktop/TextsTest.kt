package cn.nuanfang.desktop

import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.luminance
import cn.nuanfang.ui.Chinese
import cn.nuanfang.ui.English
import cn.nuanfang.ui.Navigator
import cn.nuanfang.ui.Screen
import cn.nuanfang.ui.Tones
import cn.nuanfang.ui.readableBytes
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test

/** What is read on the screens: words from one catalogue, figures in units, ink that can be told from its ground. */
class TextsTest {
    @Test
    fun `no screen holds a text of its own`() {
        val literal = Regex("\"[^\"]*[\\u4e00-\\u9fff][^\"]*\"|\\bText\\(\\s*\"")
        val sources = File(System.getProperty("nuanfang.screens")).walk().filter { it.extension == "kt" }.toList()
        assertTrue(sources.size > 10)
        val found = sources.filter { it.name !in setOf("Chinese.kt", "English.kt") && literal.containsMatchIn(it.readText()) }
        assertEquals(emptyList(), found.map { it.name })
    }

    @Test
    fun `sizes and spans are read in their units`() {
        val sizes = listOf(0uL, 999uL, 1_000uL, 9_949uL, 34_800uL, 999_600uL, 1_440_000uL, 23_400_000_000uL)
        val read = sizes.map { readableBytes(it).replace('\u00A0', ' ') }
        assertEquals(listOf("0 B", "999 B", "1.0 KB", "9.9 KB", "35 KB", "1.0 MB", "1.4 MB", "23 GB"), read)
        assertTrue(Chinese.nextTry(59_999uL).endsWith("60\u00A0秒后"))
        assertTrue(Chinese.nextTry(240_000uL).endsWith("约\u00A04\u00A0分钟后"))
        assertTrue(English.nextTry(241_000uL).endsWith("about 5\u00A0min"))
        assertTrue(English.rescueRecordsLost(1uL).startsWith("1 more record can no longer be read on this phone and is not in it."))
        assertTrue(English.rescueRecordsLost(2uL).startsWith("2 more records can no longer be read on this phone and are not in it."))
    }

    @Test
    fun `ink stands out from its ground seven to one`() {
        val tones = with(Tones) { listOf(page, calm, busy, wait, alarm, act, saved, sent, safe, quiet) }
        for (tone in tones) assertTrue(contrast(tone.ground, tone.ink) >= 7.0, "$tone: ${contrast(tone.ground, tone.ink)}")
    }

    @Test
    fun `screens lie on each other and the first one stays`() {
        val (workers, sending, rescue) = Triple(Screen.Workers, Screen.Sending("1"), Screen.Rescue("1"))
        val navigator = Navigator(workers)
        for (screen in listOf(sending, rescue, rescue)) navigator.go(screen)
        assertEquals(listOf(workers, sending, rescue), navigator.screens.value)
        assertTrue(navigator.back())
        navigator.go(workers)
        assertFalse(navigator.back())
        assertEquals(listOf<Screen>(workers), navigator.screens.value)
    }

    private fun contrast(one: Color, other: Color): Double {
        val (bright, dark) = listOf(one.luminance(), other.luminance()).sortedDescending()
        return (bright + 0.05) / (dark + 0.05)
    }
}
