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
class Folders(private val host: Host, private val scope: CoroutineScope, private val io: CoroutineDispatcher) {
    private val shown = MutableStateFlow<List<Folder>>(emptyList())
    private val turn = Mutex()

    /** As they stand, the oldest first. */
    val all: StateFlow<List<Folder>> = shown.asStateFlow()

    /** Opens those that are not open; on a new phone the first. */
    suspend fun open() =
        turn.withLock {
            val open = shown.value.filterIsInstance<Folder.Open>().associateBy { it.name }
            val names = withContext(io) { host.folders() }.ifEmpty { listOf(FIRST) }
            shown.value = names.map { open[it] ?: opened(it) }
        }

    /** One for somebody who is new here. */
    suspend fun vacant(): Folder =
        turn.withLock {
            shown.value.firstOrNull { it is Folder.Open && !it.enrolled }
                ?: opened(unused()).also { shown.value += it }
        }

    /** Tries at once, for everybody. */
    fun sendNow() = shown.value.filterIsInstance<Folder.Open>().filter { it.enrolled }.forEach { it.sending.sendNow() }

    private fun unused(): String {
        val used = shown.value.map { it.name }
        return generateSequence(1) { it + 1 }.map(Int::toString).first { it !in used }
    }

    private suspend fun opened(name: String): Folder =
        io.call {
            val core = host.open(name)
            core to runCatching { core.enrolment() != null }.onFailure { core.close() }.getOrThrow()
        }
            .fold({ (core, enrolled) -> Folder.Open(name, core, enrolled, host, scope, io) }, { Folder.Closed(name, troubleOf(it)) })

    companion object {
        /** A phone's first folder; the next ones count on. */
        const val FIRST = "1"
    }
}
