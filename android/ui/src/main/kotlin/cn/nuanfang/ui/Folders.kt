package cn.nuanfang.ui

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** The folders of all who work with this phone. What waits in each of them is sent, whoever holds the phone. */
class Folders(
    private val host: Host,
    private val scope: CoroutineScope,
    private val io: CoroutineDispatcher,
    invitation: String = "",
) {
    private val shown = MutableStateFlow<List<Folder>>(emptyList())
    private val turn = Mutex()
    private val start = StartInvitation(invitation)
    private var madeForNew: String? = null

    /** As they stand, the oldest first. */
    val all: StateFlow<List<Folder>> = shown.asStateFlow()

    /** Opens those that are not open; on a new phone the first. None goes away, though the host may not list it any more. */
    suspend fun open() = turn.withLock { openAll(withContext(io) { host.folders() }) }

    /** One for somebody who is new here. As long as the one that was made for him does not open, it is tried again and no other made. */
    suspend fun vacant(): Folder =
        turn.withLock {
            openAll(emptyList())
            shown.value.firstOrNull { if (it is Folder.Open) !it.enrolled else it.name == madeForNew }
                ?: opened(unused()).also {
                    madeForNew = it.name
                    shown.value += it
                }
        }

    /** Tries at once, for everybody. */
    fun sendNow() = shown.value.filterIsInstance<Folder.Open>().filter { it.enrolled }.forEach { it.sending.sendNow() }

    private suspend fun openAll(listed: List<String>) {
        val known = shown.value.associateBy { it.name }
        val names = (known.keys + listed).ifEmpty { listOf(FIRST) }
        shown.value = names.map { name -> known[name] as? Folder.Open ?: opened(name) }
    }

    private fun isAlone() = shown.value.size == 1

    private fun unused(): String {
        val used = shown.value.map { it.name }
        return generateSequence(1) { it + 1 }.map(Int::toString).first { it !in used }
    }

    private suspend fun opened(name: String): Folder =
        io.call {
            val core = host.open(name)
            core to runCatching { core.enrolment() != null }.onFailure { core.close() }.getOrThrow()
        }
            .fold({ (core, enrolled) -> Folder.Open(name, core, enrolled, start, ::isAlone, host, scope, io) }, { Folder.Closed(name, troubleOf(it)) })

    companion object {
        /** A phone's first folder; the next ones count on. */
        const val FIRST = "1"
    }
}
