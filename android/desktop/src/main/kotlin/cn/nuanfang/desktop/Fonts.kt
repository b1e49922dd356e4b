package cn.nuanfang.desktop

import androidx.compose.ui.text.ExperimentalTextApi
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.text.platform.SystemFont
import org.jetbrains.skia.FontMgr

/** A font of this computer with the Chinese shapes of the signs; left to choose, it takes the Japanese ones. */
@OptIn(ExperimentalTextApi::class)
fun chineseFont(): FontFamily {
    val name = listOf("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei").firstOrNull(::isHere)
        ?: return FontFamily.Default
    return FontFamily(SystemFont(name, FontWeight.Normal), SystemFont(name, FontWeight.Bold))
}

private fun isHere(name: String): Boolean = FontMgr.default.matchFamily(name).count() > 0
