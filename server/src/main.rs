//! The command line of the server; everything is in the library.

fn main() -> std::process::ExitCode {
    nuanfang_server::cli::run()
}
