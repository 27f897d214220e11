//! The program `vidimus`; everything is in the library.

fn main() -> std::process::ExitCode {
    vidimus_server::main()
}
