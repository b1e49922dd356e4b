package cn.nuanfang.desktop

import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** A computer in the phone's place. */
class ComputerTest {
    @Test
    fun `the keys are made once, for their owner alone, and open the same records again`(@TempDir folder: File) {
        val keys = File(folder, "keys")
        val made = SoftwareKey.open(keys)
        val again = SoftwareKey.open(keys)
        assertContentEquals(made.publicKey(), again.publicKey())
        assertContentEquals(made.databaseKey, again.databaseKey)
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(File(keys, "keys").toPath())))
        val host = ComputerHost(folder)
        host.open("1").use { assertNull(it.enrolment()) }
        host.open("1").use { assertNull(it.enrolment()) }
        assertTrue(host.rescuePlace("1").startsWith(folder.absolutePath))
    }

    @Test
    fun `each worker has a folder and keys of his own, found again by their names`(@TempDir folder: File) {
        val host = ComputerHost(folder)
        assertEquals(emptyList(), host.folders())
        for (name in listOf("10", "1", "2")) host.open(name).use { assertNull(it.enrolment()) }
        assertEquals(listOf("1", "2", "10"), host.folders())
        val keys = listOf(folder, File(folder, "2"), File(folder, "10")).map { SoftwareKey.open(File(it, "keys")).databaseKey.toList() }
        assertEquals(3, keys.distinct().size)
        assertEquals(3, host.folders().map(host::rescuePlace).distinct().size)
    }

    @Test
    fun `what else lies beside the folders is none of them`(@TempDir folder: File) {
        val host = ComputerHost(folder)
        for (name in listOf("1", "2")) host.open(name).use { assertNull(it.enrolment()) }
        for (other in listOf("0", "1", "02", "+2", "+3", "-4", "５", "notes")) assertTrue(File(folder, "$other/records").mkdirs())
        assertTrue(File(folder, "6").createNewFile())
        assertEquals(listOf("1", "2"), host.folders())
    }

    @Test
    fun `a phone that can't be read is not taken for a new one`(@TempDir folder: File) {
        val phone = File(folder, "phone")
        assertEquals(emptyList(), ComputerHost(phone).folders())
        assertTrue(phone.createNewFile())
        assertFailsWith<IOException> { ComputerHost(phone).folders() }
    }

    @Test
    fun `words that make no sense are told from those that do`() {
        val all = Arguments.of(arrayOf("--data", "phone", "--invitation", "http://127.0.0.1:8080 AB", "--language", "en", "--font-scale", "1.3"))
        assertEquals(Arguments(File("phone"), "http://127.0.0.1:8080 AB", "en", 1.3f), all)
        for (wrong in listOf("", "--data", "--language zh", "--data phone --language fr", "--data phone --font-scale big", "--data phone --colour red")) {
            assertNull(Arguments.of(wrong.split(' ').toTypedArray()), wrong)
        }
    }
}
