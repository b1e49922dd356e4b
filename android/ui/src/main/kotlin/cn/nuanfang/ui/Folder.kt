package cn.nuanfang.ui

import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import cn.nuanfang.core.FieldAppInterface
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope

/** What one worker has on this phone: his records, his keys, his exchange, apart from everybody else's. */
sealed interface Folder {
    /** Its name among the host's folders. */
    val name: String

    /** It is open: what the screens work on. */
    class Open(
        override val name: String,
        private val core: FieldAppInterface,
        enrolled: Boolean,
        start: StartInvitation,
        alone: () -> Boolean,
        host: Host,
        private val scope: CoroutineScope,
        private val io: CoroutineDispatcher,
    ) : Folder {
        /** Somebody is or was enrolled in it. */
        var enrolled by mutableStateOf(enrolled)
            private set

        /** Its exchange and its records. */
        val sending = SendingPresenter(core, host, scope, io)

        /** Where the list of its records was left, to be found again in a window made anew too. */
        var place = ListPlace()

        /**
         * Enrols its worker. The invitation of the app's start is offered where nobody is enrolled yet, and to whoever looks for
         * his company's server: the core takes it from him only if it leads elsewhere. Where an enrolment no longer holds, or the
         * phone is others' too, it may be a colleague's, whose code would be spent.
         */
        val enrolment =
            EnrolmentPresenter(
                core,
                host,
                scope,
                io,
                offered = { former -> if (!this.enrolled || (former?.needsEnrolment == false && alone())) start.text else "" },
                enrolled = { used ->
                    start.used(used)
                    this.enrolled = true
                    sending.start()
                },
            )

        /** Writes its rescue file. */
        val rescue = RescuePresenter(core, { host.rescuePlace(name) }, host, scope, io)

        init {
            if (enrolled) sending.start()
        }

        /** One of its records, by its local order. */
        fun record(n: ULong) = RecordPresenter(core, n, scope, io)
    }

    /** It does not open, and why. The others go on. */
    data class Closed(override val name: String, val trouble: Trouble) : Folder
}
