package cn.nuanfang.ui

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.getAndUpdate
import kotlinx.coroutines.flow.update

/** A screen that can be shown; most are of one worker's [Folder], by its name. */
sealed interface Screen {
    /** 本机人员. */
    data object Workers : Screen

    /** 登记本机. */
    data class Enrolment(val folder: String) : Screen

    /** 发送. */
    data class Sending(val folder: String) : Screen

    /** One record, by its local order. */
    data class Record(val folder: String, val n: ULong) : Screen

    /** 导出求助文件. */
    data class Rescue(val folder: String) : Screen
}

/** Which screens lie on each other; the last one is seen. Never empty. */
class Navigator(start: Screen) {
    private val stack = MutableStateFlow(listOf(start))

    /** The screens from the first to the one that is seen. */
    val screens: StateFlow<List<Screen>> = stack.asStateFlow()

    /** Shows a screen: on top, or, where it lies there already, by taking away what lies on it. */
    fun go(screen: Screen) = stack.update { it.takeWhile { below -> below != screen } + screen }

    /** Takes the top one away. False when there is none below. */
    fun back(): Boolean = stack.getAndUpdate { if (it.size > 1) it.dropLast(1) else it }.size > 1

    /** Begins anew with one screen. */
    fun restart(screen: Screen) {
        stack.value = listOf(screen)
    }
}
