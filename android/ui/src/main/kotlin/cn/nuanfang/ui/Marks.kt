package cn.nuanfang.ui

import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.PathFillType
import androidx.compose.ui.graphics.SolidColor
import androidx.compose.ui.graphics.vector.ImageVector
import androidx.compose.ui.graphics.vector.addPathNodes
import androidx.compose.ui.unit.dp
import cn.nuanfang.core.RecordState

/** The shapes beside the words; each is told from the others without its colour. */
object Marks {
    /** A phone: it is here. */
    val saved = mark("saved", "M7,1h10a2,2 0 0 1 2,2v18a2,2 0 0 1 -2,2h-10a2,2 0 0 1 -2,-2v-18a2,2 0 0 1 2,-2z M7.5,4.5v13h9v-13z M11,19.3v1.7h2v-1.7z")

    /** An arrow upwards: it has left for the server and arrived. */
    val sent = mark("sent", "M12,1a11,11 0 1 0 0,22a11,11 0 1 0 0,-22z M12,5.2l6,6.2h-4.2v7h-3.6v-7h-4.2z")

    /** A shield: it survives the loss of the server. */
    val safe = mark("safe", "M12,1l9.5,3.8v6.4c0,5.8 -4,10.4 -9.5,11.8c-5.5,-1.4 -9.5,-6 -9.5,-11.8v-6.4z M10.7,17.3l7,-7l-2,-2l-5,5l-2.5,-2.5l-2,2z")

    /** A clock: it waits for its time. */
    val clock = mark("clock", "M12,1a11,11 0 1 0 0,22a11,11 0 1 0 0,-22z M10.8,5.5v7.3l5.2,3.1l1.2,-2l-4,-2.4v-6z")

    /** Two arrows in a round: under way. */
    val round = mark("round", "M12,3.5v-3l-4.5,4.3l4.5,4.3v-3a6,6 0 0 1 5.1,9.1l1.9,1.8a8.6,8.6 0 0 0 -7,-13.5z M12,18a6,6 0 0 1 -5.1,-9.1l-1.9,-1.8a8.6,8.6 0 0 0 7,13.5v3l4.5,-4.3l-4.5,-4.3z")

    /** A triangle: somebody has to act. */
    val alarm = mark("alarm", "M12,1.5l11.5,20.5h-23z M10.8,8.5v7h2.4v-7z M10.8,17.2v2.4h2.4v-2.4z")

    /** Everything done. */
    val done = mark("done", "M12,1a11,11 0 1 0 0,22a11,11 0 1 0 0,-22z M10.3,17.5l8,-8l-2,-2l-6,6l-2.8,-2.8l-2,2z")

    /** Back. */
    val back = mark("back", "M20.5,10.6h-12.2l5.5,-5.5l-2,-2l-8.9,8.9l8.9,8.9l2,-2l-5.5,-5.5h12.2z")

    /** Into a closed box. */
    val box = mark("box", "M10.8,1.5h2.4v8h3.6l-4.8,5l-4.8,-5h3.6z M2.5,13h2.6v6.4h13.8v-6.4h2.6v9h-19z")

    /** The shape of a record's state. */
    fun of(state: RecordState) =
        when (state) {
            RecordState.SAVED -> saved
            RecordState.SENT -> sent
            RecordState.SAFE -> safe
        }

    /** The colour of a record's state. */
    fun tone(state: RecordState) =
        when (state) {
            RecordState.SAVED -> Tones.saved
            RecordState.SENT -> Tones.sent
            RecordState.SAFE -> Tones.safe
        }

    private fun mark(name: String, path: String) =
        ImageVector.Builder(name, 24.dp, 24.dp, 24f, 24f)
            .addPath(addPathNodes(path), fill = SolidColor(Color.Black), pathFillType = PathFillType.EvenOdd)
            .build()
}
