//! Max–min fair shares of links: no transfer gets more at the cost of one that has less.
//!
//! It must not know time or values.

/// Who sends to whom.
pub(super) type Pair = (usize, usize);

/// What each transfer gets, in bytes a second, if each worker sends `link` at most and receives as
/// much: progressive filling. Of the links in use, the one that has least for each of its transfers
/// fixes theirs; the rest is shared among the others in the same way.
pub(super) fn shares(pairs: &[Pair], workers: usize, link: f64) -> Vec<f64> {
    let mut shares: Vec<Option<f64>> = vec![None; pairs.len()];
    let mut left = vec![link; 2 * workers];
    let mut open = vec![0_u32; 2 * workers];
    let links = |(from, to): Pair| [2 * from, 2 * to + 1];
    for &pair in pairs {
        links(pair).into_iter().for_each(|link| open[link] += 1);
    }
    while let Some((narrowest, share)) = narrowest(&left, &open) {
        for (pair, given) in pairs.iter().zip(&mut shares) {
            if given.is_none() && links(*pair).contains(&narrowest) {
                *given = Some(share);
                for link in links(*pair) {
                    left[link] = (left[link] - share).max(0.0);
                    open[link] -= 1;
                }
            }
        }
    }
    shares.into_iter().map(|share| share.expect("every transfer has a link in use")).collect()
}

fn narrowest(left: &[f64], open: &[u32]) -> Option<(usize, f64)> {
    let used = (0..left.len()).filter(|&link| open[link] > 0);
    let shares = used.map(|link| (link, left[link] / f64::from(open[link])));
    shares.min_by(|(_, a), (_, b)| a.total_cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transfer_gets_the_whole_link() {
        assert_eq!(shares(&[(0, 1)], 2, 8.0), [8.0]);
    }

    #[test]
    fn transfers_of_a_sender_share_what_it_sends() {
        assert_eq!(shares(&[(0, 1), (0, 2), (0, 3)], 4, 9.0), [3.0, 3.0, 3.0]);
    }

    #[test]
    fn what_one_cannot_use_is_given_to_another() {
        // Three share what 0 sends; what 4 receives is left to the one that comes from elsewhere.
        let pairs = [(0, 1), (0, 2), (0, 4), (3, 4)];
        assert_eq!(shares(&pairs, 5, 9.0), [3.0, 3.0, 3.0, 6.0]);
    }

    #[test]
    fn both_directions_of_a_worker_are_links_of_their_own() {
        assert_eq!(shares(&[(0, 1), (1, 0)], 2, 5.0), [5.0, 5.0]);
    }
}
