//! A worker program with the tasks of the tests; started by itself it says what it is.

use raddle_tests as _;

#[raddle::main]
async fn main() -> raddle::Result<()> {
    Err(std::io::Error::other("this program is started as a worker, by tests").into())
}
