//! The end of the cluster: a client asks for it, or there has been nothing to do for long enough.

use raddle_net::messages::QueryAnswer;

use super::*;

#[test]
fn a_client_ends_the_cluster() {
    let mut cluster = Cluster::of(&[1]);
    let answer = SchedulerToClient::Answer { id: 7, answer: QueryAnswer::Done };
    assert_eq!(cluster.ask(ANN, Query::Shutdown), vec![tells(ANN, answer), Effect::End]);
}

#[test]
fn what_has_nothing_to_do_for_long_enough_ends() {
    let limit = Duration::from_secs(60);
    let mut cluster = Cluster::with(Config { idle_timeout: limit, ..Config::default() }, &[1]);
    cluster.now = Instant::ZERO + Duration::from_secs(50);
    cluster.ask(ANN, Query::Info);
    let due = cluster.now + limit;
    assert_eq!(cluster.scheduler.next_deadline(), Some((due, Timer::Idle)));
    // While there is work it does not matter that nobody says anything; nor does a worker's word.
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
    cluster.now = cluster.now + Duration::from_secs(100);
    cluster.finish(1, 1, 1);
    let due = cluster.now + limit;
    cluster.now = cluster.now + Duration::from_secs(10);
    assert_eq!(cluster.fetch(1, 1, 1), vec![]);
    assert_eq!(cluster.scheduler.next_deadline(), Some((due, Timer::Idle)));
    assert_eq!(cluster.tick_at_deadline(), vec![Effect::End]);
    // It is said once; whoever goes on nevertheless is heard.
    assert_eq!(cluster.scheduler.next_deadline(), None);
    cluster.ask(ANN, Query::Info);
    let due = cluster.now + limit;
    assert_eq!(cluster.scheduler.next_deadline(), Some((due, Timer::Idle)));
}
