package cn.nuanfang.desktop

import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.ui.input.key.Key
import androidx.compose.ui.input.key.KeyEventType
import androidx.compose.ui.input.key.key
import androidx.compose.ui.input.key.type
import androidx.compose.ui.platform.LocalDensity
import androidx.compose.ui.unit.Density
import androidx.compose.ui.unit.DpSize
import androidx.compose.ui.unit.dp
import androidx.compose.ui.window.Window
import androidx.compose.ui.window.WindowState
import androidx.compose.ui.window.application
import cn.nuanfang.ui.Chinese
import cn.nuanfang.ui.English
import cn.nuanfang.ui.PhoneScreens
import cn.nuanfang.ui.Session
import kotlin.system.exitProcess
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob

/** The phone's screens in a window of its size, over the real core. Esc goes back. */
fun main(words: Array<String>) {
    val arguments = Arguments.of(words)
    if (arguments == null) {
        System.err.println(Arguments.USAGE)
        exitProcess(2)
    }
    val host = ComputerHost(arguments.data)
    if (!host.claim()) {
        System.err.println("${arguments.data}: 另一个窗口正在使用 (another window is at it)")
        exitProcess(2)
    }
    val session = Session(host, CoroutineScope(SupervisorJob() + Dispatchers.Main), arguments.invitation)
    val texts = if (arguments.language == "en") English else Chinese
    val font = chineseFont()
    application {
        Window(
            onCloseRequest = ::exitApplication,
            title = texts.product,
            state = WindowState(size = DpSize(376.dp, 780.dp)),
            onKeyEvent = { it.key == Key.Escape && it.type == KeyEventType.KeyUp && session.back() },
        ) {
            CompositionLocalProvider(LocalDensity provides Density(LocalDensity.current.density, arguments.fontScale)) {
                PhoneScreens(session, font, texts)
            }
        }
    }
}
