//! The recovery key as a person hands it over: from a file, or typed. Never as an argument, where every process sees it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use crate::store::ship::vault_copy::read_key;
use crate::terminal::words;

/// Reads the key from `file`, or asks for it.
pub(super) fn read(file: Option<&Path>) -> Result<[u8; 32], String> {
    let text = match file {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| format!("{}：{}", file.display(), words(&error)))?
        }
        None => asked()?,
    };
    read_key(&text).ok_or_else(|| "恢复密钥应为 64 位十六进制数字（首次备份启动时显示）".to_owned())
}

fn asked() -> Result<String, String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        print!("备份恢复密钥（64 位十六进制）：");
        std::io::stdout().flush().map_err(|error| words(&error))?;
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| words(&error))?;
    Ok(line)
}
