package cn.nuanfang.field

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.io.File
import java.net.CookieManager
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.time.Instant
import java.util.concurrent.TimeUnit

/** A live server on loopback that has played the demo's day, and the office's door to it over HTTP. */
class Office private constructor(private val process: Process, val url: String, password: String, login: String) :
    AutoCloseable {
    private val json = ObjectMapper()
    private val http = HttpClient.newBuilder().cookieHandler(CookieManager()).build()

    init {
        post("/api/session", mapOf("login" to login, "password" to password))
    }

    fun get(path: String): JsonNode = send(HttpRequest.newBuilder(URI(url + path)).GET())

    fun post(path: String, body: Any?): JsonNode =
        send(
            HttpRequest.newBuilder(URI(url + path))
                .header("content-type", "application/json")
                .header("x-nuanfang", "1")
                .POST(HttpRequest.BodyPublishers.ofString(json.writeValueAsString(body)))
        )

    /** A new visit of `kind` to a dwelling of the ledger, within an hour that begins `hours` from now, given to a worker. */
    fun plan(worker: String, kind: String, account: String, scope: String = "示例：Kotlin 行程", hours: Long = 0): String {
        val from = get("/v1/time")["now_ms"].asLong() + hours * 3_600_000
        val visit =
            mapOf(
                "kind" to kind,
                "household" to household(account),
                "window" to mapOf("from_ms" to from, "until_ms" to from + 3_600_000),
                "scope" to scope,
                "assignee" to worker,
                "emergency" to false,
            )
        return post("/api/visits", visit)["id"].asText()
    }

    /** The id of a household in the ledger that is heated and lived in. */
    fun household(accountNumber: String): String {
        val rows = get("/api/households?q=$accountNumber")["rows"]
        return rows.first { it["account_number"].asText() == accountNumber }["id"].asText()
    }

    fun worker(badge: String): String =
        get("/api/workers").first { it["badge_number"].asText() == badge }["id"].asText()

    /** Text of a new enrolment's QR. */
    fun enrolment(worker: String): String = post("/api/workers/$worker/enrolment", null)["text"].asText()

    override fun close() {
        process.destroy()
        check(process.waitFor(180, TimeUnit.SECONDS)) { "the server did not drain" }
    }

    private fun send(request: HttpRequest.Builder): JsonNode {
        val response = http.send(request.build(), HttpResponse.BodyHandlers.ofString())
        check(response.statusCode() in 200..299) { "${response.statusCode()} ${response.uri().path}: ${response.body()}" }
        return if (response.body().isEmpty()) json.nullNode() else json.readTree(response.body())
    }

    companion object {
        /** Starts the server at `listen` and waits until it says where it is and who may log in. */
        fun start(role: String, listen: String = "127.0.0.1:0"): Office {
            val demo = System.getProperty("nuanfang.demo")
            val data = File(System.getProperty("nuanfang.data")).apply { mkdirs() }
            val process =
                ProcessBuilder(demo, "--data", data.path, "--listen", listen).redirectErrorStream(true).start()
            val said = mutableListOf<String>()
            val lines = process.inputReader(Charsets.UTF_8)
            fun next(): String {
                val line = lines.readLine() ?: error("the server ended:\n" + said.joinToString("\n"))
                return line.also(said::add)
            }
            fun after(name: String): String {
                while (true) {
                    val line = next().trim()
                    if (line.startsWith(name)) return line.removePrefix(name).trim()
                }
            }
            val url = after("调度台 console").removeSuffix("/")
            val password = after("密码 password")
            val login = after(role)
            // What it says later is read away, so that it never waits for a reader; it may end at any time.
            Thread { runCatching { lines.forEachLine {} } }.apply { isDaemon = true }.start()
            return Office(process, url, password, login)
        }

        fun now(): Long = Instant.now().toEpochMilli()
    }
}
