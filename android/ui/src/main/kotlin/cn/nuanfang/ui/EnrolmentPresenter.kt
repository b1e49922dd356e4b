package cn.nuanfang.ui

import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import cn.nuanfang.core.EnrolmentView
import cn.nuanfang.core.FieldAppInterface
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** The enrolment as its screen shows it. */
data class EnrolmentState(
    /** Who was enrolled here before, whether or not that still holds. */
    val former: EnrolmentView? = null,
    /** The server is being asked. */
    val enrolling: Boolean = false,
    /** Why it did not come about. */
    val trouble: Trouble? = null,
)

/**
 * Enrols a worker on this phone, for the first time or anew. What is [offered], by who was enrolled before, stands as the
 * invitation until something is typed. [enrolled] is called once it has, with the invitation that was used.
 */
class EnrolmentPresenter(
    private val core: FieldAppInterface,
    private val host: Host,
    private val scope: CoroutineScope,
    private val io: CoroutineDispatcher,
    private val offered: (EnrolmentView?) -> String,
    private val enrolled: (String) -> Unit,
) {
    private val shown = MutableStateFlow(EnrolmentState())

    /** What is shown. */
    val state: StateFlow<EnrolmentState> = shown.asStateFlow()

    // Snapshot state: a text field whose value comes back through a flow loses letters typed fast.

    private var typed by mutableStateOf<String?>(null)

    /** The invitation, as far as it is typed, or the one that is offered. */
    var invitation: String
        get() = typed ?: offered(shown.value.former)
        set(value) {
            typed = value
        }

    /** The phone's name, as far as it is typed. */
    var phoneName by mutableStateOf(host.phoneName)

    /** Reads who was enrolled here before. */
    fun look() {
        scope.launch {
            io.call { core.enrolment() }.onSuccess { known -> shown.update { it.copy(former = known) } }
        }
    }

    /** Takes the invitation from the clipboard. */
    fun paste() {
        host.clipboard()?.trim()?.takeIf(String::isNotEmpty)?.let { invitation = it }
    }

    /** Asks the server, and goes on with [then] once it has enrolled. A second tap while it is asked changes nothing: a code works once. */
    fun enrol(then: () -> Unit) {
        val before = shown.value
        if (before.enrolling || !shown.compareAndSet(before, before.copy(enrolling = true, trouble = null))) return
        val (text, name) = invitation to phoneName.trim()
        scope.launch {
            val done = io.call { core.enrol(text, name) }
            shown.update { it.copy(enrolling = false, trouble = done.exceptionOrNull()?.let(::troubleOf)) }
            if (done.isSuccess) {
                enrolled(text)
                typed = null
                then()
            }
        }
    }
}
