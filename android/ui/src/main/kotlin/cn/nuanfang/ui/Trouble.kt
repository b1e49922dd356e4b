package cn.nuanfang.ui

import cn.nuanfang.core.FieldException
import cn.nuanfang.core.Words
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.withContext

/** Why something was not done, as the worker is told. Nothing is lost by any of them. */
sealed interface Trouble {
    /** The core refused: its words say what happened and what to do. */
    data class Refused(val words: Words, val code: String) : Trouble

    /** Nobody foresaw it. */
    data class Unexpected(val detail: String) : Trouble
}

/** What an exception of a call to the core means. */
fun troubleOf(error: Throwable): Trouble =
    when (error) {
        is FieldException.Refused ->
            Trouble.Refused(Words(error.zh, error.en), listOf(error.code, error.clause).filter(String::isNotEmpty).joinToString(" "))
        else -> Trouble.Unexpected(error.message ?: error.javaClass.simpleName)
    }

/** Calls the core away from the thread that draws. */
internal suspend fun <T> CoroutineDispatcher.call(core: () -> T): Result<T> = withContext(this) { runCatching(core) }
