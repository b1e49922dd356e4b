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
        host: Host,
        private val scope: CoroutineScope,
        private val io: CoroutineDispatcher,
    ) : Folder {
        /** Somebody is or was enrolled in it. */
        var enrolled by mutableStateOf(enrolled)
            private set

        /** Its exchange and its records. */
        val sending = SendingPresenter(core, host, scope, io)

        /** Enrols its worker. */
        val enrolment = EnrolmentPresenter(core, host, scope, io) {
            this.enrolled = true
            sending.start()
        }

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
