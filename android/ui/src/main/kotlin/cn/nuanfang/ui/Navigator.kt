package cn.nuanfang.ui

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.getAndUpdate
import kotlinx.coroutines.flow.update

/** A screen that can be shown. */
sealed interface Screen {
    /** 登记本机. */
    data object Enrolment : Screen

    /** 发送. */
    data object Sending : Screen

    /** One record, by its local order. */
    data class Record(val n: ULong) : Screen

    /** 导出求助文件. */
    data object Rescue : Screen
}

/** Which screens lie on each other; the last one is seen. Never empty. */
class Navigator(start: Screen) {
    private val stack = MutableStateFlow(listOf(start))

    /** The screens from the first to the one that is seen. */
    val screens: StateFlow<List<Screen>> = stack.asStateFlow()

    /** Puts a screen on top, once. */
    fun go(screen: Screen) = stack.update { if (it.last() == screen) it else it + screen }

    /** Takes the top one away. False when there is none below. */
    fun back(): Boolean = stack.getAndUpdate { if (it.size > 1) it.dropLast(1) else it }.size > 1

    /** Begins anew with one screen. */
    fun restart(screen: Screen) {
        stack.value = listOf(screen)
    }
}
