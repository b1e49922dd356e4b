package cn.nuanfang.ui

import cn.nuanfang.core.FieldApp
import cn.nuanfang.core.FieldAppInterface
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch

/** How far the phone's records are opened. */
sealed interface Opened {
    /** Under way. */
    data object Opening : Opened

    /** They did not open, and why. */
    data class Failed(val trouble: Trouble) : Opened

    /** They are open: what the screens work on. */
    class Open(
        val navigator: Navigator,
        val enrolment: EnrolmentPresenter,
        val sending: SendingPresenter,
        val rescue: RescuePresenter,
        val record: (ULong) -> RecordPresenter,
    ) : Opened
}

/**
 * The screens' memory: lives as long as the app, whatever happens to its window. Opens the core with [open] away from the
 * thread that draws, and starts its exchange as soon as somebody is enrolled. An [invitation] that came with the app's start
 * is filled in.
 */
class Session(
    private val open: () -> FieldApp,
    val host: Host,
    private val scope: CoroutineScope,
    private val invitation: String = "",
    private val io: CoroutineDispatcher = Dispatchers.IO,
) {
    private val shown = MutableStateFlow<Opened>(Opened.Opening)

    /** How far it is. */
    val opened: StateFlow<Opened> = shown.asStateFlow()

    init {
        begin()
    }

    /** Tries to open once more, after it failed. */
    fun tryAgain() {
        if (shown.compareAndSet(shown.value as? Opened.Failed ?: return, Opened.Opening)) begin()
    }

    /** The system's "back". False when there is nowhere to go, so that the system may take it. */
    fun back(): Boolean = (shown.value as? Opened.Open)?.navigator?.back() == true

    private fun begin() {
        scope.launch {
            val tried = io.call {
                val core = open()
                core to runCatching { core.enrolment() != null }.onFailure { core.close() }.getOrThrow()
            }
            shown.value = tried.fold({ (core, enrolled) -> screens(core, enrolled) }, { Opened.Failed(troubleOf(it)) })
        }
    }

    private fun screens(core: FieldAppInterface, enrolled: Boolean): Opened.Open {
        val navigator = Navigator(if (enrolled) Screen.Sending else Screen.Enrolment)
        val sending = SendingPresenter(core, host, scope, io)
        if (enrolled) sending.start()
        val enrolment = EnrolmentPresenter(core, host, scope, io) {
            sending.start()
            navigator.restart(Screen.Sending)
        }
        enrolment.invitation = invitation
        return Opened.Open(navigator, enrolment, sending, RescuePresenter(core, host, scope, io)) { n -> RecordPresenter(core, n, scope, io) }
    }
}
