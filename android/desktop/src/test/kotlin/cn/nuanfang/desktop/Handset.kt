package cn.nuanfang.desktop

import androidx.compose.ui.geometry.Size
import androidx.compose.ui.graphics.toAwtImage
import androidx.compose.ui.semantics.SemanticsActions
import androidx.compose.ui.semantics.SemanticsNode
import androidx.compose.ui.semantics.SemanticsProperties
import androidx.compose.ui.semantics.getOrNull
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.SemanticsMatcher
import androidx.compose.ui.test.SkikoComposeUiTest
import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollToNode
import androidx.compose.ui.test.performTextReplacement
import androidx.compose.ui.test.runSkikoComposeUiTest
import androidx.compose.ui.text.TextLayoutResult
import androidx.compose.ui.unit.Density
import cn.nuanfang.core.FieldApp
import cn.nuanfang.field.Phone
import cn.nuanfang.field.TestClock
import cn.nuanfang.ui.Chinese
import cn.nuanfang.ui.English
import cn.nuanfang.ui.Folder
import cn.nuanfang.ui.Folders
import cn.nuanfang.ui.Host
import cn.nuanfang.ui.Opened
import cn.nuanfang.ui.PhoneScreens
import cn.nuanfang.ui.Session
import cn.nuanfang.ui.Texts
import java.io.File
import java.time.ZoneId
import javax.imageio.ImageIO
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking

/** A phone with its screens: the real core of [Phone] under them, 360 × 740 dp large, nothing in between. */
@OptIn(ExperimentalTestApi::class)
class Handset(private val folder: File, now: Long) : AutoCloseable {
    private val clock = TestClock(now)
    private val phones = mutableMapOf<String, Phone>()
    val phone = phoneOf(Folders.FIRST)
    val rescue = File(folder, "示例求助.rescue")
    private var work = SupervisorJob()
    private val host =
        object : Host {
            override val zone = ZoneId.of("Asia/Shanghai")
            override val phoneName = "示例手机"

            override fun now(): Long = clock.wallMs()

            override fun clipboard(): String? = null

            override fun folders(): List<String> = phones.keys.toList()

            override fun open(folder: String): FieldApp = phoneOf(folder).app

            override fun rescuePlace(folder: String): String = rescue.path
        }
    var session = Session(host, CoroutineScope(work + Dispatchers.Default))
        private set

    /** The app ends, and starts with an invitation. */
    fun startAgain(invitation: String) {
        runBlocking { work.cancelAndJoin() }
        work = SupervisorJob()
        session = Session(host, CoroutineScope(work + Dispatchers.Default), invitation)
    }

    /** What a worker has on it, by his folder's name. */
    fun phoneOf(name: String): Phone = synchronized(phones) { phones.getOrPut(name) { Phone(File(folder, name).apply { mkdirs() }, clock) } }

    /** The folders as the screens have them. */
    fun folders(): List<Folder> = (session.opened.value as Opened.Open).folders.all.value

    /** Holds it in the hand. */
    fun hold(texts: Texts = Chinese, fontScale: Float = 1f, hands: SkikoComposeUiTest.() -> Unit) {
        // What is opened on another thread while a screen is first drawn can't be read by it; in the app there is one thread for both.
        runBlocking { session.opened.first { it != Opened.Opening } }
        runSkikoComposeUiTest(Size(WIDTH * DENSITY, HEIGHT * DENSITY), Density(DENSITY, fontScale)) {
            setContent { PhoneScreens(session, chineseFont(), texts) }
            hands()
        }
    }

    /**
     * The screen that is seen, in both languages and at the largest letters too: all of it stands within 360 dp, no word is
     * cut off, and whatever can be tapped is 56 dp high. Leaves a picture of each.
     */
    fun fits(name: String, until: SkikoComposeUiTest.(Texts) -> Unit) {
        for ((language, texts) in listOf("zh" to Chinese, "en" to English)) {
            for (percent in listOf(100, 130)) {
                hold(texts, percent / 100f) {
                    until(texts)
                    waitForIdle()
                    val picture = "$name-$language-$percent"
                    keep(picture)
                    for (node in onAllNodes(hasClickAction()).fetchSemanticsNodes()) {
                        assertTrue(node.size.height >= TOUCH * DENSITY, "$picture: ${node.says()} is ${node.size.height / DENSITY} dp high")
                    }
                    val written = SemanticsMatcher.keyIsDefined(SemanticsActions.GetTextLayoutResult)
                    for (node in onAllNodes(written, useUnmergedTree = true).fetchSemanticsNodes()) {
                        val (left, right) = node.positionInRoot.x to node.positionInRoot.x + node.size.width
                        assertTrue(left >= 0 && right <= WIDTH * DENSITY, "$picture: ${node.says()} leaves the screen")
                        val laid = mutableListOf<TextLayoutResult>()
                        node.config[SemanticsActions.GetTextLayoutResult].action?.invoke(laid)
                        assertTrue(laid.none { it.isCut() }, "$picture: ${node.says()} is cut off")
                    }
                }
            }
        }
    }

    override fun close() {
        runBlocking { work.cancelAndJoin() }
        phones.values.forEach(Phone::close)
    }

    private fun SkikoComposeUiTest.keep(name: String) {
        val folder = File(System.getProperty("nuanfang.pictures")).apply { mkdirs() }
        ImageIO.write(captureToImage().toAwtImage(), "png", File(folder, "$name.png"))
    }

    // The layout's own word for it counts a fraction of a pixel.
    private fun TextLayoutResult.isCut() = didOverflowHeight || (0 until lineCount).any { getLineRight(it) - getLineLeft(it) > size.width + 1 }

    private fun SemanticsNode.says() = config.getOrNull(SemanticsProperties.Text).orEmpty().joinToString { it.text }

    private companion object {
        const val WIDTH = 360
        const val HEIGHT = 740
        const val DENSITY = 2f
        const val TOUCH = 56
    }
}

/** Waits until these words stand on the screen, as a part of a text. */
@OptIn(ExperimentalTestApi::class)
fun SkikoComposeUiTest.says(words: String) =
    waitUntil("it says $words", PATIENCE) { onAllNodes(hasText(words, substring = true)).fetchSemanticsNodes().isNotEmpty() }

/** Waits until the list has a line of exactly these words, and brings it into view. */
@OptIn(ExperimentalTestApi::class)
fun SkikoComposeUiTest.lists(words: String) =
    waitUntil("it lists $words", PATIENCE) {
        runCatching { onNodeWithTag("records").performScrollToNode(hasText(words)) }.isSuccess
    }

/** Taps what bears this tag. */
@OptIn(ExperimentalTestApi::class)
fun SkikoComposeUiTest.tap(tag: String) {
    onNodeWithTag(tag).performClick()
}

/** Taps what says this. */
@OptIn(ExperimentalTestApi::class)
fun SkikoComposeUiTest.tapWords(words: String) {
    onNodeWithText(words).performClick()
}

/** Types the invitation and asks for the enrolment. */
@OptIn(ExperimentalTestApi::class)
fun SkikoComposeUiTest.enrol(invitation: String) {
    onNodeWithTag("invitation").performTextReplacement(invitation)
    tap("enrol")
}

/** What stands in the field of this tag. */
@OptIn(ExperimentalTestApi::class)
fun SkikoComposeUiTest.typed(tag: String): String = onNodeWithTag(tag).fetchSemanticsNode().config[SemanticsProperties.EditableText].text

/** How long the real server and the real disk may take on a busy machine. */
const val PATIENCE = 60_000L
