package cn.nuanfang.desktop

import cn.nuanfang.ui.Folder
import cn.nuanfang.ui.Folders
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The folders of those who share a phone, as they lie on a computer. */
class FoldersTest {
    private fun foldersIn(phone: File) = Folders(ComputerHost(phone), CoroutineScope(SupervisorJob() + Dispatchers.Default), Dispatchers.IO)

    private fun Folders.names() = all.value.map { it.name }

    @Test
    fun `an open folder stays, though it is not listed any more`(@TempDir phone: File) = runBlocking<Unit> {
        for (name in listOf("1", "2")) ComputerHost(phone).open(name).use { assertNull(it.enrolment()) }
        val folders = foldersIn(phone)
        folders.open()
        val opened = folders.all.value
        assertEquals(listOf("1", "2"), folders.names())
        assertTrue(opened.all { it is Folder.Open })
        assertTrue(File(phone, "2").renameTo(File(phone, "elsewhere")))
        folders.open()
        assertEquals(opened, folders.all.value)
    }

    @Test
    fun `a place for one more that does not open is tried again, and another's closed folder keeps nobody out`(@TempDir phone: File) = runBlocking<Unit> {
        // Neither place can be made while a file lies in it.
        val (first, second) = File(phone, "keys") to File(phone, "2")
        for (file in listOf(first, second)) assertTrue(file.createNewFile())
        val folders = foldersIn(phone)
        folders.open()
        assertIs<Folder.Closed>(folders.all.value.single())
        repeat(3) {
            assertIs<Folder.Closed>(folders.vacant())
            assertEquals(listOf("1", "2"), folders.names())
        }
        assertTrue(second.delete())
        assertEquals("2", assertIs<Folder.Open>(folders.vacant()).name)
        assertEquals(listOf("1", "2"), folders.names())
        assertIs<Folder.Closed>(folders.all.value.first())
    }
}
