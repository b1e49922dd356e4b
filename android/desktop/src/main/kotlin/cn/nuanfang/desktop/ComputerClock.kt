package cn.nuanfang.desktop

import cn.nuanfang.core.PlatformClock
import java.util.UUID

/** The computer's clocks. The monotonic one stands still while it sleeps, so that each start counts as a boot. */
object ComputerClock : PlatformClock {
    private val boot: String = UUID.randomUUID().toString()

    override fun wallMs(): Long = System.currentTimeMillis()

    override fun monoMs(): ULong = (System.nanoTime() / 1_000_000).toULong()

    override fun boot(): String = boot
}
