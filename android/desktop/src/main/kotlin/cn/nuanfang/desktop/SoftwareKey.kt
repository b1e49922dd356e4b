package cn.nuanfang.desktop

import cn.nuanfang.core.Keystore
import java.io.File
import java.math.BigInteger
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import java.nio.file.attribute.PosixFilePermissions
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.SecureRandom
import java.security.Signature
import java.security.spec.ECGenParameterSpec
import java.security.spec.PKCS8EncodedKeySpec
import java.security.interfaces.ECPublicKey

/**
 * The device's key and the database's, in files of their owner alone. A computer has no StrongBox: enough to try the
 * screens, not for residents' data.
 */
class SoftwareKey private constructor(private val private: PrivateKey, private val point: ByteArray, val databaseKey: ByteArray) : Keystore {
    override fun publicKey(): ByteArray = point

    override fun sign(message: ByteArray): ByteArray =
        Signature.getInstance("SHA256withECDSAinP1363Format").run {
            initSign(private)
            update(message)
            sign()
        }

    companion object {
        /** The keys of `folder`; made if there are none. */
        fun open(folder: File): SoftwareKey {
            Files.createDirectories(folder.toPath())
            val file = File(folder, "keys")
            if (!file.exists()) make(file)
            val bytes = file.readBytes()
            val private = KeyFactory.getInstance("EC").generatePrivate(PKCS8EncodedKeySpec(bytes.copyOfRange(POINT + DATABASE, bytes.size)))
            return SoftwareKey(private, bytes.copyOfRange(0, POINT), bytes.copyOfRange(POINT, POINT + DATABASE))
        }

        private fun make(file: File) {
            val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
            val at = (pair.public as ECPublicKey).w
            val point = byteArrayOf(4) + coordinate(at.affineX) + coordinate(at.affineY)
            val database = ByteArray(DATABASE).also(SecureRandom()::nextBytes)
            val own = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            val part = Files.createTempFile(file.parentFile.toPath(), "keys", ".part", own)
            // What is encrypted under it must not outlive it.
            FileChannel.open(part, StandardOpenOption.WRITE).use {
                it.write(ByteBuffer.wrap(point + database + pair.private.encoded))
                it.force(true)
            }
            Files.move(part, file.toPath(), StandardCopyOption.ATOMIC_MOVE)
            FileChannel.open(file.parentFile.toPath(), StandardOpenOption.READ).use { it.force(true) }
        }

        private fun coordinate(value: BigInteger): ByteArray {
            val bytes = value.toByteArray().takeLast(32).toByteArray()
            return ByteArray(32 - bytes.size) + bytes
        }

        private const val POINT = 65
        private const val DATABASE = 32
    }
}
