//! The command line `raddle`; see `raddle::cli`.

fn main() -> std::process::ExitCode {
    raddle::cli::main()
}
