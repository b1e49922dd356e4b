package cn.nuanfang.desktop

import cn.nuanfang.core.FieldApp
import cn.nuanfang.core.FieldConfig
import cn.nuanfang.ui.Folders
import cn.nuanfang.ui.Host
import java.awt.Toolkit
import java.awt.datatransfer.DataFlavor
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.channels.FileLock
import java.time.ZoneId

/** A computer in the phone's place: records, keys and rescue files lie in [phone], those of further workers in folders of it. */
class ComputerHost(private val phone: File) : Host {
    override val zone: ZoneId = ZoneId.of(ZONE)

    override val phoneName: String = "desktop"

    override fun now(): Long = ComputerClock.wallMs()

    override fun clipboard(): String? =
        runCatching { Toolkit.getDefaultToolkit().systemClipboard.getData(DataFlavor.stringFlavor) as? String }.getOrNull()

    override fun folders(): List<String> {
        if (!phone.exists()) return emptyList()
        val beside = phone.list() ?: throw IOException("can't list $phone")
        val further = beside.filter(::isFurther).sortedBy(String::toInt)
        return (listOf(Folders.FIRST) + further).filter { File(place(it), RECORDS).isDirectory }
    }

    override fun open(folder: String): FieldApp {
        val place = place(folder)
        val keys = SoftwareKey.open(File(place, "keys"))
        val config =
            FieldConfig(
                dir = File(place, RECORDS).apply { mkdirs() }.path,
                key = keys.databaseKey,
                tz = ZONE,
                appVersion = "0.1.0-desktop",
                rootPem = null,
            )
        return FieldApp(config, keys, ComputerClock)
    }

    override fun rescuePlace(folder: String): String =
        File(File(place(folder), "rescue").apply { mkdirs() }, "nuanfang.rescue").absolutePath

    /** Keeps other windows away from the folder, as long as this one runs. False when another one has it. */
    fun claim(): Boolean {
        phone.mkdirs()
        claimed = RandomAccessFile(File(phone, "lock"), "rw").channel.tryLock()
        return claimed != null
    }

    private var claimed: FileLock? = null

    // "02" is none: it would be the second one's folder under another name.
    private fun isFurther(name: String) = name.toIntOrNull()?.let { it > Folders.FIRST.toInt() && it.toString() == name } == true

    private fun place(folder: String) = if (folder == Folders.FIRST) phone else File(phone, folder)

    private companion object {
        const val ZONE = "Asia/Shanghai"
        const val RECORDS = "records"
    }
}
