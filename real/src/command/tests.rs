//! Commands on this thread, without a worker.

use super::output::{Keep, Kept};

fn kept(keep: Keep, limit: u64, pushes: &[&str]) -> (String, u64) {
    let mut kept = Kept::new(keep, limit);
    pushes.iter().for_each(|push| kept.push(push.as_bytes()));
    let (bytes, dropped) = kept.finish();
    (String::from_utf8(bytes).expect("text"), dropped)
}

#[test]
fn of_too_long_an_output_the_first_or_the_last_bytes_are_kept_and_the_others_counted() {
    let pushes = ["abc", "def", "ghijklmnop", "q"];
    assert_eq!(kept(Keep::First, 4, &pushes), ("abcd".to_owned(), 13));
    assert_eq!(kept(Keep::Last, 4, &pushes), ("nopq".to_owned(), 13));
    for keep in [Keep::First, Keep::Last] {
        assert_eq!(kept(keep, 17, &pushes), ("abcdefghijklmnopq".to_owned(), 0));
        assert_eq!(kept(keep, 0, &pushes), (String::new(), 17));
    }
}
