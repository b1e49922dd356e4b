package cn.nuanfang.field

import cn.nuanfang.core.Command
import cn.nuanfang.core.Datum
import cn.nuanfang.core.FieldApp
import cn.nuanfang.core.FieldConfig
import cn.nuanfang.core.FieldVisit
import cn.nuanfang.core.Keystore
import cn.nuanfang.core.Place
import cn.nuanfang.core.PlaceFix
import cn.nuanfang.core.PlatformClock
import cn.nuanfang.core.Purpose
import cn.nuanfang.core.SignRequest
import cn.nuanfang.core.Signer
import cn.nuanfang.core.SignerRole
import cn.nuanfang.core.StrokePoint
import cn.nuanfang.core.Strokes
import java.awt.BasicStroke
import java.awt.Color
import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.io.File
import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.UUID
import javax.imageio.ImageIO

/** A P-256 key in memory, where a phone has its keystore. */
class MemoryKeystore : Keystore {
    private val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

    override fun publicKey(): ByteArray {
        val point = (pair.public as ECPublicKey).w
        fun part(value: java.math.BigInteger) = value.toByteArray().takeLast(32).toByteArray().let { ByteArray(32 - it.size) + it }
        return byteArrayOf(4) + part(point.affineX) + part(point.affineY)
    }

    override fun sign(message: ByteArray): ByteArray =
        Signature.getInstance("SHA256withECDSAinP1363Format").run {
            initSign(pair.private)
            update(message)
            sign()
        }
}

/** A clock that the test moves on: minutes pass at once. */
class TestClock(startMs: Long) : PlatformClock {
    private val boot = UUID.randomUUID().toString()
    private val start = startMs
    private var passed = 0L

    fun pass(seconds: Long) {
        passed += seconds * 1000
    }

    override fun wallMs(): Long = start + passed

    override fun monoMs(): ULong = (600_000 + passed).toULong()

    override fun boot(): String = boot
}

/** A worker's phone: the generated bindings, an encrypted store, a pad and a camera. */
class Phone(folder: File, val clock: TestClock) : AutoCloseable {
    val app =
        FieldApp(
            FieldConfig(
                dir = folder.path,
                key = ByteArray(32).also(SecureRandom()::nextBytes),
                tz = "Asia/Shanghai",
                appVersion = "0.1.0-junit",
                rootPem = null,
            ),
            MemoryKeystore(),
            clock,
        )

    fun act(visit: String, command: Command, vararg photos: String): FieldVisit {
        clock.pass(30)
        return app.act(visit, command, photos.toList())
    }

    fun photo(visit: String, role: String): String = app.capturePhoto(visit, role, jpeg()).sha

    fun sign(visit: String, purpose: Purpose, signer: String): FieldVisit {
        val shown = app.prepareRecord(visit, purpose)
        clock.pass(60)
        val strokes = listOf(List(24) { StrokePoint(60 + it * 22, 120 + (it * 37 % 90), it * 16) })
        return app.sign(
            visit,
            SignRequest(
                purpose = purpose,
                signer = Signer(signer, SignerRole.OWNER),
                strokes = Strokes(640u, 240u, strokes),
                imagePng = png(strokes),
                keepStrokes = true,
                shownSha = shown.shownSha,
                photos = emptyList(),
                witness = null,
                place = place(),
            ),
        )
    }

    fun place(): Place =
        Place.Fix(PlaceFix(399_805_100, 1_163_102_400, Datum.WGS84, 12u, "gps", true, clock.wallMs()))

    override fun close() = app.close()

    private fun jpeg(): ByteArray {
        val picture = BufferedImage(1200, 900, BufferedImage.TYPE_INT_RGB)
        picture.createGraphics().apply {
            color = Color(150, 110, 90)
            fillRect(0, 0, 1200, 900)
            color = Color.WHITE
            fillOval((clock.wallMs() % 700).toInt(), 200, 320, 320)
            dispose()
        }
        return ByteArrayOutputStream().also { ImageIO.write(picture, "jpg", it) }.toByteArray()
    }

    private fun png(strokes: List<List<StrokePoint>>): ByteArray {
        val picture = BufferedImage(640, 240, BufferedImage.TYPE_INT_ARGB)
        picture.createGraphics().apply {
            color = Color.BLACK
            stroke = BasicStroke(4f)
            for (stroke in strokes) {
                stroke.zipWithNext { from, to -> drawLine(from.x, from.y, to.x, to.y) }
            }
            dispose()
        }
        return ByteArrayOutputStream().also { ImageIO.write(picture, "png", it) }.toByteArray()
    }
}
