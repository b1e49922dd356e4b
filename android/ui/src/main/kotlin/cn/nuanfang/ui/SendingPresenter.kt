package cn.nuanfang.ui

import cn.nuanfang.core.EnrolmentView
import cn.nuanfang.core.FieldAppInterface
import cn.nuanfang.core.RecordStatus
import cn.nuanfang.core.SyncStatus
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** The exchange and the records as the screen shows them. */
data class SendingState(
    /** Who is enrolled here. */
    val enrolment: EnrolmentView? = null,
    /** How the exchange stands; none until it was read. */
    val status: SyncStatus? = null,
    /** Records, newest first, as far as they are read. */
    val records: List<RecordStatus> = emptyList(),
    /** There may be older ones. */
    val more: Boolean = false,
    /** When the worker last asked for a try, UTC milliseconds. */
    val tapped: Long? = null,
    /** Why the core could not be read; it is read again. */
    val unread: Trouble? = null,
    /** Why it could not be asked to send; stands until the next tap. */
    val unasked: Trouble? = null,
)

/** Says of each record how far it has come, and lets the worker try at once. */
class SendingPresenter(
    private val core: FieldAppInterface,
    private val host: Host,
    private val scope: CoroutineScope,
    private val io: CoroutineDispatcher,
) {
    private val shown = MutableStateFlow(SendingState())
    private val turn = Mutex()

    /** What is shown. */
    val state: StateFlow<SendingState> = shown.asStateFlow()

    /** Starts the exchange in the background; it goes on whatever is shown. */
    fun start() {
        scope.launch { ask { core.startSync() } }
    }

    /** Tries at once, whatever the last try said: there is no state in which this does nothing. */
    fun sendNow() {
        shown.update { it.copy(tapped = host.now(), unasked = null) }
        scope.launch {
            // A start that had failed for want of a thread is made up for; where it is started it changes nothing.
            ask { core.syncNow().also { core.startSync() } }
            look()
        }
    }

    /** Reads on, as long as the screen is seen, until the returned job is cancelled. */
    fun watch(): Job =
        scope.launch {
            while (isActive) {
                look()
                delay(LOOK_EVERY_MS)
            }
        }

    /** Reads the next page of older records. */
    fun more() {
        scope.launch {
            turn.withLock {
                val last = shown.value.records.lastOrNull() ?: return@withLock
                io.call { core.records(last.n, PAGE) }
                    .onSuccess { page -> shown.update { it.copy(records = it.records + page, more = page.size.toUInt() == PAGE) } }
                    .onFailure { error -> shown.update { it.copy(unread = troubleOf(error)) } }
            }
        }
    }

    private suspend fun look() =
        turn.withLock {
            val before = shown.value
            val limit = maxOf(PAGE, before.records.size.toUInt())
            io.call {
                val status = core.status()
                // The records are read again only when something has moved: there may be hundreds on the screen.
                if (before.enrolment != null && status.copy(nextTryInMs = null) == before.status?.copy(nextTryInMs = null)) {
                    before.copy(status = status)
                } else {
                    val records = core.records(null, limit)
                    before.copy(enrolment = core.enrolment(), status = status, records = records, more = records.size.toUInt() == limit)
                }
            }
                .onSuccess { read ->
                    shown.update {
                        it.copy(
                            enrolment = read.enrolment,
                            status = read.status,
                            records = read.records,
                            more = read.more,
                            unread = null,
                        )
                    }
                }
                .onFailure { error -> shown.update { it.copy(unread = troubleOf(error)) } }
        }

    private suspend fun ask(core: () -> Unit) {
        io.call(core).onFailure { error -> shown.update { it.copy(unasked = troubleOf(error)) } }
    }

    private companion object {
        val PAGE = 30u
        const val LOOK_EVERY_MS = 1000L
    }
}
