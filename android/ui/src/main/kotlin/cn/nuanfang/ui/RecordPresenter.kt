package cn.nuanfang.ui

import cn.nuanfang.core.FieldAppInterface
import cn.nuanfang.core.FieldVisit
import cn.nuanfang.core.RecordStatus
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

/** One record as its screen shows it. */
data class RecordDetail(
    /** The record; none until it was read. */
    val record: RecordStatus? = null,
    /** Its visit, as far as this phone still holds it. */
    val visit: FieldVisit? = null,
    /** Why it could not be read, or its visit. */
    val trouble: Trouble? = null,
)

/** One record in full, and the visit it belongs to. */
class RecordPresenter(
    private val core: FieldAppInterface,
    private val n: ULong,
    private val scope: CoroutineScope,
    private val io: CoroutineDispatcher,
) {
    private val shown = MutableStateFlow(RecordDetail())

    /** What is shown. */
    val state: StateFlow<RecordDetail> = shown.asStateFlow()

    /** Reads on, as long as the screen is seen, until the returned job is cancelled. */
    fun watch(): Job =
        scope.launch {
            while (isActive) {
                look()
                delay(LOOK_EVERY_MS)
            }
        }

    private suspend fun look() {
        io.call { core.records(n + 1uL, 1u).firstOrNull { it.n == n } }
            .onSuccess { found ->
                // What its visit met stands until the visit is read.
                shown.update { it.copy(record = found ?: it.record, trouble = it.trouble.takeIf { _ -> it.visit == null }) }
            }
            .onFailure { error -> shown.update { it.copy(trouble = troubleOf(error)) } }
        val visit = shown.value.record?.visit?.takeIf { shown.value.visit == null } ?: return
        io.call { core.visit(visit) }
            .onSuccess { found -> shown.update { it.copy(visit = found, trouble = null) } }
            .onFailure { error -> shown.update { it.copy(trouble = troubleOf(error)) } }
    }

    private companion object {
        const val LOOK_EVERY_MS = 1000L
    }
}
