//! Embeds the console's built pages. Where nobody has built them, the server says so in a page of its own. And has the shipped
//! binary's addresses packed.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where `npm run build` leaves the console.
const BUILT: &str = "console/dist";

/// What a server without a console shows.
const NO_CONSOLE: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>暖访</title>\
<p>此程序未包含调度台，请先运行 make console 再编译。</p><p lang=\"en\">This build holds no console: run \
<code>make console</code>, then build again.</p></html>\n";

fn main() {
    // The folder is there in any case, so that its becoming full is seen.
    let built = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is")).join(BUILT);
    fs::create_dir_all(&built).expect("the console's folder can be made");
    println!("cargo::rerun-if-changed=build.rs");
    // Two megabytes of where its own parts lie become a hundred kilobytes; glibc reads them so since 2.36.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux")
        && env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu")
    {
        println!("cargo::rustc-link-arg-bin=nuanfang=-Wl,-z,pack-relative-relocs");
    }
    println!("cargo::rerun-if-changed={BUILT}");
    if built.join("index.html").is_file() {
        memory_serve::load_directory(BUILT);
        return;
    }
    let empty = Path::new(&env::var_os("OUT_DIR").expect("cargo says where to write")).join("no-console");
    fs::create_dir_all(&empty).expect("the build's folder can be written");
    fs::write(empty.join("index.html"), NO_CONSOLE).expect("the build's folder can be written");
    memory_serve::load_directory(&empty);
}
