package cn.nuanfang.ui

import cn.nuanfang.core.FieldAppInterface
import cn.nuanfang.core.RescueView
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch

/** How the rescue file stands. */
sealed interface RescueState {
    /** Nothing was asked for. */
    data object Unasked : RescueState

    /** It is being written. */
    data object Writing : RescueState

    /** It is written, and when, UTC milliseconds. */
    data class Written(val path: String, val view: RescueView, val at: Long) : RescueState

    /** It was not written, and why. */
    data class Failed(val trouble: Trouble) : RescueState
}

/** Writes an encrypted file that only the company can open, to [place]; older ones that may hold more stay beside it. */
class RescuePresenter(
    private val core: FieldAppInterface,
    private val place: () -> String,
    private val host: Host,
    private val scope: CoroutineScope,
    private val io: CoroutineDispatcher,
) {
    private val shown = MutableStateFlow<RescueState>(RescueState.Unasked)

    /** What is shown. */
    val state: StateFlow<RescueState> = shown.asStateFlow()

    /** Writes it. A second tap while it is written changes nothing. */
    fun write() {
        val before = shown.value
        if (before == RescueState.Writing || !shown.compareAndSet(before, RescueState.Writing)) return
        scope.launch {
            val tried = io.call { place().let { path -> RescueState.Written(path, core.exportRescue(path), host.now()) } }
            shown.value = tried.getOrElse { RescueState.Failed(troubleOf(it)) }
        }
    }
}
