//! The command line of raddle, for the tests: Cargo tells a test only of its own package's programs.

fn main() -> std::process::ExitCode {
    raddle::cli::main()
}
