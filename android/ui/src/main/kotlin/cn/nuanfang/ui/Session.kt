package cn.nuanfang.ui

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

    /** Nobody's opened, and why. */
    data class Failed(val trouble: Trouble) : Opened

    /** They are open: what the screens work on. */
    class Open(val navigator: Navigator, val folders: Folders) : Opened
}

/**
 * The screens' memory: lives as long as the app, whatever happens to its window. Opens the core away from the thread that
 * draws, and starts the exchange of everybody who is enrolled. An [invitation] that came with the app's start is offered
 * to whoever is new on the phone or follows his company's server elsewhere, until somebody was enrolled with it.
 */
class Session(
    val host: Host,
    private val scope: CoroutineScope,
    invitation: String = "",
    private val io: CoroutineDispatcher = Dispatchers.IO,
) {
    private val folders = Folders(host, scope, io, invitation)
    private val shown = MutableStateFlow<Opened>(Opened.Opening)

    /** How far it is. */
    val opened: StateFlow<Opened> = shown.asStateFlow()

    init {
        begin()
    }

    /** Tries to open once more what did not. */
    fun tryAgain() {
        val now = shown.value
        if (now is Opened.Open) scope.launch { runCatching { folders.open() } }
        if (now is Opened.Failed && shown.compareAndSet(now, Opened.Opening)) begin()
    }

    /** Leads somebody who is new on this phone to his enrolment. */
    fun addWorker() {
        val navigator = (shown.value as? Opened.Open)?.navigator ?: return
        scope.launch {
            val folder = folders.vacant()
            if (folder is Folder.Open) navigator.go(Screen.Enrolment(folder.name))
        }
    }

    /** The system's "back". False when there is nowhere to go, so that the system may take it. */
    fun back(): Boolean = (shown.value as? Opened.Open)?.navigator?.back() == true

    private fun begin() {
        scope.launch {
            val listed = runCatching { folders.open() }
            val open = folders.all.value.filterIsInstance<Folder.Open>()
            val closed = folders.all.value.filterIsInstance<Folder.Closed>()
            val trouble = listed.exceptionOrNull()?.let(::troubleOf) ?: closed.firstOrNull()?.trouble
            shown.value = if (open.isEmpty() && trouble != null) Opened.Failed(trouble) else Opened.Open(Navigator(first()), folders)
        }
    }

    /** Where one alone works with the phone, it is his; otherwise he says who he is. */
    private fun first(): Screen {
        val used = folders.all.value.filter { it !is Folder.Open || it.enrolled }
        val alone = used.singleOrNull()
        return when {
            used.isEmpty() -> Screen.Enrolment(folders.all.value.first().name)
            alone is Folder.Open -> Screen.Sending(alone.name)
            else -> Screen.Workers
        }
    }
}
