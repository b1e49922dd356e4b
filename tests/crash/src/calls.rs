//! The file system's calls, taken from libc's place for the whole process: SQLite's own file layer and `std::fs` both
//! end here, so that one record holds the order of everything that reaches the disk. Files outside a [`crate::disk::Disk`]
//! go straight to the kernel.
//!
//! A VFS registered with SQLite would see less: the phone's migration renames its database, and files of photos are
//! synced and renamed, past SQLite.

#![allow(unsafe_code, reason = "standing in for libc's calls is only possible by their C names")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{mode_t, off_t, off64_t, size_t, ssize_t};

use crate::recording::{self, Call, Verdict};

fn fail(errno: c_int) -> c_int {
    // SAFETY: the location of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// # Safety
/// `path` is a C string, as the callers of the C functions promise.
unsafe fn path_of<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: promised by the caller.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()))
}

/// # Safety
/// As open(2). The mode is read only where the kernel reads it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let raw = || {
        // SAFETY: the arguments are the caller's.
        unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, c_uint::from(mode)) as c_int }
    };
    // SAFETY: `path` is a C string by contract of open(2).
    match recording::opening(unsafe { path_of(path) }, flags) {
        None => raw(),
        Some(opening) => opening.done(raw).unwrap_or_else(fail),
    }
}

/// # Safety
/// As open(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { open64(path, flags, mode) }
}

/// # Safety
/// As close(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    recording::closing(fd);
    // SAFETY: the descriptor is the caller's.
    unsafe { libc::syscall(libc::SYS_close, fd) as c_int }
}

/// # Safety
/// As write(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, len: size_t) -> ssize_t {
    // SAFETY: the arguments are the caller's.
    let raw = |len: size_t| unsafe { libc::syscall(libc::SYS_write, fd, bytes, len) as ssize_t };
    if !recording::is_ours(fd) {
        return raw(len);
    }
    // SAFETY: asks for the position only.
    let at = unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) };
    // SAFETY: `bytes` holds `len` bytes by contract of write(2).
    unsafe { written(fd, at.unsigned_abs(), bytes, len, raw) }
}

/// # Safety
/// As pwrite(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, len: size_t, at: off64_t) -> ssize_t {
    // SAFETY: the arguments are the caller's.
    let raw = |len: size_t| unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes, len, at) as ssize_t };
    if !recording::is_ours(fd) {
        return raw(len);
    }
    // SAFETY: `bytes` holds `len` bytes by contract of pwrite(2).
    unsafe { written(fd, at.unsigned_abs(), bytes, len, raw) }
}

/// # Safety
/// As pwrite(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, len: size_t, at: off_t) -> ssize_t {
    // SAFETY: the same contract; both offsets have 64 bits here.
    unsafe { pwrite64(fd, bytes, len, at) }
}

/// # Safety
/// `bytes` holds `len` bytes.
unsafe fn written(
    fd: c_int,
    at: u64,
    bytes: *const c_void,
    len: size_t,
    raw: impl FnOnce(size_t) -> ssize_t,
) -> ssize_t {
    // SAFETY: promised by the caller.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len) };
    match recording::doing(fd, &Call::Write { at, bytes }) {
        Verdict::Fail(errno) => fail(errno) as ssize_t,
        Verdict::Short(len) => raw(len),
        Verdict::Go | Verdict::Skip => raw(len),
    }
}

/// # Safety
/// As ftruncate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, len: off64_t) -> c_int {
    match recording::doing(fd, &Call::Length(len.unsigned_abs())) {
        Verdict::Fail(errno) => fail(errno),
        // SAFETY: the arguments are the caller's.
        _ => unsafe { libc::syscall(libc::SYS_ftruncate, fd, len) as c_int },
    }
}

/// # Safety
/// As ftruncate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, len: off_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { ftruncate64(fd, len) }
}

/// # Safety
/// As fsync(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    match recording::doing(fd, &Call::Sync) {
        Verdict::Fail(errno) => fail(errno),
        // A disk in memory has nothing to wait for.
        Verdict::Skip => 0,
        // SAFETY: the descriptor is the caller's.
        _ => unsafe { libc::syscall(libc::SYS_fsync, fd) as c_int },
    }
}

/// # Safety
/// As fdatasync(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: the same contract.
    unsafe { fsync(fd) }
}

/// # Safety
/// As rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the arguments are the caller's.
    let raw = || unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) as c_int };
    // SAFETY: C strings by contract of rename(2).
    recording::renaming(unsafe { path_of(from) }, unsafe { path_of(to) }, raw).unwrap_or_else(fail)
}

/// # Safety
/// As unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the arguments are the caller's.
    let raw = || unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int };
    // SAFETY: a C string by contract of unlink(2).
    recording::removing(unsafe { path_of(path) }, raw).unwrap_or_else(fail)
}

/// # Safety
/// As mkdir(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the arguments are the caller's.
    let raw = || unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, c_uint::from(mode)) as c_int };
    // SAFETY: a C string by contract of mkdir(2).
    recording::making_folder(unsafe { path_of(path) }, raw).unwrap_or_else(fail)
}

/// Files of ours are copied by reading and writing, which is recorded.
///
/// # Safety
/// As copy_file_range(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    at_from: *mut off64_t,
    to: c_int,
    at_to: *mut off64_t,
    len: size_t,
    flags: c_uint,
) -> ssize_t {
    if recording::is_ours(to) {
        return fail(libc::ENOSYS) as ssize_t;
    }
    // SAFETY: the arguments are the caller's.
    unsafe { libc::syscall(libc::SYS_copy_file_range, from, at_from, to, at_to, len, flags) as ssize_t }
}

/// As [`copy_file_range`].
///
/// # Safety
/// As sendfile(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile64(to: c_int, from: c_int, at: *mut off64_t, len: size_t) -> ssize_t {
    if recording::is_ours(to) {
        return fail(libc::EINVAL) as ssize_t;
    }
    // SAFETY: the arguments are the caller's.
    unsafe { libc::syscall(libc::SYS_sendfile, to, from, at, len) as ssize_t }
}

/// Makes sure that the linker took this file's functions.
pub(crate) fn present() {}
