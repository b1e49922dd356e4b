//! What is said to the person at the terminal, and how: a pipe that was closed ends nothing, output that could not be
//! written is never passed over as if it had been, and the system's complaints are put into Chinese.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// It could not be tried.
const UNTRIED: u8 = 2;

static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line. Who closed the pipe has read enough; a full disk is remembered for [`ended`].
pub fn say(line: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// Says in one line what is wrong. Where nobody can hear it, there is nobody left to tell.
pub fn complain(why: impl Display) {
    let _ = writeln!(io::stderr(), "nuanfang: {why}");
}

/// Says why something could not be tried.
pub fn untried(why: impl Display) -> ExitCode {
    complain(why);
    ExitCode::from(UNTRIED)
}

/// How the program ends: as `code` says, unless what it had to print was lost.
pub fn ended(code: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) { untried("输出写入失败，内容不完整") } else { code }
}

/// A fault of the program itself is one line too.
pub fn speak_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        complain(format_args!("程序内部错误，请报告：{} ({place})", text.replace('\n', " ")));
    }));
}

/// What the system says of a file or an address.
pub fn words(error: &io::Error) -> String {
    let known = match error.kind() {
        ErrorKind::NotFound => "没有这个文件或目录",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "该路径上有同名文件，不是目录",
        ErrorKind::IsADirectory => "是目录，不是文件",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "磁盘已满",
        ErrorKind::ReadOnlyFilesystem => "文件系统只读",
        ErrorKind::AddrInUse => "端口已被占用",
        ErrorKind::AddrNotAvailable => "本机没有这个地址",
        ErrorKind::TimedOut => "等待超时",
        // EIO, which has no kind of its own.
        _ if error.raw_os_error() == Some(5) => "磁盘读写出错",
        _ => {
            let text = error.to_string();
            return text.split(" (os error").next().unwrap_or_default().to_owned();
        }
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_complaints_come_in_words() {
        assert_eq!(words(&ErrorKind::AddrInUse.into()), "端口已被占用");
        assert_eq!(words(&io::Error::from_raw_os_error(5)), "磁盘读写出错");
        assert_eq!(words(&io::Error::from_raw_os_error(71)), "Protocol error");
        assert_eq!(words(&io::Error::other("示例")), "示例");
    }
}
