//! What the compiler says of wrong tasks and wrong calls is part of the interface.
//!
//! After a change, look at it and accept it with `TRYBUILD=overwrite cargo test -p raddle --test
//! compile_errors`.

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_errors/*.rs");
}
