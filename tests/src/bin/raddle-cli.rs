//! The command line of raddle, for the tests: Cargo tells a test only of its own package's programs.
//! Of another name than the real one, which is built into the same folder.

fn main() -> std::process::ExitCode {
    raddle::cli::main()
}
