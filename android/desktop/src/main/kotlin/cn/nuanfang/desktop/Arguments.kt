package cn.nuanfang.desktop

import java.io.File

/** How the window was called: `--data DIR [--invitation TEXT] [--language zh|en] [--font-scale 1.3]`. */
data class Arguments(val data: File, val invitation: String = "", val language: String = "zh", val fontScale: Float = 1f) {
    companion object {
        /** What to type. */
        const val USAGE = "--data DIR [--invitation TEXT | --invitation \"URL CODE\"] [--language zh|en] [--font-scale 1.3]"

        /** Reads them; null when they make no sense. */
        fun of(words: Array<String>): Arguments? {
            if (words.size % 2 != 0) return null
            val given = words.toList().chunked(2).associate { (name, value) -> name to value }
            if (!setOf("--data", "--invitation", "--language", "--font-scale").containsAll(given.keys)) return null
            return Arguments(
                data = File(given["--data"] ?: return null),
                invitation = given["--invitation"].orEmpty(),
                language = (given["--language"] ?: "zh").takeIf { it in setOf("zh", "en") } ?: return null,
                fontScale = (given["--font-scale"] ?: "1").toFloatOrNull()?.takeIf { it in 0.8f..2f } ?: return null,
            )
        }
    }
}
