package cn.nuanfang.ui

import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue

/** The invitation that came with the app's start. Its code works once, for one of those who share the phone. */
class StartInvitation(text: String) {
    /** What it says; nothing once somebody was enrolled with it. */
    var text by mutableStateOf(text.trim())
        private set

    /** Somebody was enrolled with [invitation], which may have been this one. */
    fun used(invitation: String) {
        if (invitation.trim() == text) text = ""
    }
}
