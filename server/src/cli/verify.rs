//! `nuanfang verify`: whether a document or a signed record is what it says. Offline: needs the file, and the
//! supplier's public keys.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::record::{Evidence, Keys, PhotoFile, Verdict, verify_record};

use super::untried;

/// Check a document (.pdf) or a signed record (.json), offline.
///
/// Exit status: 0 valid; 1 invalid, and which part; 2 intact, but nobody to say whose keys they are (give --keys);
/// 3 erased; 4 the file could not be read.
#[derive(Debug, Args)]
pub struct Verify {
    /// The document or record
    file: PathBuf,
    /// The supplier's public keys: keys.json
    #[arg(long)]
    keys: Option<PathBuf>,
    /// A folder with the record's photos
    #[arg(long)]
    photos: Option<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// The file could not be read.
const UNREAD: u8 = 4;

impl Verify {
    /// Prints the verdict.
    pub fn run(self) -> ExitCode {
        match self.verify() {
            Ok(verdict) => {
                if self.json {
                    match serde_json::to_string_pretty(&verdict) {
                        Ok(text) => println!("{text}"),
                        Err(error) => return untried(&error),
                    }
                } else {
                    println!("{}", verdict.text_zh());
                }
                ExitCode::from(verdict.exit_code)
            }
            Err(why) => {
                eprintln!("nuanfang: {why}");
                ExitCode::from(UNREAD)
            }
        }
    }

    fn verify(&self) -> Result<Verdict, String> {
        let bytes = read(&self.file)?;
        let keys = match &self.keys {
            Some(file) => Some(Keys::parse(&read(file)?).map_err(|fault| format!("{}: {fault}", file.display()))?),
            None => None,
        };
        let photos = self.photos.as_deref().map(photos).transpose()?;
        Ok(if nuanfang_documents::is_pdf(&bytes) {
            nuanfang_documents::verify_pdf(&bytes, keys.as_ref(), photos.as_deref())
        } else {
            let evidence = Evidence { strokes: None, image: None, photos: photos.as_deref() };
            verify_record(&bytes, keys.as_ref(), &evidence)
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// All files of a folder, by name and hash.
fn photos(folder: &Path) -> Result<Vec<PhotoFile>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push(PhotoFile { name, sha: Sha::of(&read(&path)?) });
        }
    }
    Ok(found)
}
