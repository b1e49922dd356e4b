//! The command line of the server; everything is in the library.

#[cfg(feature = "mutants")]
compile_error!("the shipped binary breaks no promise: build it without the feature `mutants`");

fn main() -> std::process::ExitCode {
    nuanfang_server::cli::run()
}
