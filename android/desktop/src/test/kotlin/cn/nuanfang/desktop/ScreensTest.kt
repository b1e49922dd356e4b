package cn.nuanfang.desktop

import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.SkikoComposeUiTest
import androidx.compose.ui.test.assertIsDisplayed
import androidx.compose.ui.test.assertIsEnabled
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onLast
import androidx.compose.ui.test.onNodeWithContentDescription
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollToIndex
import androidx.compose.ui.test.performScrollToNode
import cn.nuanfang.core.Command
import cn.nuanfang.core.ProblemDescribed
import cn.nuanfang.core.RecordState
import cn.nuanfang.core.SyncState
import cn.nuanfang.core.VisitKind
import cn.nuanfang.field.Office
import cn.nuanfang.field.goThere
import cn.nuanfang.field.satisfied
import cn.nuanfang.ui.Chinese
import cn.nuanfang.ui.Folder
import java.io.File
import java.net.ServerSocket
import java.net.URI
import java.util.concurrent.TimeUnit
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir

/** The screens in a worker's hand, over the real core and a live server with its backup. */
@OptIn(ExperimentalTestApi::class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ScreensTest {
    private lateinit var office: Office

    @BeforeAll
    fun open() {
        office = Office.start("主管", "127.0.0.1:${steadyPort()}")
    }

    @AfterAll
    fun close() = office.close()

    private fun handset(folder: File) = Handset(folder, office.get("/v1/time")["now_ms"].asLong())

    private fun Handset.enrolled(worker: String) {
        hold {
            says(Chinese.enrolHow)
            enrol(office.enrolment(worker))
            says("全部已发送")
        }
        val device = office.get("/api/devices").filter { it["worker"]["id"].asText() == worker }.maxBy { it["enrolled_ms"].asLong() }
        assertEquals("示例手机", device["name"].asText())
    }

    /** The office's word that the backup has all of this phone's records. */
    private fun SkikoComposeUiTest.backedUp(device: String, records: ULong) =
        waitUntil("the backup has it", PATIENCE) {
            val row = office.get("/api/devices").first { it["id"].asText() == device }
            row["safe_through"].asLong().toULong() >= records
        }

    @Test
    fun `each record says saved, sent or safe, through an hour without a server`(@TempDir folder: File) {
        val worker = office.worker("SL-006")
        val visit = office.plan(worker, "repair", "SL00000043", SCOPE)
        handset(folder).use { handset ->
            val phone = handset.phone
            handset.fits("enrolment") { says(it.enrolHow) }
            handset.enrolled(worker)
            handset.fits("empty") { lists(it.noRecords) }
            handset.hold {
                phone.goThere(visit)
                waitUntil("all of it is sent", PATIENCE) { phone.app.status().run { opsWaiting == 0uL && state == SyncState.IDLE } }
                // One exchange more, so that the backup has not seen all of it by then.
                phone.act(visit, satisfied("F7-1"))
                lists("已接单")
                lists("已发送")
                says("等待公司异地备份")
                backedUp(checkNotNull(phone.app.enrolment()).device, phone.app.status().head)
                tap("send-now")
                lists("已备份")
                says("已完成，无需操作")

                office.close()
                phone.act(visit, Command.DescribeProblem(ProblemDescribed("卧室散热器不热，接头渗水")))
                phone.act(visit, Command.ProtectFloor, phone.photo(visit, "photo.floor"))
                lists("已保存")
                lists("文件 0/1")
                onNodeWithTag("records").performScrollToNode(hasText(Chinese.promise))
                says("没有网络，或服务器没有应答")
                says("等待发送：记录")
                says("下次自动尝试")
                onNodeWithTag("send-now").assertIsEnabled()
                tap("send-now")
                says("已按您的要求马上尝试")
                says("没有网络，或服务器没有应答")
            }
            handset.fits("offline") { lists(it.promise) }

            handset.hold {
                lists("地面和墙面防护")
                tapWords("地面和墙面防护")
                says(Chinese.why)
                says("没有网络，或服务器没有应答")
                says("有网络时自动发送")
                says(checkNotNull(phone.app.visit(visit).household).address)
            }
            handset.fits("record") { says(it.visit); says(it.kind(VisitKind.REPAIR)) }

            handset.hold {
                tapBack()
                tapWords(Chinese.rescueShort)
                says(Chinese.rescueWhat)
                tap("write-rescue")
                says(Chinese.rescueDone)
                says(handset.rescue.path)
                says("记录 ${phone.app.status().head} 条，照片与签字 1 个")
                says(Chinese.rescueKept)
            }
            handset.fits("rescue") { says(it.rescueDone) }
            assertEquals(2uL, phone.app.status().opsWaiting, "the phone keeps what it wrote out")
            closedToOthers(handset.rescue, "卧室散热器不热")
            assertTrue("其中新收 2 条" in handedIn(handset.rescue))

            val address = URI(office.url)
            office = Office.start("主管", "${address.host}:${address.port}")
            handset.hold {
                tapBack()
                tap("send-now")
                says("没有等待发送的记录")
                backedUp(checkNotNull(phone.app.enrolment()).device, phone.app.status().head)
                tap("send-now")
                waitUntil("all is safe", PATIENCE) { phone.app.records(null, 100u).all { it.state == RecordState.SAFE } }
                lists("文件 1/1")
            }
            handset.fits("safe") { lists(it.promise) }
        }
    }

    @Test
    fun `a code that does not hold and a revoked phone are told in words, and nothing is lost`(@TempDir folder: File) {
        val worker = office.worker("SL-005")
        val visit = office.plan(worker, "measurement", "SL00000044")
        handset(folder).use { handset ->
            val phone = handset.phone
            handset.hold {
                says(Chinese.enrolHow)
                enrol("示例")
                says("这不是登记二维码")
                enrol("${office.url} WRONG-CODE")
                says("登记码无效、已用过或已过期")
                says(Chinese.nothingLost)
            }
            handset.fits("refused") { says(it.enrolFailed) }
            handset.hold { enrol(office.enrolment(worker)); says("全部已发送") }

            phone.goThere(visit)
            val household = checkNotNull(phone.app.visit(visit).household).id
            while (phone.app.status().head < 200uL) phone.app.unmask(household, "业主姓名", "示例：核对签字人")
            handset.hold {
                waitUntil("the last page is read", PATIENCE) {
                    val seen = sending(handset).records
                    if (seen.isNotEmpty()) onNodeWithTag("records").performScrollToIndex(seen.size)
                    seen.size == phone.app.records(null, 1000u).size
                }
                says("已接单")
                assertEquals(sending(handset).records.map { it.n }, sending(handset).records.map { it.n }.distinct().sortedDescending())
            }
            handset.fits("two-hundred") {
                onNodeWithTag("records").performScrollToIndex(sending(handset).records.size)
                says(it.of(phone.app.records(null, 1000u).last().label))
            }

            handset.hold {
                onNodeWithTag("records").performScrollToIndex(sending(handset).records.size)
                tapWords("已接单")
                says(Chinese.recordedAt)
            }
            // A window made anew, as when the phone is turned.
            handset.hold {
                says(Chinese.recordedAt)
                tapBack()
                onNodeWithText("已接单").assertIsDisplayed()
            }

            val device = checkNotNull(phone.app.enrolment()).device
            office.post("/api/devices/$device/revoke", mapOf("reason" to "stolen"))
            phone.act(visit, satisfied("F7-1"))
            handset.hold {
                lists(Chinese.promise)
                tap("send-now")
                says("本机已被公司停用")
                onNodeWithTag("send-now").assertIsEnabled()
            }
            handset.fits("stuck") { lists(it.promise) }
            handset.hold {
                tap("enrol-again")
                says("记录一条没丢")
            }
            handset.fits("again") { says(it.enrolAgainTitle) }
            handset.hold {
                enrol(office.enrolment(worker))
                says("没有等待发送的记录")
                assertFalse(checkNotNull(phone.app.enrolment()).needsEnrolment)
                assertTrue(phone.app.records(null, 1000u).none { it.state == RecordState.SAVED })
            }
        }
    }

    @Test
    fun `two share a phone, and what waits of both goes out whoever holds it`(@TempDir folder: File) {
        val (first, second) = office.worker("SL-005") to office.worker("SL-006")
        val visits =
            listOf(first to "SL00000045", second to "SL00000046").map { (worker, account) ->
                office.plan(worker, "measurement", account, hours = 30)
            }
        handset(folder).use { handset ->
            handset.enrolled(first)
            handset.hold {
                tap("workers")
                says(Chinese.workersHow)
                tap("add-worker")
                says(Chinese.enrolHow)
                tapBack()
                tap("add-worker")
                enrol(office.enrolment(second))
                says("没有等待发送的记录")
            }
            val phones = listOf(handset.phone, handset.phoneOf("2"))
            assertEquals(listOf(first, second), phones.map { checkNotNull(it.app.enrolment()).worker })
            assertEquals(2, handset.folders().size, "who went back left no folder behind")

            phones.forEach { it.app.stopSync() }
            phones.zip(visits) { phone, visit -> phone.app.syncOnce(); phone.act(visit, Command.Acknowledge) }
            assertTrue(phones.all { it.app.status().opsWaiting > 0uL })
            handset.hold {
                tap("workers")
                says("等待发送：记录")
            }
            handset.fits("workers") { says(it.workersHow); says(it.addWorker) }
            handset.hold {
                tap("send-all")
                waitUntil("both are sent", PATIENCE) { phones.all { it.app.status().opsWaiting == 0uL } }
                onAllNodesWithTag("worker").onLast().performClick()
                says(checkNotNull(phones[1].app.enrolment()).workerName)
                lists("已接单")
            }
            handset.fits("second") { says(checkNotNull(phones[1].app.enrolment()).workerName) }
        }
    }

    @Test
    fun `the invitation of the app's start is for who is new here, and gone once it was used`(@TempDir folder: File) {
        val (first, second) = office.worker("SL-005") to office.worker("SL-006")
        handset(folder).use { handset ->
            handset.enrolled(first)
            val device = checkNotNull(handset.phone.app.enrolment()).device
            office.post("/api/devices/$device/revoke", mapOf("reason" to "stolen"))
            val invitation = office.enrolment(second)
            handset.startAgain(invitation)
            handset.hold {
                says(Chinese.promise)
                tap("send-now")
                says("本机已被公司停用")
                tap("enrol-again")
                says("记录一条没丢")
                assertEquals("", typed("invitation"), "it is a colleague's")
                tapBack()

                tap("workers")
                says(Chinese.workersHow)
                tap("add-worker")
                says(Chinese.enrolHow)
                assertEquals(invitation, typed("invitation"))
                tap("enrol")
                says("全部已发送")
                assertEquals(second, checkNotNull(handset.phoneOf("2").app.enrolment()).worker)

                tap("workers")
                says(Chinese.workersHow)
                tap("add-worker")
                says(Chinese.enrolHow)
                assertEquals("", typed("invitation"), "it was used")
            }
        }
    }

    @Test
    fun `a phone that gets through to nobody enrols anew where its company's server is now`(@TempDir folder: File) {
        val worker = office.worker("SL-006")
        handset(folder).use { handset ->
            handset.enrolled(worker)
            office.close()
            handset.hold {
                says(Chinese.promise)
                tap("send-now")
                says("没有网络，或服务器没有应答")
                tap("enrol-elsewhere")
                says(Chinese.enrolElsewhereHow)
                assertEquals("", typed("invitation"))
            }
            handset.fits("elsewhere") { says(it.enrolElsewhereHow) }

            office = Office.start("主管", "127.0.0.1:${steadyPort()}")
            val invitation = office.enrolment(worker)
            handset.startAgain(invitation)
            handset.hold {
                says("没有网络，或服务器没有应答")
                tap("enrol-elsewhere")
                says(Chinese.enrolElsewhereHow)
                assertEquals(invitation, typed("invitation"))
                tap("enrol")
                says("全部已发送")
                assertEquals(office.url, checkNotNull(handset.phone.app.enrolment()).url)
                onNodeWithTag("enrol-elsewhere").assertDoesNotExist()
            }
        }
    }

    private companion object {
        const val SCOPE = "示例：热用户反映两间卧室的散热器不热、支管接头渗水，请带 DN20 截止阀、生料带和备用软管，出发前半小时电话联系"
    }

    /** A port that the system gives to nobody by itself: the office comes back where it was. */
    private fun steadyPort() = (20_000..32_000).shuffled().first { runCatching { ServerSocket(it).close() }.isSuccess }

    private fun sending(handset: Handset) = (handset.folders().first() as Folder.Open).sending.state.value

    private fun SkikoComposeUiTest.tapBack() {
        onNodeWithContentDescription(Chinese.back).performClick()
    }

    private fun closedToOthers(file: File, words: String) {
        val bytes = file.readBytes().toString(Charsets.ISO_8859_1)
        assertTrue(bytes.startsWith("nuanfang/rescue/1\n"))
        assertFalse(words.toByteArray().toString(Charsets.ISO_8859_1) in bytes, "a stranger reads what was written down")
    }

    /** The company's command, with the server stopped. */
    private fun handedIn(file: File): String {
        val command = listOf(System.getProperty("nuanfang.program"), "rescue", file.path, "--data", System.getProperty("nuanfang.data"))
        val process = ProcessBuilder(command).redirectErrorStream(true).start()
        val said = process.inputReader(Charsets.UTF_8).readText()
        assertTrue(process.waitFor(PATIENCE, TimeUnit.MILLISECONDS) && process.exitValue() == 0, said)
        return said
    }
}
