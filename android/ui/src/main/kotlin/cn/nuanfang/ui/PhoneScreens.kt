package cn.nuanfang.ui

import androidx.compose.foundation.lazy.LazyListState
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.DisposableEffect
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.remember
import androidx.compose.ui.text.font.FontFamily
import kotlinx.coroutines.Job

/** All screens of the phone over one session: what a window or an activity shows. */
@Composable
fun PhoneScreens(session: Session, font: FontFamily, texts: Texts) {
    NuanfangTheme(font, texts) {
        val opened by session.opened.collectAsState()
        when (val now = opened) {
            Opened.Opening -> Opening(null) {}
            is Opened.Failed -> Opening(now.trouble, session::tryAgain)
            is Opened.Open -> Screens(now, session)
        }
    }
}

@Composable
private fun Screens(open: Opened.Open, session: Session) {
    val stack by open.navigator.screens.collectAsState()
    val folders by open.folders.all.collectAsState()
    val back: () -> Unit = { open.navigator.back() }
    fun folder(name: String) = folders.first { it.name == name } as Folder.Open
    when (val screen = stack.last()) {
        Screen.Workers ->
            WorkersScreen(
                folders,
                { open.navigator.go(Screen.Sending(it.name)) },
                open.folders::sendNow,
                session::addWorker,
                session::tryAgain,
                back.takeIf { stack.size > 1 },
            )
        is Screen.Enrolment -> {
            val folder = folder(screen.folder)
            val presenter = folder.enrolment
            val state by presenter.state.collectAsState()
            DisposableEffect(presenter) {
                presenter.look()
                onDispose {}
            }
            EnrolmentScreen(
                state,
                presenter.invitation,
                { presenter.invitation = it },
                presenter.phoneName,
                { presenter.phoneName = it },
                presenter::paste,
                { presenter.enrol { open.navigator.restart(Screen.Sending(folder.name)) } },
                back.takeIf { stack.size > 1 },
            )
        }
        is Screen.Sending -> {
            val folder = folder(screen.folder)
            val presenter = folder.sending
            val state by presenter.state.collectAsState()
            Watching(presenter, presenter::watch)
            val list = remember(folder) { LazyListState(folder.place.index, folder.place.offset) }
            DisposableEffect(list) {
                onDispose { folder.place = ListPlace(list.firstVisibleItemIndex, list.firstVisibleItemScrollOffset) }
            }
            SendingScreen(
                state,
                session.host.zone,
                presenter::sendNow,
                presenter::more,
                { open.navigator.go(Screen.Record(screen.folder, it.n)) },
                { open.navigator.go(Screen.Rescue(screen.folder)) },
                { open.navigator.go(Screen.Enrolment(screen.folder)) },
                { open.navigator.go(Screen.Workers) },
                list,
            )
        }
        is Screen.Record -> {
            val folder = folder(screen.folder)
            val presenter = remember(screen) { folder.record(screen.n) }
            val state by presenter.state.collectAsState()
            Watching(presenter, presenter::watch)
            RecordScreen(state, session.host.zone, folder.sending::sendNow, back)
        }
        is Screen.Rescue -> {
            val rescue = folder(screen.folder).rescue
            val state by rescue.state.collectAsState()
            RescueScreen(state, session.host.zone, rescue::write, back)
        }
    }
}

/** Lets a presenter read on for as long as its screen is seen. */
@Composable
internal fun Watching(presenter: Any, watch: () -> Job) =
    DisposableEffect(presenter) {
        val job = watch()
        onDispose { job.cancel() }
    }

@Composable
private fun Opening(trouble: Trouble?, onTryAgain: () -> Unit) {
    val texts = LocalTexts.current
    Page(texts.product, bottom = { if (trouble != null) MainButton(texts.tryAgain, onTryAgain) }) {
        if (trouble == null) Text(texts.opening, style = MaterialTheme.typography.bodyLarge)
        if (trouble != null) TroubleCard(texts.openFailed, trouble)
    }
}
