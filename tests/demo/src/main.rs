//! `nuanfang-demo`: plays one working day, and serves it.

fn main() -> std::process::ExitCode {
    nuanfang_demo::cli::run()
}
