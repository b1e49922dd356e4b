package cn.nuanfang.desktop

import cn.nuanfang.core.FieldApp
import cn.nuanfang.core.FieldConfig
import cn.nuanfang.ui.Host
import java.awt.Toolkit
import java.awt.datatransfer.DataFlavor
import java.io.File
import java.io.RandomAccessFile
import java.nio.channels.FileLock
import java.time.ZoneId

/** A computer in the phone's place: its records, keys and rescue file lie in [folder]. */
class ComputerHost(private val folder: File) : Host {
    override val zone: ZoneId = ZoneId.of(ZONE)

    override val phoneName: String = "desktop"

    override fun now(): Long = ComputerClock.wallMs()

    override fun clipboard(): String? =
        runCatching { Toolkit.getDefaultToolkit().systemClipboard.getData(DataFlavor.stringFlavor) as? String }.getOrNull()

    override fun rescuePlace(): String = File(File(folder, "rescue").apply { mkdirs() }, "nuanfang.rescue").absolutePath

    /** Keeps other windows away from the folder, as long as this one runs. False when another one has it. */
    fun claim(): Boolean {
        folder.mkdirs()
        claimed = RandomAccessFile(File(folder, "lock"), "rw").channel.tryLock()
        return claimed != null
    }

    private var claimed: FileLock? = null

    /** Opens the records, or makes them. */
    fun open(): FieldApp {
        val keys = SoftwareKey.open(File(folder, "keys"))
        val config =
            FieldConfig(
                dir = File(folder, "records").apply { mkdirs() }.path,
                key = keys.databaseKey,
                tz = ZONE,
                appVersion = "0.1.0-desktop",
                rootPem = null,
            )
        return FieldApp(config, keys, ComputerClock)
    }

    private companion object {
        const val ZONE = "Asia/Shanghai"
    }
}
