//! Whose turn it is: of the clients that have tasks queued, the one for which the least has been done.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng, 1996), with clients as flows: what is done for a
//! client advances its own clock, and the client whose clock is behind goes first. A client that comes
//! starts at the time of those that are there, so that nobody saves up what was not asked for. Clocks
//! are compared in grains: for so long one client goes on, and no order changes.
//!
//! This module must not know tasks, nor what anything costs.

use std::collections::{BTreeMap, BTreeSet};

use super::client::ClientId;

/// Nanoseconds that make a difference: about one millisecond.
const GRAIN: u32 = 20;
/// How far a client may be behind, in nanoseconds: one whose tasks nobody could run does not go first
/// for as long as that was so.
const CREDIT: u64 = 1_000_000_000;

/// The clocks of clients.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    accounts: BTreeMap<ClientId, Account>,
    /// Those that have tasks queued.
    turns: BTreeSet<(u64, ClientId)>,
    /// The latest clock at which a client was ever served.
    now: u64,
}

/// What was done for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    /// In nanoseconds of workers' time, since it came, and what others had when it came.
    spent: u64,
    /// Whether tasks of its own are queued.
    queues: bool,
    /// Whether it is there: otherwise others want its tasks.
    here: bool,
}

impl Account {
    const fn turn(self, client: ClientId) -> (u64, ClientId) {
        (self.spent >> GRAIN, client)
    }
}

impl Shares {
    /// A client has come.
    pub fn open(&mut self, client: ClientId) {
        let account = Account { spent: self.time(), queues: false, here: true };
        self.accounts.insert(client, account);
    }

    /// A client has gone.
    pub fn close(&mut self, client: ClientId) {
        if let Some(account) = self.accounts.get_mut(&client) {
            account.here = false;
            self.drop_if_empty(client);
        }
    }

    /// Whether a client has tasks queued.
    pub fn queues(&mut self, client: ClientId, queues: bool) {
        let time = self.time();
        let fresh = Account { spent: time, queues: false, here: false };
        let account = self.accounts.entry(client).or_insert(fresh);
        if account.queues == queues {
            return;
        }
        account.queues = queues;
        if queues {
            account.spent = account.spent.max(time);
            self.turns.insert(account.turn(client));
        } else {
            self.turns.remove(&account.turn(client));
            self.drop_if_empty(client);
        }
    }

    /// The time of those that are there: that of the first in turn, which may have been refunded since
    /// it was served.
    fn time(&self) -> u64 {
        self.turns.first().map_or(self.now, |(turn, _)| self.now.min(turn << GRAIN))
    }

    /// It is this client's turn.
    pub fn serve(&mut self, client: ClientId) {
        if let Some(account) = self.accounts.get(&client) {
            self.now = self.now.max(account.spent);
        }
    }

    /// So much is done for a client, in nanoseconds.
    pub fn spend(&mut self, client: ClientId, nanos: u64) {
        let least = self.now.saturating_sub(CREDIT);
        self.change(client, |spent| spent.max(least).saturating_add(nanos));
    }

    /// So much was not done for it after all.
    pub fn refund(&mut self, client: ClientId, nanos: u64) {
        self.change(client, |spent| spent.saturating_sub(nanos));
    }

    /// The clients that have tasks queued, in their order.
    pub fn turns(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.turns.iter().map(|&(_, client)| client)
    }

    /// Whether a client is among them.
    pub fn has_turn(&self, client: ClientId) -> bool {
        let account = self.accounts.get(&client).filter(|account| account.queues);
        account.is_some_and(|account| self.turns.contains(&account.turn(client)))
    }

    /// Whether those who have an account are those who are there or have tasks queued, and those who
    /// have a turn are those with tasks queued.
    pub fn are(&self, here: &BTreeSet<ClientId>, queue: &BTreeSet<ClientId>) -> bool {
        let expected = here
            .union(queue)
            .map(|client| (*client, here.contains(client), queue.contains(client)));
        let accounts = self.accounts.iter();
        let turns = accounts.clone().filter(|(_, account)| account.queues);
        let turns: BTreeSet<_> = turns.map(|(client, account)| account.turn(*client)).collect();
        expected.eq(accounts.map(|(client, account)| (*client, account.here, account.queues)))
            && turns == self.turns
    }

    fn change(&mut self, client: ClientId, change: impl FnOnce(u64) -> u64) {
        let Some(account) = self.accounts.get_mut(&client) else { return };
        let before = account.turn(client);
        account.spent = change(account.spent);
        let after = account.turn(client);
        if account.queues && before != after {
            self.turns.remove(&before);
            self.turns.insert(after);
        }
    }

    fn drop_if_empty(&mut self, client: ClientId) {
        if self.accounts.get(&client).is_some_and(|account| !account.here && !account.queues) {
            self.accounts.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1 << GRAIN;
    const A: ClientId = ClientId(1);
    const B: ClientId = ClientId(2);

    /// Who is served, each time for so long.
    fn serve(shares: &mut Shares, times: usize, cost: impl Fn(ClientId) -> u64) -> Vec<u32> {
        let turns = (0..times).map(|_| {
            let client = shares.turns().next().unwrap();
            shares.serve(client);
            shares.spend(client, cost(client));
            client.0
        });
        turns.collect()
    }

    fn both() -> Shares {
        let mut shares = Shares::default();
        for client in [A, B] {
            shares.open(client);
            shares.queues(client, true);
        }
        shares
    }

    #[test]
    fn those_who_ask_for_the_same_take_turns() {
        assert_eq!(serve(&mut both(), 6, |_| MS), [1, 2, 1, 2, 1, 2]);
    }

    #[test]
    fn one_whose_tasks_are_long_has_fewer_turns() {
        let turns = serve(&mut both(), 8, |client| if client == A { 3 * MS } else { MS });
        assert_eq!(turns, [1, 2, 2, 2, 1, 2, 2, 2]);
    }

    #[test]
    fn one_who_comes_later_has_saved_nothing() {
        let mut shares = both();
        shares.queues(B, false);
        assert_eq!(serve(&mut shares, 5, |_| MS), [1; 5]);
        shares.queues(B, true);
        assert_eq!(serve(&mut shares, 4, |_| MS), [2, 1, 2, 1]);
    }

    #[test]
    fn one_who_comes_does_not_wait_for_what_the_others_got_back() {
        let mut shares = Shares::default();
        shares.open(A);
        shares.queues(A, true);
        assert_eq!(serve(&mut shares, 4, |_| 500 * MS), [1; 4]);
        // It took far less than was expected.
        shares.refund(A, 1_960 * MS);
        shares.open(B);
        shares.queues(B, true);
        assert_eq!(serve(&mut shares, 6, |_| 10 * MS), [1, 2, 1, 2, 1, 2]);
    }

    #[test]
    fn one_whom_nobody_could_serve_is_soon_even() {
        let mut shares = both();
        for _ in 0..5_000 {
            shares.serve(A);
            shares.spend(A, MS);
        }
        shares.serve(A);
        let credit = CREDIT / MS;
        let turns = serve(&mut shares, 2 * credit as usize, |_| MS);
        let for_b = turns.iter().filter(|client| **client == B.0).count() as u64;
        assert!((credit..credit + credit / 2 + 2).contains(&for_b), "{for_b} of {credit}");
    }

    #[test]
    fn what_was_not_done_is_given_back() {
        let mut shares = both();
        shares.spend(A, 2 * MS);
        shares.refund(A, 2 * MS);
        assert_eq!(serve(&mut shares, 2, |_| MS), [1, 2]);
    }

    #[test]
    fn an_account_is_kept_for_who_is_there_or_has_tasks_queued() {
        let mut shares = both();
        let set = |clients: &[ClientId]| clients.iter().copied().collect::<BTreeSet<_>>();
        assert!(shares.are(&set(&[A, B]), &set(&[A, B])));
        shares.close(A);
        shares.queues(B, false);
        assert!(shares.are(&set(&[B]), &set(&[A])));
        shares.queues(A, false);
        shares.close(B);
        assert!(shares.are(&set(&[]), &set(&[])) && shares.accounts.is_empty());
    }
}
