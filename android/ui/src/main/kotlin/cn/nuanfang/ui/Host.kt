package cn.nuanfang.ui

import cn.nuanfang.core.FieldApp
import java.time.ZoneId

/** What the machine under the screens gives them: a phone, or a window on a computer. */
interface Host {
    /** Where times are read. */
    val zone: ZoneId

    /** The name proposed for this phone. */
    val phoneName: String

    /** The clock that records are stamped with, UTC milliseconds. */
    fun now(): Long

    /** What the clipboard holds: there a scanner or a message has put the invitation. */
    fun clipboard(): String?

    /**
     * The names of the folders that are on this phone, the oldest first; none on a new one. Throws where they can't be read: no
     * phone in use is taken for a new one. Called away from the thread that draws.
     */
    fun folders(): List<String>

    /** Opens a folder with keys of its own, or makes it. Called away from the thread that draws. */
    fun open(folder: String): FieldApp

    /**
     * Where the rescue file of a folder is to lie. The same place each time: a newer file takes the older one's, unless it
     * lacks something; then the core leaves the older one beside it, under another name. Called away from the thread that
     * draws.
     */
    fun rescuePlace(folder: String): String
}
