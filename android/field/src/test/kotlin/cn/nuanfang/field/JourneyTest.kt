package cn.nuanfang.field

import cn.nuanfang.core.ChargeTold
import cn.nuanfang.core.ChargedLine
import cn.nuanfang.core.Command
import cn.nuanfang.core.Demonstrated
import cn.nuanfang.core.DraftLine
import cn.nuanfang.core.Explained
import cn.nuanfang.core.FieldException
import cn.nuanfang.core.InstructionOpened
import cn.nuanfang.core.Orientation
import cn.nuanfang.core.PriceListShown
import cn.nuanfang.core.ProblemDescribed
import cn.nuanfang.core.Purpose
import cn.nuanfang.core.QuoteDraft
import cn.nuanfang.core.QuoteState
import cn.nuanfang.core.RecordState
import cn.nuanfang.core.RiskTold
import cn.nuanfang.core.RoomKind
import cn.nuanfang.core.RoomVerdict
import cn.nuanfang.core.VisitState
import cn.nuanfang.core.WorkDone
import cn.nuanfang.core.WorkStarted
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir

/** The day's measurement and repair, through the generated Kotlin, against a live server. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class JourneyTest {
    private lateinit var office: Office
    private lateinit var supervisor: String

    @BeforeAll
    fun open() {
        office = Office.start("主管")
    }

    @AfterAll
    fun close() = office.close()

    /** A phone enrolled for the worker of `badge`, with one visit of `kind` to `household` in its scope. */
    private fun sent(folder: File, badge: String, kind: String, household: String): Pair<Phone, String> {
        val worker = office.worker(badge)
        val now = office.get("/v1/time")["now_ms"].asLong()
        val visit = office.plan(worker, kind, household)
        val phone = Phone(folder, TestClock(now))
        phone.app.enrol(office.enrolment(worker), "JUnit")
        phone.app.syncOnce()
        assertTrue(phone.app.visits().any { it.visit == visit }, "the visit has not reached the phone")
        return phone to visit
    }

    @Test
    fun `a measurement is taken offline, signed, sent and safe`(@TempDir folder: File) {
        val (phone, visit) = sent(folder, badge(5), "measurement", account(41))
        phone.use {
            val early = assertFailsWith<FieldException.Refused> { phone.act(visit, Command.FreezeMeasurement(cn.nuanfang.core.Freeze(null, null))) }
            assertTrue(early.zh.isNotEmpty() && early.code.isNotEmpty())
            phone.goThere(visit)
            val measured =
                phone.measure(
                    visit,
                    listOf(
                        Warmth("bedroom1", RoomKind.BEDROOM, "卧室1", Orientation.NORTH, 168),
                        Warmth("living", RoomKind.LIVING, "起居室", Orientation.SOUTH, 205),
                    ),
                )
            assertEquals(
                listOf(RoomVerdict.BELOW, RoomVerdict.QUALIFIED),
                measured.view.rooms.map { it.verdict },
                "each room is judged by itself",
            )
            phone.sign(visit, Purpose.Measurement, phone.owner(visit))
            assertEquals(VisitState.DONE, phone.complete(visit).view.state)
            assertTrue(phone.app.visitRecords(visit).all { it.state == RecordState.SAVED })

            phone.app.syncOnce()
            assertTrue(phone.app.visitRecords(visit).all { it.state != RecordState.SAVED }, "everything is on the server's disk")
            assertTrue(phone.app.visit(visit).handedIn)
            val shown = office.get("/api/visits/$visit")
            assertEquals("done", shown["card"]["state"].asText())
            assertTrue(shown["documents"].any { it["kind"].asText() == "measurement" }, "$shown")
        }
    }

    @Test
    fun `a paid repair starts only on a signed quote, and a changed line needs a new one`(@TempDir folder: File) {
        val (phone, visit) = sent(folder, badge(6), "repair", account(42))
        phone.use {
            phone.goThere(visit)
            val owner = phone.owner(visit)
            phone.act(visit, Command.DescribeProblem(ProblemDescribed("卧室散热器不热，接头渗水")))
            phone.act(visit, Command.OpenInstruction(InstructionOpened("散热器及支管维修作业指导", "示例-2026")))
            phone.act(visit, Command.ProtectFloor, phone.photo(visit, "photo.floor"))
            phone.act(visit, satisfied("F6-3"))

            phone.quote(visit, listOf("L1" to "JT01"), null)
            val unsigned = assertFailsWith<FieldException.Refused> { phone.act(visit, work("L1")) }
            assertTrue(unsigned.clause.startsWith("F."), unsigned.clause)
            phone.sign(visit, Purpose.Quote(1u), owner)
            phone.act(
                visit,
                Command.TellRisk(RiskTold("踢脚线", "拆卸接头时踢脚线可能受潮或磕碰", listOf("L1"))),
                phone.photo(visit, "photo.before"),
            )
            assertFailsWith<FieldException.Refused> { phone.act(visit, work("L1")) }
            phone.sign(visit, Purpose.Consent("踢脚线"), owner)
            phone.act(visit, work("L1"))

            phone.quote(visit, listOf("L1" to "JT01", "L2" to "GD01"), "支管锈穿，需更换一段")
            assertFailsWith<FieldException.Refused> { phone.act(visit, work("L2")) }
            phone.sign(visit, Purpose.Quote(2u), owner)
            phone.act(visit, work("L2"))
            phone.act(
                visit,
                Command.FinishWork(WorkDone(listOf("L1", "L2"), emergency = false, result = "试压正常")),
                phone.photo(visit, "photo.after"),
            )
            phone.act(visit, satisfied("F11-1", "F11-2", "F5-3"))
            phone.act(visit, Command.Demonstrate(Demonstrated(works = true, note = null)))
            phone.act(visit, Command.Explain(cn.nuanfang.core.Explained("长期外出不要关闭入户阀")))
            phone.sign(visit, Purpose.Acceptance, owner)
            val done = phone.complete(visit)
            assertEquals(listOf(QuoteState.CHANGED, QuoteState.ACCEPTED), done.view.quotes.map { it.state })
            assertEquals(emptyList(), done.view.violations)

            phone.app.syncOnce()
            val kinds = office.get("/api/visits/$visit")["documents"].map { it["kind"].asText() }.toSet()
            assertTrue(kinds.containsAll(setOf("quote", "acceptance")), "$kinds")
        }
    }

    /** Badge and account numbers of the demo's ledger. */
    private fun badge(place: Int) = "SL-%03d".format(place)

    private fun account(number: Int) = "SL%08d".format(number)

    private fun work(line: String) = Command.StartWork(WorkStarted(listOf(line), emergency = null))

    private fun Phone.quote(visit: String, lines: List<Pair<String, String>>, change: String?) {
        val list = app.priceLists().last()
        val drafts =
            lines.map { (line, code) ->
                val item = list.items.first { it.code == code }
                DraftLine(
                    line = line,
                    code = item.code,
                    name = item.name,
                    unit = item.unit,
                    quantityMilli = 1000,
                    material = item.materialFen,
                    labour = item.labourFen,
                    taxRateBp = item.taxBasisPoints,
                    free = !item.charged,
                    ownMaterial = false,
                    warrantyDays = item.warrantyDays ?: 0u,
                )
            }
        act(visit, Command.TellCharge(ChargeTold(drafts.map { ChargedLine(it.line, it.name, it.material + it.labour) })))
        act(visit, Command.ShowPriceList(PriceListShown(list.sha, list.version)))
        act(visit, Command.ShowQuote(QuoteDraft(drafts, list.sha, list.version, 45u * drafts.size.toUInt(), change)))
    }
}
